"""Rows of a table that are not read as bars, counted by reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class LeftOut:
    """How many rows of a table were left out.

    Parameters
    ----------
    not_closed : rows whose bar is under way, by its times or by a mark of the table.
    future : rows whose bar had not opened yet.
    repeated : rows that repeat an earlier one in every value.
    without_price : rows in which a price is missing.
    bad_rows : rows that break a law of bars, where these are dropped.

    Examples
    --------
    >>> LeftOut(repeated=2) + LeftOut(repeated=1, bad_rows=3)
    LeftOut(not_closed=0, future=0, repeated=3, without_price=0, bad_rows=3)
    """

    not_closed: int = 0
    future: int = 0
    repeated: int = 0
    without_price: int = 0
    bad_rows: int = 0

    def __add__(self, other: LeftOut) -> LeftOut:
        """Add the counts of each reason."""
        added = asdict(other)
        return LeftOut(**{reason: count + added[reason] for reason, count in asdict(self).items()})


NO_ROWS = LeftOut()
"""Nothing was left out."""
