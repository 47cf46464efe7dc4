"""Bars: one row per completed bar, known at its close and never before."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.timeframes import DAY, HOUR, Timeframe

if TYPE_CHECKING:
    import pandas as pd

PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume")
COLUMNS = ("close_time", *VALUES)
ORDER_LAWS = ("has the same time as the row before it", "is earlier than the row before it")
"""The laws that concern a row and the one before it, as `broken_laws` words them."""
NOT_POSITIVE = "has a price that is not positive"
"""The law that bars may be free of, as `broken_laws` words it."""


@dataclass(frozen=True, eq=False)
class Bars:
    """Completed bars of one symbol at one timeframe.

    Parameters
    ----------
    symbol : in its normal form, such as ``BTC-USD``; see `market.symbols`.
    timeframe : how long each bar lasts.
    close_time : int64 ns UTC (n_bars,), strictly increasing: when the bar became known. A missing bar has no row. Weeks
        and months of the calendar end at midnight UTC; for those of a time zone or of an exchange see `SessionBars`.
    open, high, low, close : float64 (n_bars,) in quote currency, low <= open, close <= high, and positive unless
        `allow_negative`.
    volume : float64 (n_bars,) in base currency, not negative. Zero where a vendor gives none.
    allow_negative : whether prices may be at or below zero, as those of oil on 2020-04-20 were. Such bars are stored,
        checked and resampled; what computes returns needs `market.positive_prices.require_positive_prices`.

    Raises
    ------
    BadData : if a law is broken; names the symbol, the time and the first offending row.

    Notes
    -----
    No bar opens before the one before it has closed, see `overlaps`. NaN and infinity are refused. The arrays are
    read-only, and copied if they were writable.
    """

    symbol: str
    timeframe: Timeframe
    close_time: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    allow_negative: bool = False

    _may_be_short: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in COLUMNS:
            dtype = np.int64 if name == "close_time" else np.float64
            values = np.asarray(getattr(self, name))
            if name == "close_time" and values.size and values.dtype.kind not in "iu":
                # A datetime64 in another unit, or a fraction of a nanosecond, would be converted silently.
                raise BadData(f"{self.symbol}: close_time holds {values.dtype}, expected int64 ns UTC")
            column = np.ascontiguousarray(values, dtype=dtype)
            if column is getattr(self, name) and column.flags.writeable:
                column = column.copy()
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        _check(self)

    @staticmethod
    def from_frame(
        frame: Any,
        symbol: str | None = None,
        timeframe: str | None = None,
        *,
        stamp: str | None = None,
        timezone: str | None = None,
        bad_rows: str = "refuse",
    ) -> Bars:
        """Turn a DataFrame of anyone's bars, or any table with the Arrow C interface, into bars.

        Parameters
        ----------
        frame : one row per bar, with a time (a column such as ``time`` or ``date``, or the index), open, high, low,
            close and volume; case does not matter.
        symbol : such as ``BTC-USD``; None: what a column ``symbol`` says.
        timeframe : such as ``5m``; None: the commonest distance of two rows, up to a day.
        stamp : ``open`` or ``close``: which end of a bar its time is; None: the close for a column ``close_time``, else
            the open.
        timezone : zone of times that are written without one, by its IANA name; None: UTC.
        bad_rows : ``refuse`` or ``drop`` rows that break a law of bars.

        Raises
        ------
        BadInput, BadData : if it cannot be read as bars; see `market.sources.dataframes.read_dataframe`.

        Examples
        --------
        >>> import pandas as pd
        >>> prices = {"open": [1.0, 2.0], "high": [2.0, 3.0], "low": [1.0, 2.0], "close": [2.0, 3.0], "volume": [5, 7]}
        >>> Bars.from_frame(pd.DataFrame(prices, pd.date_range("2024", periods=2, freq="5min")), "btc-usd").symbol
        'BTC-USD'
        """
        # The readers of tables make bars, so they are imported when this is called.
        from tradesieve.market.sources.dataframes import read_dataframe

        return read_dataframe(
            frame, symbol=symbol, timeframe=timeframe, stamp=stamp, timezone=timezone, bad_rows=bad_rows
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with a row per bar: close_time (UTC), open, high, low, close, volume."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in COLUMNS}
        return pd.DataFrame(columns | {"close_time": pd.to_datetime(self.close_time, utc=True)})

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the bars through the Arrow C interface, as in ``polars.DataFrame(bars)``."""
        return self.to_frame().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        """Show the first and the last bars in a notebook."""
        title = f"<b>{self.symbol} {self.timeframe}</b>, {len(self):,} bars"
        return title + self.to_frame().to_html(max_rows=6, index=False, border=0)

    def __len__(self) -> int:
        return len(self.close_time)

    def __getitem__(self, rows: slice) -> Bars:
        """Return a slice of the bars as views, without copies or checks.

        Raises
        ------
        BadInput : if `rows` is not a slice, or has a step below 1.
        """
        if not isinstance(rows, slice) or (rows.step is not None and rows.step < 1):
            raise BadInput(f"bars are indexed by a slice that goes forward in time, not by {rows!r}")
        part = object.__new__(type(self))
        held, kept = self.__dict__, part.__dict__
        for name in _field_names(type(self)):  # type: ignore[arg-type]  # of a class, not of bars
            kept[name] = held[name][rows] if name in COLUMNS else held[name]
        return part

    @property
    def open_time(self) -> np.ndarray:
        """int64 ns UTC (n_bars,): when each bar opened."""
        return self.timeframe.grid_start(self.close_time)

    def between(self, start_time: int | None = None, end_time: int | None = None) -> Bars:
        """Keep the bars with start_time < close_time <= end_time; None leaves that side open."""
        first = 0 if start_time is None else int(np.searchsorted(self.close_time, start_time, side="right"))
        last = len(self) if end_time is None else int(np.searchsorted(self.close_time, end_time, side="right"))
        return self[first:last]

    def where(self, keep: np.ndarray) -> Bars:
        """Keep the bars that a boolean array (n_bars,) marks."""
        return self.with_columns({name: getattr(self, name)[keep] for name in COLUMNS})

    def with_columns(self, columns: Mapping[str, Any]) -> Self:
        """Return bars of the same kind with other values in some columns."""
        return replace(self, **columns)

    def followed_by(self, later: Bars) -> Bars:
        """Append bars that come after these.

        Raises
        ------
        BadData : if symbol or timeframe differ, or `later` opens before the last bar has closed.
        """
        if (later.symbol, later.timeframe) != (self.symbol, self.timeframe):
            raise BadData(f"{later.symbol} {later.timeframe} bars cannot follow {self.symbol} {self.timeframe} bars")
        joined = {name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in COLUMNS}
        return self.with_columns(joined)

    @cached_property
    def has_volume(self) -> bool:
        """Whether any bar has a volume."""
        return bool((self.volume > 0.0).any())

    @cached_property
    def first_untraded(self) -> int:
        """The first row without a volume after one that has one; the number of rows if there is none.

        From the first volume on, a volume of 0 says that nothing traded; before, that the vendor gives none.
        """
        return first_untraded(self.volume, volume_known=False)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of symbol, timeframe and every value, 16 hexadecimal digits."""
        digest = hashlib.sha256(self._identity.encode())
        for name in COLUMNS:
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return digest.hexdigest()[:16]

    @property
    def _identity(self) -> str:
        return f"{self.symbol} {self.timeframe}"

    def _misplaced(self) -> np.ndarray:
        """Find the bars that do not close where the calendar ends their week or month, bool (n_bars,)."""
        if not self.timeframe.calendar:
            return np.zeros(len(self), np.bool_)
        return self.close_time != self.timeframe.grid_end(self.close_time)


@functools.cache
def _field_names(kind: type[Bars]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def first_untraded(volume: np.ndarray, *, volume_known: bool) -> int:
    """Return the first row in which nothing traded, the number of rows if there is none.

    Parameters
    ----------
    volume : float64 (n_bars,).
    volume_known : whether an earlier bar had a volume. If not, the rows before the first volume do not count: their
        vendor gives none.
    """
    first = 0 if volume_known else _first(volume > 0.0)
    return first + _first(volume[first:] == 0.0)


def _first(marked: np.ndarray) -> int:
    return int(np.argmax(marked)) if marked.any() else len(marked)


def format_time(time: int) -> str:
    """Write an int64 ns UTC time in ISO 8601, to the second."""
    return f"{np.datetime64(int(time), 'ns').astype('datetime64[s]')}Z"


def overlaps(close_time: np.ndarray, timeframe: Timeframe, *, short_bars: bool = False) -> np.ndarray:
    """Find the bars that open before the bar before them has closed.

    Two calendar weeks or months overlap if they are the same one. A day or a longer bar may be exactly one hour
    shorter, when the clocks change in it. With `short_bars`, it may be shorter by any part of an hour, and any bar is
    taken for the short end of a session unless the bar before it would be one too: two in a row overlap.

    Parameters
    ----------
    close_time : int64 ns UTC (n_bars,). A row that is not later than the one before it is not judged.
    short_bars : whether a bar may be shorter than `timeframe`, see `SessionBars`.

    Returns
    -------
    bool array (n_bars,).
    """
    step = np.diff(close_time)
    if timeframe.calendar:
        same = (step > 0) & (timeframe.steps(close_time) == 0)
        return np.concatenate([np.zeros(min(len(close_time), 1), np.bool_), same])
    short = (step > 0) & (step < timeframe.duration)
    if timeframe.duration >= DAY:
        hour_less = timeframe.duration - HOUR
        short &= step < hour_less if short_bars else step != hour_less
    if short_bars:
        short[1:] &= short[:-1]
        short[:1] = False
    return np.concatenate([np.zeros(min(len(close_time), 1), np.bool_), short])


def broken_laws(columns: Mapping[str, np.ndarray], *, allow_negative: bool = False) -> dict[str, np.ndarray]:
    """Find the rows of a table that break a law of bars, except for those that overlap: see `overlaps`.

    Parameters
    ----------
    columns : arrays (n_rows,) under the names of `COLUMNS`, in any order of time; NaN is allowed.
    allow_negative : whether prices may be at or below zero.

    Returns
    -------
    {law in words: bool array (n_rows,) of the rows that break it}, for each broken law.
    """
    if _keep_laws(columns):
        return {}
    time = columns["close_time"]
    earlier, later = time[:-1], time[1:]
    first = np.zeros(min(len(time), 1), np.bool_)
    finite = functools.reduce(np.logical_and, (np.isfinite(columns[name]) for name in VALUES))
    lowest = functools.reduce(np.minimum, (columns[name] for name in PRICES))
    # Every law but the first two concerns a single row. A missing price breaks one law only: NaN compares as False.
    laws = {
        ORDER_LAWS[0]: np.concatenate([first, later == earlier]),
        ORDER_LAWS[1]: np.concatenate([first, later < earlier]),
        "has a missing value": ~finite,
        NOT_POSITIVE: (lowest <= 0) & (not allow_negative),
        "has a negative volume": columns["volume"] < 0,
        "has a low above its open or close": columns["low"] > np.minimum(columns["open"], columns["close"]),
        "has a high below its open or close": columns["high"] < np.maximum(columns["open"], columns["close"]),
    }
    return {law: broken for law, broken in laws.items() if broken.any()}


def _keep_laws(columns: Mapping[str, np.ndarray]) -> bool:
    """Tell in a third of the time of `broken_laws` whether all rows keep the strictest laws; NaN compares as False."""
    time, open_, high, low, close, volume = (columns[name] for name in COLUMNS)
    return bool(
        (time[1:] > time[:-1]).all()
        and (low > 0).all()
        and (low <= open_).all()
        and (low <= close).all()
        and (high >= open_).all()
        and (high >= close).all()
        and (high < np.inf).all()
        and (volume >= 0).all()
        and (volume < np.inf).all()
    )


def _check(bars: Bars) -> None:
    n = len(bars.close_time)
    for name in COLUMNS:
        if getattr(bars, name).shape != (n,):
            raise BadData(f"{bars.symbol}: column {name} has shape {getattr(bars, name).shape}, expected {(n,)}")
    columns = {name: getattr(bars, name) for name in COLUMNS}
    laws = broken_laws(columns, allow_negative=bars.allow_negative)
    overlapping = overlaps(bars.close_time, bars.timeframe, short_bars=bars._may_be_short)
    if overlapping.any():
        laws["opens before the row before it has closed"] = overlapping
    misplaced = bars._misplaced()
    if misplaced.any():
        laws[f"does not close at the end of a {bars.timeframe.calendar or 'day'} of its calendar"] = misplaced
    if laws:
        row, law = min(((int(np.argmax(broken)), law) for law, broken in laws.items()), key=lambda pair: pair[0])
        n_broken = int(laws[law].sum())
        count = f" ({n_broken} such rows)" if n_broken > 1 else ""
        values = ", ".join(f"{name} {getattr(bars, name)[row]:g}" for name in VALUES)
        raise BadData(f"{bars.symbol}: row {row} at {format_time(bars.close_time[row])} {law}{count}: {values}")
