"""The rows that NinjaTrader and HistData share: ``YYYYMMDD HHMMSS;open;high;low;close;volume`` without a header."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from tradesieve.market.sources.formats.archives import first_lines
from tradesieve.market.sources.vendors.base import csv_frame, times

_ROW = re.compile(r"\d{8} \d{6}(;[0-9.eE+-]*){4};(?P<volume>[0-9.]+)")


def all_silent(head: bytes) -> bool | None:
    """Tell whether every row at the beginning has no volume; None when these are no such rows."""
    lines = first_lines(head)
    rows = [_ROW.fullmatch(line) for line in lines]
    if not rows or rows[0] is None:
        return None
    return all(row is None or float(row["volume"]) == 0 for row in rows)


def ascii_frame(path: Path) -> pd.DataFrame:
    """Read the rows.

    Raises
    ------
    BadInput : if they are written otherwise; names the row.
    """
    columns = ["time", "open", "high", "low", "close", "volume"]
    frame = csv_frame(path, sep=";", header=None, names=columns, dtype={"time": "str"})
    return frame.assign(time=times(path, frame["time"], "%Y%m%d %H%M%S"))
