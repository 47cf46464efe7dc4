"""Databento: OHLCV records as CSV, stamped with their open; prices may be integers, a billion for one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame, csv_header

_TIME = "ts_event"
_COLUMNS = ("rtype", "publisher_id", "instrument_id", *PRICES, "volume")
_SCALE = 1e9


def _recognises(head: bytes, name: str) -> bool:
    return {_TIME, *_COLUMNS} <= set(csv_header(head))


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read records; prices without a decimal point are billionths."""
    frame = csv_frame(path).rename(columns={_TIME: "time"})
    if not all(pd.api.types.is_integer_dtype(frame[name]) for name in PRICES):
        return VendorTable(frame, Stamps(meaning="open"))
    note = "every price is a whole number: read as billionths; pass --price-scale to change it"
    return VendorTable(frame, Stamps(meaning="open"), (note,), _SCALE)


DATABENTO = Vendor("Databento", _recognises, _read)
