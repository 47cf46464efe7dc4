"""Weights of training rows: how much each of them counts, from the training rows alone.

Trades that are open at the same time share the market's moves, so they say less than as many trades one after another
(Lopez de Prado, 2018, Advances in Financial Machine Learning, chapter 4). Spans are those of the trades, from decision
to exit, of all symbols and rules together, as folds purge them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tradesieve.market.errors import lookup
from tradesieve.models.dataset import Dataset

UNIFORM = "uniform"

_OLDEST = 0.5
_SMALLEST = 0.01


def weights(name: str, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Weigh training rows; only the proportions count.

    Parameters
    ----------
    name : of `WEIGHTS`.
    rows : int64, ascending: the training rows. Others are not read.

    Returns
    -------
    float64 (n_rows,), positive: the dataset's own weights times those of the scheme.

    Raises
    ------
    Unknown : if there is no such scheme.
    """
    return dataset.weight[rows] * lookup("weights", name, WEIGHTS)(dataset, rows)


def average_uniqueness(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Compute the mean, over each span, of one over the number of spans that are open.

    Parameters
    ----------
    start, end : int64 (n,), each end after its start.

    Returns
    -------
    float64 (n,), above 0 and at most 1.

    Examples
    --------
    Two spans that share half of their time, and one alone:

    >>> average_uniqueness(np.array([0, 5, 20]), np.array([10, 15, 30]))
    array([0.75, 0.75, 1.  ])
    """
    times = np.unique(np.concatenate([start, end]))
    n_open = np.searchsorted(np.sort(start), times, side="right") - np.searchsorted(np.sort(end), times, side="right")
    shares = np.diff(times) / np.maximum(n_open[:-1], 1)
    until = np.concatenate([[0.0], np.cumsum(shares)])
    return (until[np.searchsorted(times, end)] - until[np.searchsorted(times, start)]) / (end - start)


def _uniform(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    return np.ones(len(rows))


def _uniqueness(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Weigh each trade by its average uniqueness among the training rows."""
    return average_uniqueness(dataset.decision_time[rows], dataset.exit_time[rows])


def _return_attribution(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Weigh each trade by the size of its net return times its uniqueness; by a hundredth of the mean at least."""
    attributed = np.abs(dataset.net_return[rows]) * _uniqueness(dataset, rows)
    mean = float(attributed.mean())
    return np.maximum(attributed, _SMALLEST * mean) if mean > 0.0 else np.ones(len(rows))


def _time_decay(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Weigh the newest trade with 1 and the oldest with a half, linear in the uniqueness of the trades in between."""
    age = np.cumsum(_uniqueness(dataset, rows))
    return _OLDEST + (1.0 - _OLDEST) * age / age[-1]


WEIGHTS: dict[str, Callable[[Dataset, np.ndarray], np.ndarray]] = {
    UNIFORM: _uniform,
    "uniqueness": _uniqueness,
    "return_attribution": _return_attribution,
    "time_decay": _time_decay,
}
"""The schemes by name."""
