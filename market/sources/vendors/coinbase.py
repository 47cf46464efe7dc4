"""Coinbase: candles of its Exchange and Advanced Trade APIs as JSON, newest first."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import read_json
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import (
    ReadOptions,
    Vendor,
    VendorTable,
    candles_frame,
    ensure_oldest_first,
    first_candles,
    fits_only,
)

_COLUMNS = ("start", "low", "high", "open", "close", "volume")


def _recognises(head: bytes, name: str) -> bool:
    if head.lstrip().startswith(b"{"):
        return b'"candles"' in head and b'"start"' in head and b'"low"' in head
    candles = first_candles(head)
    # The Exchange API counts seconds, and no other vendor puts the low first.
    return head.lstrip().startswith(b"[") and fits_only(candles, "lhoc", "ohlc", "ochl") and bool(candles[0, 0] < 1e11)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read ``[[time, low, high, open, close, volume], ...]``, or ``{"candles": [{"start": ...}, ...]}``."""
    content = read_json(path)
    if isinstance(content, dict):
        rows = content.get("candles")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise BadInput(f"{path}: holds no candles")
        frame = pd.DataFrame(rows)
        missing = [column for column in _COLUMNS if column not in frame.columns]
        if missing:
            raise BadInput(f"{path}: candles have no {', '.join(missing)}")
        numbers = pd.to_numeric(frame["start"], errors="coerce")
        if numbers.isna().any():
            raise BadInput(f"{path}: candle {int(numbers.isna().argmax())} has no start in seconds since 1970")
        frame = frame.assign(start=numbers)
    else:
        frame = candles_frame(path, content, _COLUMNS)
    notes: list[str] = []
    return VendorTable(ensure_oldest_first(frame, "start", notes), Stamps(meaning="open", unit="s"), tuple(notes))


COINBASE = Vendor("Coinbase candles", _recognises, _read)
