"""Shapes of text that trading programs write and read, with every digit of the bars."""

from __future__ import annotations

from tests.market.sources.shapes.csv_rows import closes, csv, opens, stamped
from tests.market.sources.shapes.seeded_bars import bars_from, minutes
from tests.market.sources.shapes.shape import Shape
from tradesieve.market.bars import PRICES, Bars

STOOQ = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"
METASTOCK = "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"
METATRADER_5 = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
POINTS = 100_000


def stooq(bars: Bars) -> bytes:
    rows = stamped(bars, opens(bars).strftime("%Y%m%d,%H%M%S"))
    return csv(STOOQ, [("BTCUSD", 1, *row, 0) for row in rows])


def stooq_days(bars: Bars) -> bytes:
    rows = stamped(bars, opens(bars).strftime("%Y%m%d,000000"))
    return csv(STOOQ, [("AAPL.US", "D", *row, 0) for row in rows])


def metastock(bars: Bars) -> bytes:
    return csv(METASTOCK, [("BTCUSD", *row) for row in stamped(bars, opens(bars).strftime("%Y%m%d,%H%M"))])


def metastock_without_zeros(bars: Bars) -> bytes:
    """Write 5 for 00:05, between semicolons."""
    rows = stamped(bars, [f"{time:%Y%m%d};{100 * time.hour + time.minute}" for time in opens(bars)])
    return csv(METASTOCK.replace(",", ";"), [("BTCUSD", *row) for row in rows], ";")


def metatrader_4(bars: Bars) -> bytes:
    return csv("", stamped(bars, opens(bars).strftime("%Y.%m.%d,%H:%M")))


def metatrader_4_with_header(bars: Bars) -> bytes:
    return csv("Date,Time,Open,High,Low,Close,Volume", stamped(bars, opens(bars).strftime("%Y.%m.%d,%H:%M")))


def metatrader_5(bars: Bars) -> bytes:
    times = opens(bars, "Europe/Athens").strftime("%Y.%m.%d\t%H:%M:%S")
    return csv(METATRADER_5, [(*row, 0, 3) for row in stamped(bars, times)], "\t")


def metatrader_5_days(bars: Bars) -> bytes:
    header = METATRADER_5.replace("<TIME>\t", "")
    return csv(header, [(*row, 0, 3) for row in stamped(bars, opens(bars).strftime("%Y.%m.%d"))], "\t")


def utf_16(text: bytes) -> bytes:
    return text.decode().encode("utf-16")


def ninjatrader(bars: Bars) -> bytes:
    return csv("", stamped(bars, closes(bars).strftime("%Y%m%d %H%M%S")), ";")


def histdata(bars: Bars) -> bytes:
    rows = stamped(bars, opens(bars, "Etc/GMT+5").strftime("%Y%m%d %H%M%S"), PRICES)
    return csv("", [(*row, 0) for row in rows], ";")


def ejtrader(bars: Bars) -> bytes:
    """Write prices as whole points, of which 100,000 make 1."""
    times = opens(bars, "Europe/Athens").strftime("%Y-%m-%d %H:%M:%S")
    rows = [(row[0], *(round(price * POINTS) for price in row[1:5]), row[5]) for row in stamped(bars, times)]
    return csv("Date,open,high,low,close,tick_volume", rows)


def backtrader(bars: Bars) -> bytes:
    times = closes(bars).strftime("%Y-%m-%d,%H:%M:%S")
    return csv("Date,Time,Open,High,Low,Close,Volume,OpenInterest", [(*row, 0) for row in stamped(bars, times)])


def backtrader_days(bars: Bars) -> bytes:
    times = opens(bars).strftime("%Y-%m-%d")
    return csv("Date,Open,High,Low,Close,Volume,OpenInterest", [(*row, 0) for row in stamped(bars, times)])


def lean(bars: Bars) -> bytes:
    return csv("", stamped(bars, opens(bars).strftime("%Y%m%d %H:%M")))


def nautilus(bars: Bars) -> bytes:
    return csv("timestamp_utc,open,high,low,close,volume", stamped(bars, closes(bars)))


PROGRAM_SHAPES = (
    Shape("backtrader", "CSV of intraday bars", "close", backtrader),
    Shape("backtrader", "CSV of days", "open", backtrader_days, bars=bars_from("2023-01-01", "1d")),
    Shape(
        "ejtrader", "CSV in whole points", "open", ejtrader, options=("--price-scale", str(POINTS)),
        bars=minutes().with_columns({name: getattr(minutes(), name).round(5) for name in PRICES}),
    ),
    Shape(
        "HistData", "text, in New York's winter time", "open", histdata, "bars.txt", PRICES,
        options=("--timezone", "Etc/GMT+5"),
    ),
    Shape("Lean", "CSV of hours", "open", lean, bars=bars_from("2023-01-01", "1h")),
    Shape("MetaStock", "text", "open", metastock, "bars.txt", names_symbol=True),
    Shape(
        "MetaStock", "text between semicolons, 5 for 00:05", "open", metastock_without_zeros, "bars.txt",
        names_symbol=True,
    ),
    Shape("MetaTrader", "CSV of version 4", "open", metatrader_4),
    Shape("MetaTrader", "the same with names of columns", "open", metatrader_4_with_header),
    Shape("MetaTrader", "the same in UTF-16", "open", lambda bars: utf_16(metatrader_4(bars))),
    Shape("MetaTrader", "CSV of days of version 5", "open", metatrader_5_days, bars=bars_from("2023-01-01", "1d")),
    Shape(
        "MetaTrader", "CSV of version 5, a broker on the clock of Athens", "open", metatrader_5,
        options=("--timezone", "Europe/Athens"),
    ),
    Shape("nautilus", "CSV", "close", nautilus),
    Shape("NinjaTrader", "text", "close", ninjatrader, "bars.txt"),
    Shape("Stooq", "text", "open", stooq, "bars.txt", names_symbol=True),
    Shape(
        "Stooq", "text of days", "open", stooq_days, "bars.txt", names_symbol=True, bars=bars_from("2023-01-01", "1d")
    ),
)  # fmt: skip
