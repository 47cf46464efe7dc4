"""Bitfinex: candles in the order open, close, high, low, without a header, as JSON or CSV."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.sources.formats.archives import read_head, read_json
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.vendors.base import (
    Given,
    Read,
    Vendor,
    candles_frame,
    csv_frame,
    first_candles,
    oldest_first,
    only,
)

_COLUMNS = ("time", "open", "close", "high", "low", "volume")


def _recognises(head: bytes, name: str) -> bool:
    candles = first_candles(head)
    return only(candles, "ochl", "ohlc", "lhoc") and bool(candles[0, 0] > 1e11)


def _read(path: Path, given: Given) -> Read:
    """Read candles that are stamped with their opens, in milliseconds."""
    if read_head(path)[0].lstrip().startswith(b"["):
        frame = candles_frame(path, read_json(path), _COLUMNS)
    else:
        frame = csv_frame(path, header=None, names=list(_COLUMNS))
    notes = ["the prices stand in the order open, close, high, low: read so"]
    return Read(oldest_first(frame, "time", notes), Stamps(meaning="open", unit="ms"), tuple(notes))


BITFINEX = Vendor("Bitfinex candles", _recognises, _read)
