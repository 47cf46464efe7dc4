"""freqtrade: candles as Feather; its JSON is that of CCXT."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import open_unpacked
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable

_FEATHER = (b"ARROW1", b"FEA1")


def _recognises(head: bytes, name: str) -> bool:
    return head.startswith(_FEATHER)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read candles whose stamps are opens in UTC."""
    try:
        with open_unpacked(path) as stream:
            return VendorTable(pd.read_feather(stream), Stamps(meaning="open"))
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{path}: not valid Feather: {reason}") from error


FREQTRADE = Vendor("freqtrade", _recognises, _read)
