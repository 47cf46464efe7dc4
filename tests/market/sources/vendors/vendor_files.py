"""The same bars in the formats of several vendors, for the tests."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path

import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.sources.reading import read_file
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

MINUTE = parse_timeframe("1m")
BARS = SyntheticMarket(n_days=1, timeframe=MINUTE).generate("BTC-USD")[0][:200]
OPENS = BARS.open_time
ISO = pd.to_datetime(OPENS, unit="ns")
PRICED = [BARS.open.tolist(), BARS.high.tolist(), BARS.low.tolist(), BARS.close.tolist()]
OHLCV = list(zip(*PRICED, BARS.volume.tolist(), strict=True))


def read(path: Path, content: str | bytes, **options: object) -> tuple[Bars, tuple[str, ...]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    options = {"symbol": "BTC-USD", "timeframe": MINUTE} | options
    return read_file(path, **options)  # type: ignore[arg-type]


def lines(header: str | None, rows: list[str], *, newest_first: bool = False) -> str:
    return "\n".join(([header] if header else []) + (rows[::-1] if newest_first else rows)) + "\n"


def joined(*fields: object, separator: str = ",") -> str:
    return separator.join(str(field) for field in fields)


def zipped(content: str | bytes, name: str = "bars.csv") -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def klines(factor: int, *, header: bool) -> str:
    names = "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    names += "taker_buy_volume,taker_buy_quote_volume,ignore"
    rows = [
        joined(time // factor, *row, (time + MINUTE.duration) // factor - 1, 1.5, 7, 0.5, 0.7, 0)
        for time, row in zip(OPENS.tolist(), OHLCV, strict=True)
    ]
    return lines(names if header else None, rows)


def candles(order: str, unit: int) -> list[list[float]]:
    place = dict(zip("ohlcv", range(5), strict=True))
    return [
        [time // unit, *(row[place[name]] for name in order)] for time, row in zip(OPENS.tolist(), OHLCV, strict=True)
    ]


def oanda(side: str = "mid", **changes: object) -> str:
    rows = [
        {
            "complete": True,
            "volume": row[4],
            "time": f"{stamp.isoformat()}.000000000Z",
            side: dict(zip("ohlc", (str(price) for price in row[:4]), strict=True)),
        }
        for stamp, row in zip(ISO, OHLCV, strict=True)
    ]
    rows[-1] |= changes
    return json.dumps({"instrument": "BTC_USD", "granularity": "M1", "candles": rows})


CSV_ROWS = [joined(stamp, *row) for stamp, row in zip(ISO, OHLCV, strict=True)]
CLOSE_ROWS = [joined(stamp + pd.Timedelta("1m"), *row) for stamp, row in zip(ISO, OHLCV, strict=True)]
