"""Shapes of JSON, as the interfaces of exchanges answer."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from tests.market.sources.shapes.shape import Shape
from tradesieve.market.bars import Bars

SECOND, MILLISECOND = 10**9, 10**6


def rows_of(bars: Bars, order: str, unit: int) -> list[list[Any]]:
    """Write bars as lists: the open time in a unit, and the values in an order such as ``ohlcv``."""
    values = {"o": bars.open, "h": bars.high, "l": bars.low, "c": bars.close, "v": bars.volume}
    columns = [bars.open_time // unit, *(values[letter] for letter in order)]
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def coinbase_exchange(bars: Bars) -> bytes:
    return json.dumps(rows_of(bars, "lhocv", SECOND)[::-1]).encode()


def coinbase_advanced(bars: Bars) -> bytes:
    names = ("start", "low", "high", "open", "close", "volume")
    rows = [dict(zip(names, map(str, row), strict=True)) for row in rows_of(bars, "lhocv", SECOND)]
    return json.dumps({"candles": rows[::-1]}).encode()


def freqtrade(bars: Bars) -> bytes:
    return json.dumps(rows_of(bars, "ohlcv", MILLISECOND)).encode()


def oanda(bars: Bars) -> bytes:
    times = pd.to_datetime(bars.open_time).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
    candles = [
        {"complete": True, "volume": row[5], "time": time, "mid": dict(zip("ohlc", map(str, row[1:5]), strict=True))}
        for time, row in zip(times, rows_of(bars, "ohlcv", SECOND), strict=True)
    ]
    return json.dumps({"instrument": "BTC_USD", "granularity": "M1", "candles": candles}).encode()


JSON_SHAPES = (
    Shape(
        "Coinbase",
        "JSON of the Exchange API, newest row first",
        "open",
        "rows of seconds, low, high, open, close, volume",
        coinbase_exchange,
        "bars.json",
    ),
    Shape(
        "Coinbase",
        "JSON of the Advanced Trade API, newest row first",
        "open",
        "`candles` with a `start`",
        coinbase_advanced,
        "bars.json",
    ),
    Shape(
        "freqtrade",
        "JSON",
        "open",
        "rows of milliseconds, open, high, low, close, volume",
        freqtrade,
        "bars.json",
    ),
    Shape("OANDA", "JSON", "open", "`candles` with `mid`, `bid` or `ask`", oanda, "bars.json", names_symbol=True),
)  # fmt: skip
