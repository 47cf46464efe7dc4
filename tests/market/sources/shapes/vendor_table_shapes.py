"""Shapes of tables that the vendors of data publish, with every digit of the bars."""

from __future__ import annotations

from io import BytesIO

import pandas as pd

from tests.market.sources.shapes.csv_rows import closes, csv, opens, stamped, values
from tests.market.sources.shapes.seeded_bars import bars_from, of_symbol
from tests.market.sources.shapes.shape import Shape
from tradesieve.market.bars import PRICES, Bars

MILLISECOND = pd.Timedelta(milliseconds=1)


def alpaca(bars: Bars) -> bytes:
    rows = [("BTC/USD", *row, 9, 100.5) for row in stamped(bars, opens(bars).tz_localize("UTC"))]
    return csv("symbol,timestamp,open,high,low,close,volume,trade_count,vwap", rows)


def alpha_vantage(bars: Bars) -> bytes:
    rows = stamped(bars, closes(bars, "America/New_York").strftime("%Y-%m-%d %H:%M:%S"))
    return csv("timestamp,open,high,low,close,volume", rows[::-1])


def alpha_vantage_days(bars: Bars) -> bytes:
    return csv("timestamp,open,high,low,close,volume", stamped(bars, opens(bars).strftime("%Y-%m-%d"))[::-1])


def binance(bars: Bars, unit: int, header: str) -> bytes:
    rows = stamped(bars, (bars.open_time // unit).tolist())
    last = (bars.close_time // unit - 1).tolist()
    return csv(header, [(*row, end, 1.5, 7, 0.5, 0.7, 0) for row, end in zip(rows, last, strict=True)])


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


def crypto_data_download(bars: Bars) -> bytes:
    """Write a volume in either currency, and the address of the vendor above the names."""
    rows = [
        (time, row[0], "BTC/USD", *row[1:], row[5] * row[4])
        for time, row in zip((bars.open_time // 10**9).tolist(), stamped(bars, opens(bars)), strict=True)
    ]
    header = "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USD"
    return csv(header, rows[::-1])


def databento(bars: Bars) -> bytes:
    rows = [(row[0], 33, 2, 417, *row[1:], "BTCUSD") for row in stamped(bars, bars.open_time.tolist())]
    return csv("ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol", rows)


def freqtrade(bars: Bars) -> bytes:
    content = BytesIO()
    columns = {name: getattr(bars, name) for name in (*PRICES, "volume")}
    pd.DataFrame({"date": pd.to_datetime(bars.open_time, utc=True), **columns}).to_feather(content)
    return content.getvalue()


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


def yahoo(bars: Bars) -> bytes:
    rows = stamped(bars, opens(bars).strftime("%Y-%m-%d"))
    return csv("Date,Open,High,Low,Close,Adj Close,Volume", [(*row[:5], row[4] / 2, row[5]) for row in rows])


def yfinance(bars: Bars, *tickers: str, tickers_first: bool = False) -> bytes:
    """Write three lines of names, and the columns of each ticker beside those of the one before it."""
    names = ("close", "high", "low", "open", "volume")
    columns = [values(of_symbol(bars, place), *names) for place in range(len(tickers))]
    rows = [
        (time, *(cell for row in of_one_time for cell in row))
        for time, *of_one_time in zip(opens(bars).tz_localize("UTC"), *columns, strict=True)
    ]
    cells = [(name.capitalize(), ticker) for ticker in tickers for name in names]
    header = [("Price", *(name for name, _ in cells)), ("Ticker", *(ticker for _, ticker in cells))]
    header = header[::-1] if tickers_first else header
    return csv("", [*header, ("Datetime", *("" for _ in cells)), *rows])


BINANCE_NAMES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
VENDOR_TABLE_SHAPES = (
    Shape("Alpaca", "CSV of its client", "open", alpaca, names_symbol=True),
    # The bars end after the session does, at 16:00 in New York.
    Shape("Alpha Vantage", "CSV of intraday bars", "close", alpha_vantage, bars=bars_from("2023-01-03T18:00", "1m")),
    Shape("Alpha Vantage", "CSV of days", "open", alpha_vantage_days, bars=bars_from("2023-01-01", "1d")),
    Shape("Binance", "CSV of klines", "open", lambda bars: binance(bars, 10**6, "")),
    Shape(
        "Binance", "CSV of klines with names, in microseconds", "open",
        lambda bars: binance(bars, 10**3, BINANCE_NAMES),
    ),
    Shape("BitMEX", "CSV of buckets", "close", bitmex, names_symbol=True),
    Shape("CoinMarketCap", "CSV; volume in dollars", "open", coinmarketcap),
    Shape("CryptoDataDownload", "CSV, a volume in each currency", "open", crypto_data_download, names_symbol=True),
    Shape("Databento", "CSV of OHLCV records; whole prices are billionths", "open", databento, names_symbol=True),
    Shape("freqtrade", "Feather", "open", freqtrade, "bars.feather"),
    Shape("Polygon", "CSV, its flat files", "open", polygon, names_symbol=True),
    Shape("TradingView", "CSV of a chart, in seconds", "open", tradingview_seconds),
    Shape("TradingView", "CSV of a chart, ISO 8601, without volume", "open", tradingview_iso, carries=PRICES),
    Shape("Yahoo", "CSV of days, not adjusted", "open", yahoo, bars=bars_from("2023-01-01", "1d")),
    Shape(
        "yfinance", "CSV below three lines of names", "open", lambda bars: yfinance(bars, "BTC-USD"),
        names_symbol=True,
    ),
    Shape(
        "yfinance", "CSV of several tickers", "open", lambda bars: yfinance(bars, "BTC-USD", "ETH-USD"),
        names_symbol=True, symbols=("BTC-USD", "ETH-USD"),
    ),
    Shape(
        "yfinance", "CSV of several tickers, grouped by ticker", "open",
        lambda bars: yfinance(bars, "BTC-USD", "ETH-USD", tickers_first=True), names_symbol=True,
        symbols=("BTC-USD", "ETH-USD"), listed=False,
    ),
)  # fmt: skip
