"""Rows that cannot be bars: put in order, left out and counted, or a reason to refuse the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tradesieve.market.bars import NOT_POSITIVE, ORDER_LAWS, PRICES, VALUES, broken_laws, format_time
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.sources.formats.left_out import NO_ROWS, LeftOut
from tradesieve.market.sources.formats.local_times import zones_set_back

BAD_ROWS = ("refuse", "drop")
"""What is done about rows that break a law of bars: refuse the table, or leave them out."""
_SHOWN = 5


@dataclass(frozen=True)
class NumberedRows:
    """The columns of bars, and where each row stands in its table.

    Parameters
    ----------
    columns : as `formats.frames.columns_from_frame` returns them.
    numbers : int64 (n_rows,): the row of the table, from 0.
    notes : one sentence for each thing that was corrected or left out.
    left_out : how many rows of the table are no longer among them.
    """

    columns: Mapping[str, np.ndarray]
    numbers: np.ndarray
    notes: tuple[str, ...] = ()
    left_out: LeftOut = NO_ROWS

    def without(self, rows: np.ndarray, reason: str, *, counted_as: str) -> NumberedRows:
        """Leave out the rows that a boolean array marks, and note which; unchanged when it marks none.

        Parameters
        ----------
        reason : what the note says of them.
        counted_as : the count of `LeftOut` that they add to.
        """
        if not rows.any():
            return self
        kept = {name: values[~rows] for name, values in self.columns.items()}
        note = f"left out {_count(rows)} {reason}: {self.listed(rows)}"
        left_out = self.left_out + LeftOut(**{counted_as: int(rows.sum())})
        return NumberedRows(kept, self.numbers[~rows], (*self.notes, note), left_out)

    def listed(self, rows: np.ndarray) -> str:
        """Name the first rows that a boolean array marks, with their times."""
        first = np.flatnonzero(rows)[:_SHOWN]
        names = [f"row {self.numbers[row]} at {format_time(self.columns['close_time'][row])}" for row in first]
        return ", ".join(names) + (", ..." if rows.sum() > len(first) else "")


def oldest_first(columns: Mapping[str, np.ndarray]) -> NumberedRows:
    """Number the rows, reversed when the newest one comes first. Any other disorder stays as it is."""
    numbers = np.arange(len(columns["close_time"]))
    steps = np.diff(columns["close_time"])
    if not ((steps <= 0).all() and (steps < 0).any()):
        return NumberedRows(columns, numbers)
    reversed_columns = {name: values[::-1] for name, values in columns.items()}
    return NumberedRows(reversed_columns, numbers[::-1], ("the newest row came first: reversed",))


def leave_out_rows(rows: NumberedRows, *, name: str) -> NumberedRows:
    """Leave out rows that repeat an earlier one in every value, and rows in which a price is missing.

    A missing volume becomes 0, which is noted.

    Raises
    ------
    BadData : if no row is left.
    """
    if (np.diff(rows.columns["close_time"]) <= 0).any():
        repeated = pd.DataFrame(rows.columns).duplicated().to_numpy()
        rows = rows.without(repeated, "repeating an earlier one", counted_as="repeated")
    without_price = np.logical_or.reduce([np.isnan(rows.columns[price]) for price in PRICES])
    rows = rows.without(without_price, "without a price", counted_as="without_price")
    if len(rows.numbers) == 0:
        raise BadData(f"{name}: no row has an open, high, low and close")
    without_volume = np.isnan(rows.columns["volume"])
    if not without_volume.any():
        return rows
    note = f"{_count(without_volume)} without a volume, stored as 0: {rows.listed(without_volume)}"
    filled = {**rows.columns, "volume": np.where(without_volume, 0.0, rows.columns["volume"])}
    return replace(rows, columns=filled, notes=(*rows.notes, note))


def settle_broken(rows: NumberedRows, *, symbol: str, bad_rows: str, allow_negative: bool = False) -> NumberedRows:
    """Refuse rows that break a law of bars, or leave them out.

    Parameters
    ----------
    bad_rows : one of `BAD_ROWS`. Rows out of order, or two that share a time, are always refused: which of them is
        right is not known.
    allow_negative : keep rows with a price at or below zero, and note which; otherwise they break a law.

    Raises
    ------
    BadInput : if `bad_rows` is not one of `BAD_ROWS`.
    BadData : if rows are refused, names the first five; or if no row is left.
    """
    if bad_rows not in BAD_ROWS:
        raise BadInput(f"bad rows are refused or left out: {' or '.join(BAD_ROWS)}, not {bad_rows!r}")
    laws = broken_laws(rows.columns, allow_negative=allow_negative)
    if bad_rows == "drop":
        for law in [law for law in laws if law not in ORDER_LAWS]:
            broken = broken_laws(rows.columns, allow_negative=allow_negative).get(law)
            rows = rows if broken is None else rows.without(broken, f"whose bar {law}", counted_as="bad_rows")
        if len(rows.numbers) == 0:
            raise BadData(f"{symbol}: every row breaks a law of bars; the first {next(iter(laws))}")
        laws = broken_laws(rows.columns, allow_negative=allow_negative)
    if laws:
        error = BadData(f"{symbol}: {_described(rows, laws)}")
        out_of_order = [laws[law] for law in ORDER_LAWS if law in laws]
        if out_of_order:
            # A bar of an hour that comes twice closes within it, or at its end.
            late = rows.columns["close_time"][np.logical_or.reduce(out_of_order)] - 1
            raise error.proposing(*({"timezone": zone} for zone in zones_set_back(late)))
        may_be_right = [{"allow_negative": True}] if NOT_POSITIVE in laws else []
        raise error.proposing({"bad_rows": "drop"}, *may_be_right)
    negative = np.logical_or.reduce([rows.columns[price] <= 0 for price in PRICES])
    if not negative.any():
        return rows
    return replace(rows, notes=(*rows.notes, f"kept {_count(negative)} at or below zero: {rows.listed(negative)}"))


def _described(rows: NumberedRows, laws: Mapping[str, np.ndarray]) -> str:
    broken = np.logical_or.reduce(list(laws.values()))
    first = [int(row) for row in np.flatnonzero(broken)[:_SHOWN]]
    described = "; ".join(_description(rows, row, laws) for row in first)
    more = int(broken.sum()) - len(first)
    ending = f"; and {more} more" if more else ""
    if laws.keys() & set(ORDER_LAWS):
        return f"{described}{ending}; which of these rows is right is not known: correct the file"
    negative = ", --allow-negative keeps prices at or below zero that the market had" * (NOT_POSITIVE in laws)
    return f"{described}{ending}; --bad-rows drop leaves out such rows{negative}"


def _description(rows: NumberedRows, row: int, laws: Mapping[str, np.ndarray]) -> str:
    law = next(law for law, broken in laws.items() if broken[row])
    values = ", ".join(f"{name} {rows.columns[name][row]:g}" for name in VALUES)
    return f"row {rows.numbers[row]} at {format_time(rows.columns['close_time'][row])} {law}: {values}"


def _count(rows: np.ndarray) -> str:
    n = int(rows.sum())
    return f"{n:,} row{'s' if n > 1 else ''}"
