"""Seeded bars at given times, which shapes of files are tried with."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from tradesieve.market.bars import PRICES, VALUES, Bars
from tradesieve.market.session_bars import SessionBars
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

COUNT = 200


@functools.cache
def minutes() -> Bars:
    """Return `COUNT` minutes from 2023-01-01T00:00Z, with every digit of their values."""
    return SyntheticMarket(n_days=1, timeframe=parse_timeframe("1m")).generate("BTC-USD")[0][:COUNT]


@functools.cache
def bars_from(first_open: str, timeframe: str, count: int = COUNT) -> Bars:
    """Return the first of these bars with other times, one after the other, from a time in UTC."""
    length = parse_timeframe(timeframe)
    first = pd.Timestamp(first_open, tz="UTC").as_unit("ns").value
    close_time = first + length.duration * np.arange(1, count + 1)
    values = {name: getattr(minutes(), name)[:count] for name in VALUES}
    return Bars("BTC-USD", length, close_time=close_time, **values)


@functools.cache
def local_days(first_day: str, timezone: str) -> SessionBars:
    """Return days that begin at midnight of a time zone, or at the end of the gap where the clocks skip it."""
    days = pd.date_range(first_day, periods=COUNT + 1, freq="D").tz_localize(
        timezone, ambiguous=np.ones(COUNT + 1, np.bool_), nonexistent="shift_forward"
    )
    close_time = days.tz_convert("UTC").as_unit("ns").asi8[1:]
    values = {name: getattr(minutes(), name) for name in VALUES}
    return SessionBars("BTC-USD", parse_timeframe("1d"), close_time=close_time, **values, sessions=f"00:00 {timezone}")


def rounded(bars: Bars, *, prices: int, volume: int) -> Bars:
    """Round values to decimals; the price is a thousand times as high, so that its digits fall in groups."""
    values = {name: np.round(getattr(bars, name) * 1000, prices) for name in PRICES}
    return bars.with_columns({**values, "volume": np.round(bars.volume * 1e4, volume)})


def of_symbol(bars: Bars, place: int) -> Bars:
    """Return the bars of one of several symbols: those of each cost twice as much as those of the one before it."""
    return bars.with_columns({name: getattr(bars, name) * 2.0**place for name in VALUES})
