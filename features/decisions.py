"""Decisions: what is known of an entry signal besides the bars, at the time of its decision."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput


@dataclass(frozen=True, eq=False)
class Decisions:
    """Entry signals, one per row, as factors read them.

    A column that is None is unknown, and a feature that requires it is refused; NaN means that the signal has no such
    value.

    Parameters
    ----------
    time : int64 ns UTC (n,), in any order; each is the close_time of a bar.
    side : float64 (n,), +1 or -1.
    stop, target : float64 (n,), quote; NaN: none.
    agreeing : float64 (n,), the share of the other instances of the same rule, on the same symbol and timeframe, that
        hold a position on this side at the decision; NaN: there are no others.
    results : float64 (n_results,), net returns of closed trades: those of one instance together, in the order of their
        exits.
    first_result, end_result : int64 (n,), the range of `results` that are the instance's own and known at the decision:
        of trades with `exit_time` <= `time`.

    Raises
    ------
    BadInput : if a column has the wrong shape or a value that is not allowed; names it, and the first such row.
    """

    time: np.ndarray
    side: np.ndarray | None = None
    stop: np.ndarray | None = None
    target: np.ndarray | None = None
    agreeing: np.ndarray | None = None
    results: np.ndarray | None = None
    first_result: np.ndarray | None = None
    end_result: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            values = getattr(self, name)
            if values is None:
                continue
            column = np.ascontiguousarray(values, dtype=kind)
            if column.ndim != 1 or (name != "results" and len(column) != len(self.time)):
                raise BadInput(f"{name} has shape {column.shape}, but needs one value for each decision")
            object.__setattr__(self, name, column)
        for name, (what, holds) in _RULES.items():
            values = getattr(self, name)
            if values is not None and not (good := holds(values)).all():
                row = int(np.argmin(good))
                raise BadInput(f"{name} is {values[row]:g} at {format_time(self.time[row])}, but has to be {what}")
        self._check_results()

    def _check_results(self) -> None:
        if self.results is None:
            return
        if self.first_result is None or self.end_result is None:
            raise BadInput("results need first_result and end_result, which say which of them belong to a decision")
        if not np.all(np.isfinite(self.results)):
            raise BadInput(f"results[{int(np.argmin(np.isfinite(self.results)))}] is not a finite number")
        fits = (self.first_result >= 0) & (self.first_result <= self.end_result)
        if not np.all(fits := fits & (self.end_result <= len(self.results))):
            row = int(np.argmin(fits))
            raise BadInput(
                f"results {self.first_result[row]} to {self.end_result[row]} of the decision at "
                f"{format_time(self.time[row])} do not exist: there are {len(self.results)}"
            )

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: slice | np.ndarray) -> Decisions:
        """Select decisions, without checks: each was checked with all of them. `results` stay whole."""
        part = object.__new__(Decisions)
        for name in _KINDS:
            values = getattr(self, name)
            kept = values if name == "results" or values is None else np.ascontiguousarray(values[rows])
            object.__setattr__(part, name, kept)
        return part


_KINDS = {field.name: np.float64 for field in fields(Decisions)} | dict.fromkeys(
    ("time", "first_result", "end_result"), np.int64
)


def _is_price(values: np.ndarray) -> np.ndarray:
    return np.isnan(values) | (values > 0.0) & (values < np.inf)


def _is_share(values: np.ndarray) -> np.ndarray:
    return np.isnan(values) | (values >= 0) & (values <= 1)


_RULES = {
    "side": ("+1 or -1", lambda values: np.abs(values) == 1.0),
    "stop": ("a price, or NaN for none", _is_price),
    "target": ("a price, or NaN for none", _is_price),
    "agreeing": ("a share, or NaN for none", _is_share),
}
