"""Splits: a sealed hold-out, and purged folds of training and test rows.

A row's span is the closed interval [decision_time, exit_time], the time that its outcome covers; where its label is
known later, it ends then, see `models.dataset.Dataset.span_end`. Purging drops every training row whose span overlaps
the span of a test block, across all symbols, because markets move together (Lopez de Prado, 2018, chapter 7). It works
on spans, not on counts of rows, so exits may come in any order and trades may last any time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tradesieve.market.errors import BadInput, lookup
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Fold:
    """Training and test rows of one fold.

    Parameters
    ----------
    train, test : int64, ascending row numbers; no span of `train` overlaps `test_period`.
    test_period : (first decision, last exit) of the test rows, int64 ns UTC.
    """

    train: np.ndarray
    test: np.ndarray
    test_period: tuple[int, int]


def holdout_start(period: tuple[int, int], *, fraction: float = 0.2) -> int:
    """Return the UTC midnight nearest to the start of the last `fraction` of a period, int64 ns UTC.

    At midnight, each trading day belongs to one part only.
    """
    start, end = period
    return round((end - fraction * (end - start)) / DAY) * DAY


def split_holdout(dataset: Dataset, *, fraction: float = 0.2) -> tuple[Dataset, Dataset]:
    """Split off the last `fraction` of the period as the hold-out.

    1. Set the border, see `holdout_start`.
    2. Rows decided at the border or later are the hold-out, rows whose span ended before it are the development part.
    3. Rows decided before the border whose span ends at it or later are purged and belong to neither part.

    Returns
    -------
    development : rows that ended before the border; period (start, border - 1 ns).
    holdout : rows decided at the border or later; period (border, end).

    Raises
    ------
    BadInput : if `fraction` is not between 0 and 1, or leaves a part without a day or without a row.
    """
    if not 0 < fraction < 1:
        raise BadInput(f"fraction is {fraction}, but must lie between 0 and 1")
    start, end = dataset.period
    border = holdout_start(dataset.period, fraction=fraction)
    if not start < border <= end:
        raise BadInput(f"a fraction of {fraction} of {(end - start) / DAY:.1f} days leaves a part without a day")
    development = dataset.take(dataset.span_end < border, period=(start, border - 1))
    holdout = dataset.take(dataset.decision_time >= border, period=(border, end))
    for name, part in (("development", development), ("hold-out", holdout)):
        if not len(part):
            raise BadInput(
                f"the {name} part has no trade with fraction {fraction}: add data or choose another fraction"
            )
    return development, holdout


def purged_folds(decision_time: np.ndarray, exit_time: np.ndarray, *, n_folds: int = 5, embargo: int = 0) -> list[Fold]:
    """Test on each of `n_folds` blocks of time and train on the others (Lopez de Prado, 2018, chapter 7).

    1. Cut the rows into blocks of about as many rows each, in order of decision; a block's span reaches from its first
       decision to its last exit.
    2. Purge: drop training rows whose span overlaps the block's span.
    3. Embargo: drop training rows that are decided within `embargo` after it.

    Parameters
    ----------
    decision_time : int64 ns UTC (n_trades,), ascending.
    exit_time : int64 ns UTC (n_trades,), in any order, each after its decision.
    n_folds : at least 2. Rows decided at the same time stay together.
    embargo : nanoseconds, at least 0.

    Raises
    ------
    BadInput : if an argument breaks the above, or a fold is left without a training or a test row.

    Examples
    --------
    Eight trades decided 10 apart, each open for 15: the neighbours of a test block are purged.

    >>> decision_time = np.arange(8) * 10
    >>> folds = purged_folds(decision_time, decision_time + 15, n_folds=2)
    >>> [(fold.train.tolist(), fold.test.tolist()) for fold in folds]
    [([5, 6, 7], [0, 1, 2, 3]), ([0, 1, 2], [4, 5, 6, 7])]
    """
    check_spans(decision_time, exit_time, n_folds=n_folds, embargo=embargo)
    folds = []
    for test in time_blocks(decision_time, n_folds):
        start, end = block_span(decision_time, exit_time, test)
        train = np.flatnonzero((exit_time < start) | (decision_time > end + embargo))
        folds.append(Fold(train, test, (start, end)))
    return _checked(folds)


def walk_forward_folds(
    decision_time: np.ndarray, exit_time: np.ndarray, *, n_folds: int = 5, embargo: int = 0
) -> list[Fold]:
    """Train on the whole past and test on the block of time that follows, block after block: an anchored walk-forward.

    1. Cut the rows into ``n_folds + 1`` blocks; the first one is only trained on.
    2. For every other block, train on the rows that ended more than `embargo` before its first decision. So the embargo
       is a gap in front of the test block here.

    Parameters
    ----------
    decision_time, exit_time, n_folds, embargo : as `purged_folds`.

    Raises
    ------
    BadInput : as `purged_folds`.

    Examples
    --------
    >>> decision_time = np.arange(9) * 10
    >>> folds = walk_forward_folds(decision_time, decision_time + 15, n_folds=2)
    >>> [(fold.train.tolist(), fold.test.tolist()) for fold in folds]
    [([0, 1], [3, 4, 5]), ([0, 1, 2, 3, 4], [6, 7, 8])]
    """
    check_spans(decision_time, exit_time, n_folds=n_folds, embargo=embargo)
    folds = []
    for test in time_blocks(decision_time, n_folds + 1)[1:]:
        start, end = block_span(decision_time, exit_time, test)
        folds.append(Fold(np.flatnonzero(exit_time < start - embargo), test, (start, end)))
    return _checked(folds)


def rolling_walk_forward_folds(
    decision_time: np.ndarray, exit_time: np.ndarray, *, n_folds: int = 5, embargo: int = 0
) -> list[Fold]:
    """Train on a window of the latest past and test on the block of time that follows, block after block.

    1. Cut the rows into ``2 * n_folds`` blocks; the earlier half is only trained on.
    2. For every block of the later half, train on the `n_folds` blocks before it, less the rows that ended `embargo` or
       less before its first decision. So all models learn from stretches of about as many rows, half of them all.

    Parameters
    ----------
    decision_time, exit_time, n_folds, embargo : as `purged_folds`.

    Raises
    ------
    BadInput : as `purged_folds`.

    Examples
    --------
    >>> decision_time = np.arange(8) * 10
    >>> folds = rolling_walk_forward_folds(decision_time, decision_time + 15, n_folds=2)
    >>> [(fold.train.tolist(), fold.test.tolist()) for fold in folds]
    [([0, 1, 2], [4, 5]), ([2, 3, 4], [6, 7])]
    """
    check_spans(decision_time, exit_time, n_folds=n_folds, embargo=embargo)
    blocks, folds = time_blocks(decision_time, 2 * n_folds), []
    for number, test in enumerate(blocks[n_folds:]):
        start, end = block_span(decision_time, exit_time, test)
        window = np.arange(blocks[number][0], test[0])
        folds.append(Fold(window[exit_time[window] < start - embargo], test, (start, end)))
    return _checked(folds)


def check_n_folds(n_folds: int) -> None:
    """Refuse fewer than 2 folds: the sizes of one fold are chosen on the scores of the others.

    Raises
    ------
    BadInput : if there are fewer.
    """
    if n_folds < 2:
        raise BadInput(f"n_folds is {n_folds}, but must be at least 2")


def check_spans(decision_time: np.ndarray, exit_time: np.ndarray, *, n_folds: int, embargo: int) -> None:
    """Refuse spans that no splitter takes, see `purged_folds`.

    Raises
    ------
    BadInput : if an argument breaks what that asks.
    """
    check_n_folds(n_folds)
    if embargo < 0:
        raise BadInput(f"embargo is {embargo}: it is a duration in nanoseconds, at least 0")
    if decision_time.shape != exit_time.shape or decision_time.ndim != 1:
        raise BadInput(
            f"decision_time {decision_time.shape} and exit_time {exit_time.shape} need one value for each row"
        )
    if np.any(np.diff(decision_time) < 0):
        row = int(np.argmax(np.diff(decision_time) < 0)) + 1
        raise BadInput(f"decision_time[{row}] is before decision_time[{row - 1}]: sort the rows by decision time")
    if np.any(exit_time <= decision_time):
        row = int(np.argmax(exit_time <= decision_time))
        raise BadInput(f"exit_time[{row}] is {exit_time[row]}, not after its decision at {decision_time[row]}")


def time_blocks(decision_time: np.ndarray, n_blocks: int) -> list[np.ndarray]:
    """Cut rows into blocks of time of about as many rows each: int64, the row numbers of each block.

    Raises
    ------
    BadInput : if there are too few times of decision to fill them.
    """
    n = len(decision_time)
    cuts = np.arange(n_blocks + 1) * n // n_blocks
    # A cut moves back to the first row of its decision time, so that rows decided together are tested together.
    cuts[1:-1] = np.searchsorted(decision_time, decision_time[cuts[1:-1]]) if n else 0
    if np.any(np.diff(cuts) == 0):
        raise BadInput(
            f"{n} rows at {len(np.unique(decision_time))} decision times do not fill {n_blocks} blocks of time"
        )
    return [np.arange(first, last) for first, last in pairwise(cuts)]


def block_span(decision_time: np.ndarray, exit_time: np.ndarray, rows: np.ndarray) -> tuple[int, int]:
    """Return the first decision and the last exit of ascending rows, int64 ns UTC."""
    return int(decision_time[rows[0]]), int(exit_time[rows].max())


def _checked(folds: list[Fold]) -> list[Fold]:
    for number, fold in enumerate(folds):
        if not len(fold.train):
            raise BadInput(
                f"purging leaves fold {number} of {len(folds)} without a training row because trades last too long: "
                "use fewer folds, a shorter embargo or shorter trades"
            )
    return folds


FOLDS: dict[str, Callable[..., list[Fold]]] = {
    "purged": purged_folds,
    "walk_forward": walk_forward_folds,
    "rolling_walk_forward": rolling_walk_forward_folds,
}


def folds_named(name: str) -> Callable[..., list[Fold]]:
    """Return the splitter of this name, ``(decision_time, exit_time, *, n_folds, embargo) -> list[Fold]``.

    Raises
    ------
    Unknown : if there is no such splitter.
    """
    return lookup("folds", name, FOLDS)
