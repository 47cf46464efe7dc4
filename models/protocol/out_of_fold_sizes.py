"""Out-of-fold sizes: the parameter that sizes a fold was chosen without that fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.applications.base import NoChoice
from tradesieve.models.applications.registry import application_named
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness import MINIMUM_TRADES, Fitness
from tradesieve.models.splits import Fold


def out_of_fold_sizes(
    application_name: str,
    scores: np.ndarray,
    dataset: Dataset,
    folds: Sequence[Fold],
    *,
    fitness: Fitness,
    minimum_trades: int = MINIMUM_TRADES,
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Size every fold with the parameter that is best on the other folds' out-of-fold scores.

    Of the other folds' rows only those in ``fold.train`` are used: they are purged of this fold's span, and in a
    walk-forward they are the past. A fold for which nothing qualifies (the first one of a walk-forward always) gets
    size 0 throughout, and its entry in `chosen` says why: nobody trades live without a chosen parameter.

    Parameters
    ----------
    scores : float (n_trades,), out-of-fold scores; NaN where a row was never in a test fold: size 0, and no part in the
        choice.

    Returns
    -------
    sizes : float64 (n_trades,).
    chosen : one dict a fold: ``fold``, ``n_rows`` chosen on, ``parameters`` (None when nothing qualified), ``error``.

    Raises
    ------
    NoChoice : if nothing qualifies for any fold.
    BadInput : if a row with a score is in no test fold, or in two.
    """
    kind = application_named(application_name)
    tested = np.bincount(np.concatenate([fold.test for fold in folds]), minlength=len(dataset))
    if np.any(tested > 1) or np.any(~np.isnan(scores) & (tested == 0)):
        raise BadInput(
            "out-of-fold scores need each scored row in exactly one test fold: were they made on these folds?"
        )
    sizes = np.zeros(len(dataset))
    chosen: list[dict[str, Any]] = []
    for number, fold in enumerate(folds):
        rows = fold.train[~np.isnan(scores[fold.train])]
        entry: dict[str, Any] = {"fold": number, "n_rows": len(rows), "parameters": None, "error": None}
        try:
            application = kind.fit(scores[rows], dataset.take(rows), fitness=fitness, minimum_trades=minimum_trades)
        except NoChoice as reason:
            entry["error"] = str(reason)
        else:
            entry["parameters"] = application.parameters()
            sizes[fold.test] = application.sizes(scores[fold.test], dataset.instance[fold.test])
        chosen.append(entry)
    if all(entry["parameters"] is None for entry in chosen):
        raise NoChoice(f"in no fold: {chosen[-1]['error']}" if chosen else "there are no folds")
    return sizes, chosen
