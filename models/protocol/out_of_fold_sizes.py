"""Out-of-fold sizes: the parameters that size a fold are chosen without that fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.applications.base import NoChoice
from tradesieve.models.applications.registry import application_named
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.registry import MINIMUM_TRADES, Fitness
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
    """Size the trades of every fold by an application fitted on other folds.

    1. For each fold, take the rows of ``fold.train`` that have an out-of-fold score. They are purged of the fold's
       span, and in a walk-forward they are the past.
    2. Choose the application's parameters on them by fitness, and size the fold's test rows with these.
    3. Where no parameters qualify (always in the first fold of a walk-forward), the sizes are 0 and `chosen` says why.

    Parameters
    ----------
    scores : float (n_trades,), out-of-fold scores; NaN where no fold tests the row: size 0, and left out of the choice.

    Returns
    -------
    sizes : float64 (n_trades,).
    chosen : one dict per fold: ``fold``, ``n_rows`` chosen on, ``parameters`` (None if none qualified), ``error``.

    Raises
    ------
    NoChoice : if no parameters qualify for any fold.
    BadInput : if a row with a score is in no test fold or in two.
    """
    kind = application_named(application_name)
    tested = np.bincount(np.concatenate([fold.test for fold in folds]), minlength=len(dataset))
    if np.any(tested > 1) or np.any(~np.isnan(scores) & (tested == 0)):
        raise BadInput("each scored row must be in exactly one test fold: the scores are of other folds")
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
        raise NoChoice(f"in all folds: {chosen[-1]['error']}" if chosen else "there are no folds")
    return sizes, chosen
