"""Shapes of plain tables: by position, with dates, numbers and encodings as people write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.market.sources.shapes.csv_rows import csv, opens, stamped
from tests.market.sources.shapes.seeded_bars import bars_from, minutes, of_symbol, rounded
from tests.market.sources.shapes.shape import Shape
from tradesieve.market.bars import PRICES, Bars

PLAIN = "any program"
NAMES = "time,open,high,low,close,volume"
NEW_YORK = "America/New_York"
CHINESE = "日期,开盘,最高,最低,收盘,成交量"
DAYS = bars_from("2023-01-01", "1d")
ROUNDED_DAYS = rounded(DAYS, prices=2, volume=-1)
ROUND_DAYS = rounded(DAYS, prices=-1, volume=-1)
MONTH = bars_from("2023-01-01", "4h")
"""In a month a day of 13 or more settles the order of dates."""
AFTERNOON = bars_from("2023-02-03T12:00", "1m")
"""No row of an afternoon settles the order of its date."""


def kraken(bars: Bars) -> bytes:
    return csv("", [(*row, 7) for row in stamped(bars, (bars.open_time // 10**9).tolist())])


def firstrate(bars: Bars) -> bytes:
    return csv("", stamped(bars, opens(bars, NEW_YORK).strftime("%Y-%m-%d %H:%M:%S")))


def kibot(bars: Bars) -> bytes:
    return csv("", stamped(bars, opens(bars, NEW_YORK).strftime("%m/%d/%Y,%H:%M")))


def dukascopy(bars: Bars) -> bytes:
    rows = stamped(bars, opens(bars).strftime("%d.%m.%Y %H:%M:%S.000"))
    return csv("Gmt time,Open,High,Low,Close,Volume", rows)


def two_columns(bars: Bars, form: str = "%Y-%m-%d,%H:%M:%S") -> bytes:
    return csv("Date,Time,Open,High,Low,Close,Volume", stamped(bars, opens(bars).strftime(form)))


def two_compact_columns(bars: Bars) -> bytes:
    return two_columns(bars, "%Y%m%d,%-H%M")


def investing(bars: Bars) -> bytes:
    """Write quoted cells, the newest day first: thousands in prices, K and M in volumes."""
    rows = investing_rows(bars, "%m/%d/%Y")
    return csv('"Date","Price","Open","High","Low","Vol.","Change %"', map(quoted, rows[::-1]))


def investing_german(bars: Bars) -> bytes:
    """Write the same with points between thousands and a comma before decimals."""
    turn = str.maketrans(".,", ",.")
    rows = [(row[0], *(cell.translate(turn) for cell in row[1:])) for row in investing_rows(bars, "%d.%m.%Y")]
    return csv('"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"', map(quoted, rows[::-1]))


def investing_rows(bars: Bars, date: str) -> list[tuple[str, ...]]:
    rows = stamped(bars, opens(bars).strftime(date), ("close", "open", "high", "low", "volume"))
    return [(row[0], *(f"{price:,.2f}" for price in row[1:5]), with_suffix(row[5]), "0.10%") for row in rows]


def nasdaq(bars: Bars) -> bytes:
    rows = [
        (date, f"${close}", int(volume), f"${opened}", f"${high}", f"${low}")
        for date, opened, high, low, close, volume in stamped(bars, opens(bars).strftime("%m/%d/%Y"))
    ]
    return csv("Date,Close/Last,Volume,Open,High,Low", rows[::-1])


def nse(bars: Bars) -> bytes:
    rows = [
        (row[0], "EQ", *(f"{value:,.2f}" for value in row[1:5]), f"{row[5]:,.0f}")
        for row in stamped(bars, opens(bars).strftime("%d-%b-%Y"))
    ]
    return csv("Date ,series ,OPEN ,HIGH ,LOW ,close ,VOLUME ", map(quoted, rows))


def quoted(row: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(f'"{cell}"' for cell in row)


def with_suffix(value: float) -> str:
    return f"{value / 1e6:.5f}M" if value >= 1e6 else f"{value / 1e3:.2f}K"


def dated(form: str) -> Callable[[Bars], bytes]:
    """Write dates in a ``strptime`` format, quoted where it has a comma."""
    quote = '"' if "," in form else ""
    return lambda bars: csv(
        "Date,Open,High,Low,Close,Volume", stamped(bars, opens(bars).strftime(f"{quote}{form}{quote}"))
    )


def numbered(form: Callable[[float], str], separator: str = ",") -> Callable[[Bars], bytes]:
    """Write numbers in a form, quoted where it has commas."""
    header = NAMES.replace(",", separator)
    return lambda bars: csv(
        header,
        [
            (row[0], *(quoted((form(value),))[0] if "," in form(value) else form(value) for value in row[1:]))
            for row in stamped(bars, opens(bars).strftime("%Y-%m-%dT%H:%M:%SZ"))
        ],
        separator,
    )


def thousands(value: float) -> str:
    return f"{value:,.5f}"


def decimal_comma(value: float) -> str:
    return repr(value).replace(".", ",")


def several_symbols(bars: Bars) -> bytes:
    """Write the rows of two symbols in turn, as time passes."""
    parts = [
        [(row[0], symbol, *row[1:]) for row in stamped(of_symbol(bars, place), opens(bars).tz_localize("UTC"))]
        for place, symbol in enumerate(("BTC-USD", "ETH-USD"))
    ]
    rows = [row for rows in zip(*parts, strict=True) for row in rows]
    return csv("time,symbol,open,high,low,close,volume", rows)


def newest_first(bars: Bars) -> bytes:
    return csv(NAMES, stamped(bars, opens(bars))[::-1])


def in_encoding(encoding: str, header: str = NAMES) -> Callable[[Bars], bytes]:
    return lambda bars: csv(header, stamped(bars, opens(bars))).decode().encode(encoding)


def no_volume(bars: Bars) -> bytes:
    return csv("time,open,high,low,close", stamped(bars, opens(bars), PRICES))


DATED = {
    "%d.%m.%Y %H:%M": "dmy", "%d/%m/%Y %H:%M:%S": "dmy", "%d-%m-%Y %H:%M": "dmy", "%d-%b-%Y %H:%M": "dmy",
    "%m/%d/%Y %H:%M": "mdy", "%m/%d/%Y %I:%M:%S %p": "mdy", "%b %d, %Y %I:%M %p": "mdy", "%m/%d/%y %H:%M": "mdy",
    "%Y/%m/%d %H:%M": "ymd", "%Y.%m.%d %H:%M:%S": "ymd", "%Y%m%d %H%M%S": "ymd", "%Y%m%d%H%M": "ymd",
}  # fmt: skip
"""{format of dates: their order}."""
ASKED_FOR = ("%d/%m/%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%y %H:%M")
"""Formats whose order of day and month one day of bars does not settle."""


def plain(about: str, form: str, write: Callable[[Bars], bytes], bars: Bars | None = None, **stated: Any) -> Shape:
    """Make a shape of a plain table, stamped at the open as long as nothing says otherwise."""
    return Shape(f"{PLAIN}: {about}", form, "open", write, bars=minutes() if bars is None else bars, **stated)


PLAIN_SHAPES = (
    Shape("Dukascopy", "CSV", "open", dukascopy, options=("--columns", "time=Gmt time")),
    Shape(
        "FirstRate", "text without names of columns", "open", firstrate, "bars.txt",
        options=("--columns", NAMES, "--timezone", NEW_YORK),
    ),
    Shape(
        "Investing.com", "CSV of days, such as 1,234.56 and 68.03K", "open", investing, bars=ROUNDED_DAYS,
        options=("--columns", "close=Price,volume=Vol."),
    ),
    Shape(
        "Investing.com", "the same in German, 1.234,56 and 68,03K", "open", investing_german, bars=ROUNDED_DAYS,
        options=(
            "--decimal", ",", "--columns", "time=Datum,open=Eröffn.,high=Hoch,low=Tief,close=Zuletzt,volume=Vol.",
        ),
    ),
    Shape(
        "Kibot", "text without names of columns", "open", kibot, "bars.txt",
        options=("--columns", f"date,{NAMES}", "--date-order", "mdy", "--timezone", NEW_YORK),
    ),
    Shape("Kraken", "CSV without names of columns (OHLCVT)", "open", kraken, options=("--columns", NAMES)),
    Shape("Nasdaq", "CSV of days", "open", nasdaq, bars=ROUNDED_DAYS, options=("--columns", "close=Close/Last")),
    Shape("NSE", "CSV of days", "open", nse, bars=ROUNDED_DAYS),
    plain("columns", "date and time in two, such as 2023-02-14 and 09:30:00", two_columns),
    plain("columns", "or 20230214 and 930", two_compact_columns),
    *(plain("dates", f"{opens(MONTH)[-46].strftime(form)}", dated(form), MONTH) for form in DATED),
    *(
        plain(
            "dates", f"{opens(AFTERNOON)[0].strftime(form)}, which no row settles", dated(form), AFTERNOON,
            options=("--date-order", DATED[form]), listed=False,
        )
        for form in ASKED_FOR
    ),
    plain("numbers", "16,800.25", numbered(thousands), rounded(minutes(), prices=5, volume=5)),
    plain("numbers", "$5.25", numbered(lambda value: f"${value!r}")),
    plain("numbers", "68.5K and 1.2M, to the digits that they have", numbered(with_suffix), ROUND_DAYS),
    plain("numbers", "16,25 between semicolons", numbered(decimal_comma, ";")),
    plain("rows", "newest first", newest_first),
    plain("rows", "of several symbols", several_symbols, names_symbol=True, symbols=("BTC-USD", "ETH-USD")),
    plain("encodings", "UTF-16", in_encoding("utf-16")),
    plain(
        "encodings", "GBK, with Chinese names of columns", in_encoding("gbk", CHINESE),
        options=("--encoding", "gbk", "--columns", "time=日期,open=开盘,high=最高,low=最低,close=收盘,volume=成交量"),
    ),
    plain("columns", "no volume", no_volume, carries=PRICES),
)  # fmt: skip
