"""Shapes of CSV that the vendors of data publish, with every digit of the bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from tests.market.sources.shapes.shape import Shape
from tradesieve.market.bars import PRICES, Bars

MILLISECOND = pd.Timedelta(milliseconds=1)


def csv(header: str, rows: Iterable[Sequence[Any]], separator: str = ",") -> bytes:
    return "\n".join([header, *(separator.join(map(str, row)) for row in rows), ""]).encode()


def values(bars: Bars, *names: str) -> list[tuple[float, ...]]:
    return list(zip(*(getattr(bars, name).tolist() for name in names), strict=True))


def stamped(bars: Bars, times: Sequence[Any], names: Sequence[str] = (*PRICES, "volume")) -> list[tuple[Any, ...]]:
    return [(time, *row) for time, row in zip(times, values(bars, *names), strict=True)]


def opens(bars: Bars) -> pd.DatetimeIndex:
    return pd.to_datetime(bars.open_time)


def alpaca(bars: Bars) -> bytes:
    rows = [("BTC/USD", *row, 9, 100.5) for row in stamped(bars, opens(bars).tz_localize("UTC"))]
    return csv("symbol,timestamp,open,high,low,close,volume,trade_count,vwap", rows)


def bitmex(bars: Bars) -> bytes:
    times = pd.to_datetime(bars.close_time).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    rows = [(row[0], "XBTUSD", *row[1:5], 9, row[5], row[4]) for row in stamped(bars, times)]
    return csv("timestamp,symbol,open,high,low,close,trades,volume,vwap", rows)


def coinmarketcap(bars: Bars) -> bytes:
    ends = [f"{end:%Y-%m-%dT%H:%M:%S}.999Z" for end in pd.to_datetime(bars.close_time) - MILLISECOND]
    starts = [f"{start:%Y-%m-%dT%H:%M:%S}.000Z" for start in opens(bars)]
    rows = [
        (row[0], end, row[0], row[0], 2781, *row[1:], 5e9, end)
        for end, row in zip(ends, stamped(bars, starts), strict=True)
    ]
    header = "timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp"
    return csv(header, rows[::-1], ";")


def databento(bars: Bars) -> bytes:
    rows = [(row[0], 33, 2, 417, *row[1:], "BTCUSD") for row in stamped(bars, bars.open_time.tolist())]
    return csv("ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol", rows)


def polygon(bars: Bars) -> bytes:
    rows = values(bars, "volume", "open", "close", "high", "low")
    return csv(
        "ticker,volume,open,close,high,low,window_start,transactions",
        [("X:BTCUSD", *row, time, 9) for time, row in zip(bars.open_time.tolist(), rows, strict=True)],
    )


def tradingview_seconds(bars: Bars) -> bytes:
    times = (bars.open_time // 10**9).tolist()
    return csv("time,open,high,low,close,Volume,Volume MA", [(*row, 7.5) for row in stamped(bars, times)])


def tradingview_iso(bars: Bars) -> bytes:
    times = [time.isoformat() for time in opens(bars).tz_localize("UTC").tz_convert("America/New_York")]
    return csv("time,open,high,low,close", stamped(bars, times, PRICES))


VENDOR_TABLE_SHAPES = (
    Shape(
        "Alpaca", "CSV of its client", "open", "the header: `symbol`, `timestamp`, prices, `volume`, `trade_count`, "
        "`vwap`", alpaca, names_symbol=True,
    ),
    Shape(
        "BitMEX", "CSV of buckets", "close", "the header: `timestamp`, `symbol`, prices, `trades`, `volume`, `vwap`",
        bitmex, names_symbol=True,
    ),
    Shape(
        "CoinMarketCap", "CSV; volume in dollars", "open", "the header: `timeOpen`, `timeClose`, prices, `marketCap`",
        coinmarketcap,
    ),
    Shape(
        "Databento", "CSV of OHLCV records; whole prices are billionths", "open",
        "the header: `ts_event`, `rtype`, `publisher_id`, `instrument_id`", databento, names_symbol=True,
    ),
    Shape("Polygon", "CSV, its flat files", "open", "the header: `ticker`, `window_start`", polygon, names_symbol=True),
    Shape(
        "TradingView", "CSV of a chart, in seconds", "open", "the header: `time,open,high,low,close`, and no `volume` "
        "in small letters; times in seconds or with a zone", tradingview_seconds,
    ),
    Shape(
        "TradingView", "CSV of a chart, ISO 8601, without volume", "open", "as above", tradingview_iso, carries=PRICES
    ),
)  # fmt: skip
