"""Shapes of JSON, as the interfaces of exchanges answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from tests.market.sources.shapes.shape import Shape
from tradesieve.market.bars import PRICES, Bars

SECOND, MILLISECOND = 10**9, 10**6
OHLCV = ("o", "h", "l", "c", "v")
Response = Callable[[Bars], Any]


def rows_of(bars: Bars, order: str, unit: int, *, text: bool = False) -> list[list[Any]]:
    """Write bars as lists: the open time in a unit, and the values in an order such as ``ohlcv``."""
    values = {"o": bars.open, "h": bars.high, "l": bars.low, "c": bars.close, "v": bars.volume}
    columns = [bars.open_time // unit, *(values[letter] for letter in order)]
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [[str(cell) if text else cell for cell in row] for row in rows]


def times_of(times: Any) -> list[str]:
    return [f"{time}Z" for time in pd.to_datetime(times).strftime("%Y-%m-%dT%H:%M:%S").tolist()]


def one_response(response: Response) -> Callable[[Bars], bytes]:
    return lambda bars: json.dumps(response(bars)).encode()


def one_response_a_line(response: Response) -> Callable[[Bars], bytes]:
    """Write pages that share a bar, the newest page first, one a line."""
    return lambda bars: "".join(f"{json.dumps(response(page))}\n" for page in pages_of(bars)).encode()


def list_of_responses(response: Response) -> Callable[[Bars], bytes]:
    return lambda bars: json.dumps([response(page) for page in pages_of(bars)], indent=1).encode()


def pages_of(bars: Bars) -> Sequence[Bars]:
    return bars[len(bars) // 2 :], bars[: len(bars) // 2 + 1]


def binance(bars: Bars) -> Any:
    length = bars.timeframe.duration // MILLISECOND
    return [
        [int(row[0]), *row[1:], int(row[0]) + length - 1, "1.5", 7, "0.5", "0.7", "0"]
        for row in rows_of(bars, "ohlcv", MILLISECOND, text=True)
    ]


def bitfinex(bars: Bars) -> Any:
    return rows_of(bars, "ochlv", MILLISECOND)[::-1]


def bitmex(bars: Bars) -> Any:
    return [
        {"timestamp": time, "symbol": "XBTUSD", **dict(zip(PRICES, row[1:5], strict=True)), "trades": 9}
        | {
            "volume": 100.0,
            "vwap": row[4],
            "lastSize": 1,
            "turnover": 5,
            "homeNotional": row[5],
            "foreignNotional": 100,
        }
        for time, row in zip(times_of(bars.close_time), rows_of(bars, "ohlcv", SECOND), strict=True)
    ]


def bybit(bars: Bars, category: str = "spot") -> Any:
    rows = rows_of(bars, "ohlcv", MILLISECOND, text=True)
    is_inverse = category == "inverse"
    rows = [[*row[:5], *(("900.0", row[5]) if is_inverse else (row[5], "900.0"))] for row in rows]
    symbol = "BTCUSD" if is_inverse else "BTCUSDT"
    result = {"symbol": symbol, "category": category, "list": rows[::-1]}
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1_719_961_200_000}


def ccxt(bars: Bars) -> Any:
    return rows_of(bars, "ohlcv", MILLISECOND)


def coinbase_exchange(bars: Bars) -> Any:
    return rows_of(bars, "lhocv", SECOND)[::-1]


def coinbase_advanced(bars: Bars) -> Any:
    names = ("start", "low", "high", "open", "close", "volume")
    rows = [dict(zip(names, row, strict=True)) for row in rows_of(bars, "lhocv", SECOND, text=True)]
    return {"candles": rows[::-1]}


def deribit(bars: Bars) -> Any:
    columns = {name: getattr(bars, name).tolist() for name in ("volume", "open", "low", "high", "close")}
    ticks = (bars.open_time // MILLISECOND).tolist()
    result = columns | {"ticks": ticks, "cost": [1000.0] * len(ticks), "status": "ok"}
    return {"jsonrpc": "2.0", "id": 833, "result": result, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False}


def records(bars: Bars, times: Sequence[Any]) -> list[dict[str, Any]]:
    rows = rows_of(bars, "ohlcv", SECOND)
    return [
        {"t": time, **dict(zip(OHLCV, row[1:], strict=True)), "n": 9, "vw": row[4]}
        for time, row in zip(times, rows, strict=True)
    ]


def alpaca(bars: Bars) -> Any:
    return {"bars": records(bars, times_of(bars.open_time)), "symbol": "BTC/USD", "next_page_token": None}


def alpaca_by_symbol(bars: Bars) -> Any:
    return {"bars": {"BTC/USD": records(bars, times_of(bars.open_time))}, "next_page_token": "QlRDL1VTRA=="}


def polygon(bars: Bars) -> Any:
    results = records(bars, (bars.open_time // MILLISECOND).tolist())
    return {"ticker": "X:BTCUSD", "adjusted": True, "results": results, "status": "OK", "resultsCount": len(results)}


def kraken(bars: Bars) -> Any:
    """Write bars and, as the venue does, one that is under way."""
    rows = [[int(row[0]), *row[1:5], row[4], row[5], 9] for row in rows_of(bars, "ohlcv", SECOND, text=True)]
    under_way = [rows[-1][0] + bars.timeframe.duration // SECOND, *rows[-1][1:]]
    return {"error": [], "result": {"XXBTZUSD": [*rows, under_way], "last": rows[-1][0]}}


def kucoin(bars: Bars) -> Any:
    rows = [[*row, "900.0"] for row in rows_of(bars, "ochlv", SECOND, text=True)]
    return {"code": "200000", "data": rows[::-1]}


def kucoin_futures(bars: Bars) -> Any:
    return {"code": "200000", "data": [[*row, 900.0] for row in rows_of(bars, "ohlcv", MILLISECOND)]}


def okx(bars: Bars, *, contracts: bool = False) -> Any:
    """Write bars and, as the venue does, one that is under way."""
    volume = (lambda base: ["17", base, "900.0"]) if contracts else (lambda base: [base, "900.0", "900.0"])
    rows = [[*row[:5], *volume(row[5]), "1"] for row in rows_of(bars, "ohlcv", MILLISECOND, text=True)]
    under_way = [str(int(rows[-1][0]) + bars.timeframe.duration // MILLISECOND), *rows[-1][1:8], "0"]
    return {"code": "0", "msg": "", "data": [*rows, under_way][::-1]}


def okx_channel(bars: Bars) -> Any:
    return {"arg": {"channel": "candle1m", "instId": "BTC-USDT"}, "data": okx(bars)["data"]}


def oanda(bars: Bars) -> Any:
    candles = [
        {"complete": True, "volume": row[5], "time": time, "mid": dict(zip("ohlc", map(str, row[1:5]), strict=True))}
        for time, row in zip(times_of(bars.open_time), rows_of(bars, "ohlcv", SECOND), strict=True)
    ]
    return {"instrument": "BTC_USD", "granularity": "M1", "candles": candles}


def shapes(
    written_by: str, form: str, response: Response, *, stamped: str = "open", names_symbol: bool = False,
    paged: bool = True,
) -> list[Shape]:  # fmt: skip
    """Make the shapes of one response, and of several, one a line or in a list."""
    writers = {"": one_response}
    if paged:
        writers |= {", one response a line": one_response_a_line, ", responses in a list": list_of_responses}
    return [
        Shape(
            written_by,
            f"{form}{saved}",
            stamped,
            write(response),
            "bars.json",
            names_symbol=names_symbol,
            listed=not saved,
        )
        for saved, write in writers.items()
    ]


JSON_SHAPES = (
    *shapes("Alpaca", "JSON of one symbol", alpaca, names_symbol=True),
    *shapes("Alpaca", "JSON of several symbols", alpaca_by_symbol, names_symbol=True),
    *shapes("Binance", "JSON of klines", binance),
    *shapes("Bitfinex", "JSON of candles (open, close, high, low)", bitfinex),
    *shapes("BitMEX", "JSON of buckets", bitmex, stamped="close", names_symbol=True),
    *shapes("Bybit", "JSON of spot klines", bybit, names_symbol=True),
    *shapes(
        "Bybit", "JSON of inverse klines, volume in the base currency", lambda bars: bybit(bars, "inverse"),
        names_symbol=True, paged=False,
    ),
    *shapes("CCXT, freqtrade", "JSON of candles (open, high, low, close)", ccxt),
    *shapes("Coinbase", "JSON of the Exchange API", coinbase_exchange),
    *shapes("Coinbase", "JSON of the Advanced Trade API", coinbase_advanced),
    *shapes("Deribit", "JSON of chart data", deribit),
    *shapes("Kraken", "JSON of OHLC, its last row under way", kraken, names_symbol=True),
    *shapes("KuCoin", "JSON of spot klines", kucoin),
    *shapes("KuCoin", "JSON of futures klines, volume in contracts", kucoin_futures),
    *shapes("OANDA", "JSON of candles", oanda, names_symbol=True, paged=False),
    *shapes("OKX", "JSON of candles", okx),
    *shapes(
        "OKX", "JSON of candles of contracts, volume in the base currency", lambda bars: okx(bars, contracts=True),
        paged=False,
    ),
    *shapes("OKX", "JSON of the WebSocket channel", okx_channel, names_symbol=True, paged=False),
    *shapes("Polygon", "JSON of aggregates", polygon, names_symbol=True),
)  # fmt: skip
