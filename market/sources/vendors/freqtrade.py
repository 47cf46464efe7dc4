"""freqtrade: candles as Feather, or as JSON rows of milliseconds, open, high, low, close and volume."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import open_unpacked, read_head, read_json
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import (
    ReadOptions,
    Vendor,
    VendorTable,
    candles_frame,
    first_candles,
    fits_only,
)

_COLUMNS = ("date", "open", "high", "low", "close", "volume")
_FEATHER = (b"ARROW1", b"FEA1")


def _recognises(head: bytes, name: str) -> bool:
    if head.startswith(_FEATHER):
        return True
    candles = first_candles(head)
    return head.lstrip().startswith(b"[") and fits_only(candles, "ohlc", "ochl", "lhoc") and bool(candles[0, 0] > 1e11)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read candles whose stamps are opens in UTC."""
    if not read_head(path)[0].startswith(_FEATHER):
        return VendorTable(candles_frame(path, read_json(path), _COLUMNS), Stamps(meaning="open", unit="ms"))
    try:
        with open_unpacked(path) as stream:
            return VendorTable(pd.read_feather(stream), Stamps(meaning="open"))
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{path}: not valid Feather: {reason}") from error


FREQTRADE = Vendor("freqtrade", _recognises, _read)
