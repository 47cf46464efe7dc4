"""Leakage: columns, or scores, that tell winners from losers better than anything known at the decision can.

How well values tell them apart is the area under the ROC curve (AUC): the chance that a winner has the higher value
than a loser (Mann and Whitney, 1947). It asks for the sign of the outcome, not for its size, which a volatility tells
honestly. On the strongest planted trends of the studies, the best factor reaches 0.62.

A leak that keeps or inverts the order of the outcomes is found in its column, any other in the out-of-fold scores of a
model that learned it. A faint one is not found here.
"""

from __future__ import annotations

import math

import numpy as np

from tradesieve.features.profiling.clusters import average_ranks
from tradesieve.market.errors import BadData
from tradesieve.models.dataset import Dataset

TOO_GOOD = 0.9
"""An AUC this far from one half, or farther, is a leak."""
_DEVIATIONS = 5.0
"""It must be so many standard deviations from one half, too: among a few trades, luck separates as well."""


def separation(values: np.ndarray, won: np.ndarray) -> float:
    """Compute how well values tell winners from losers, in either direction.

    Parameters
    ----------
    values : float64 (n_trades,); NaN is left out.
    won : bool (n_trades,).

    Returns
    -------
    The AUC or one less it, whichever is larger: 0.5 to 1. 0.5 where it could be luck, or there are no two classes.

    Examples
    --------
    >>> won = np.arange(100) % 2 == 0
    >>> separation(won * 1.0, won), separation(-np.arange(100.0), won)
    (1.0, 0.5)
    """
    known = ~np.isnan(values)
    won = won[known]
    n_won, n_lost = int(np.count_nonzero(won)), int(np.count_nonzero(~won))
    if not n_won or not n_lost:
        return 0.5
    above = float(average_ranks(values[known])[won].sum()) - n_won * (n_won + 1) / 2
    distance = abs(above / (n_won * n_lost) - 0.5)
    deviation = math.sqrt((n_won + n_lost + 1) / (12 * n_won * n_lost))
    return 0.5 + distance if distance > _DEVIATIONS * deviation else 0.5


def check_leakage(dataset: Dataset) -> None:
    """Refuse features that tell winners from losers too well, or that are missing too often for one of them.

    Raises
    ------
    BadData : with their names.
    """
    won = dataset.net_return > 0
    leaks = []
    for name, values in zip(dataset.feature_names, dataset.X.T, strict=True):
        missing = np.isnan(values).astype(np.float64)
        found = max(separation(values, won), separation(missing, won) if missing.any() else 0.5)
        if found >= TOO_GOOD:
            leaks.append(f"{name} (in {found:.1%} of the pairs)")
    if leaks:
        raise BadData(
            f"{', '.join(leaks)} tells winning trades from losing ones: nothing that is known at the decision does so, "
            "so it holds the outcome or reads bars after the decision. Leave it out"
        )


def leaked_scores(scores: np.ndarray, dataset: Dataset) -> str | None:
    """Say that out-of-fold scores tell winners from losers too well; None if they do not."""
    found = separation(scores, dataset.net_return > 0)
    if found < TOO_GOOD:
        return None
    return (
        f"the scores tell winning trades from losing ones in {found:.1%} of the pairs: some features together hold the "
        "outcome, or read bars after the decision"
    )
