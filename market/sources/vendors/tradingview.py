"""TradingView: exported charts as CSV, in seconds or ISO 8601 with a zone, stamped with their open."""

from __future__ import annotations

import re
from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.archives import first_lines
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame

_COLUMNS = ("time", *PRICES)
_TIME = re.compile(r"\d{9,10}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


def _recognises(head: bytes, name: str) -> bool:
    lines = first_lines(head)
    if len(lines) < 2:
        return False
    # The volume has a capital letter, and stands among the indicators of the chart, which have their own names.
    names = lines[0].split(",")
    is_export = tuple(names[: len(_COLUMNS)]) == _COLUMNS and "volume" not in names
    return is_export and all(_TIME.fullmatch(line.partition(",")[0]) for line in lines[1:])


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars; the indicators of the chart are ignored."""
    frame = csv_frame(path)
    return VendorTable(frame[[name for name in (*_COLUMNS, "volume") if name in frame.columns]], Stamps(meaning="open"))


TRADINGVIEW = Vendor("TradingView", _recognises, _read)
