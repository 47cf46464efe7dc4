"""Shapes of tables: CSV and other text."""

from __future__ import annotations

import pandas as pd

from tests.market.sources.shapes.shape import Shape
from tradesieve.market.bars import Bars


def stooq(bars: Bars) -> bytes:
    times = pd.to_datetime(bars.open_time).strftime("%Y%m%d,%H%M%S")
    values = zip(bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    rows = [f"BTCUSD,1,{time},{','.join(map(str, map(float, row)))},0" for time, row in zip(times, values, strict=True)]
    header = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"
    return "\n".join([header, *rows, ""]).encode()


TABLE_SHAPES = (
    Shape("Stooq", "text", "open", "a header of names in `<>`, `<TICKER>` first", stooq, "bars.txt", names_symbol=True),
)
