"""Rows of CSV with every digit of bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from tradesieve.market.bars import PRICES, Bars


def csv(header: str, rows: Iterable[Sequence[Any]], separator: str = ",") -> bytes:
    """Write rows below a header; an empty one is none."""
    lines = (separator.join(map(str, row)) for row in rows)
    return "\n".join([*([header] if header else []), *lines, ""]).encode()


def values(bars: Bars, *names: str) -> list[tuple[float, ...]]:
    """Return the values of each bar in some columns."""
    return list(zip(*(getattr(bars, name).tolist() for name in names), strict=True))


def stamped(bars: Bars, times: Sequence[Any], names: Sequence[str] = (*PRICES, "volume")) -> list[tuple[Any, ...]]:
    """Return the time and the values of each bar."""
    return [(time, *row) for time, row in zip(times, values(bars, *names), strict=True)]


def opens(bars: Bars, timezone: str = "UTC") -> pd.DatetimeIndex:
    """Return when the bars open, on the clock of a time zone."""
    return pd.to_datetime(bars.open_time, utc=True).tz_convert(timezone).tz_localize(None)


def closes(bars: Bars, timezone: str = "UTC") -> pd.DatetimeIndex:
    """Return when the bars close, on the clock of a time zone."""
    return pd.to_datetime(bars.close_time, utc=True).tz_convert(timezone).tz_localize(None)
