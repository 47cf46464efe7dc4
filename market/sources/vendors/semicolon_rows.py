"""The rows that NinjaTrader and HistData share: ``YYYYMMDD HHMMSS;open;high;low;close;volume`` without a header."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from tradesieve.market.sources.formats.archives import first_lines
from tradesieve.market.sources.formats.timestamps import parse_times
from tradesieve.market.sources.vendors.base import csv_frame

_ROW = re.compile(r"\d{8} \d{6}(;[0-9.eE+-]*){4};(?P<volume>[0-9.]+)")


def has_no_volume(head: bytes) -> bool | None:
    """Tell whether the first rows all have a volume of 0; None when the rows have another form."""
    lines = first_lines(head)
    rows = [_ROW.fullmatch(line) for line in lines]
    if not rows or rows[0] is None:
        return None
    return all(row is None or float(row["volume"]) == 0 for row in rows)


def ascii_frame(path: Path) -> pd.DataFrame:
    """Read the rows.

    Raises
    ------
    BadInput : if a row has another form; names it.
    """
    columns = ["time", "open", "high", "low", "close", "volume"]
    frame = csv_frame(path, sep=";", header=None, names=columns, dtype={"time": "str"})
    return frame.assign(time=parse_times(frame["time"], "%Y%m%d %H%M%S", name=str(path)))
