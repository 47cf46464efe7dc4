"""OKX: candles of its v5 API as JSON, newest first, stamped with their open."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors import json_responses
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable
from tradesieve.market.timeframes import Timeframe, parse_timeframe

_PRICES = ("ts", "open", "high", "low", "close")
# The candles of an index have no volume, and those from before 2022 only the first two.
_COLUMNS = {
    6: (*_PRICES, "confirm"),
    7: (*_PRICES, "volume", "volume_currency"),
    9: (*_PRICES, "volume", "volume_currency", "volume_quote", "confirm"),
}
_CHANNEL = re.compile(r"candle(\d+[smHDWM])(?:utc)?$")
_KUCOIN = "200000"


def _rows(response: Any) -> list[Any] | None:
    rows = json_responses.list_in(response, "data")
    return None if rows is None or response.get("code") == _KUCOIN else rows


def _recognises(head: bytes, name: str) -> bool:
    rows = _rows(json_responses.first_response(head))
    return rows is not None and len(rows) > 0 and json_responses.is_row(rows[0], tuple(_COLUMNS), 1e11)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read candles; those with ``confirm`` 0 have not closed, and are left out with the others that have not."""
    tables, timeframes = [], set()
    for response in json_responses.read_responses(path):
        rows = _rows(response) or []
        table = json_responses.rows_table(path, rows, _COLUMNS.get(len(rows[0]), _COLUMNS[9]) if rows else _COLUMNS[9])
        subscription = response.get("arg") if isinstance(response, dict) else None
        if isinstance(subscription, dict) and isinstance(subscription.get("instId"), str):
            table = table.assign(symbol=subscription["instId"])
            timeframes.add(_timeframe(subscription.get("channel")))
        tables.append(table)
    frame, notes = json_responses.join_tables(path, tables, "ts")
    if _counts_contracts(frame):
        frame = frame.assign(volume=frame["volume_currency"])
        notes.append("volumes are in contracts: the volume in the base currency is stored")
    stated = timeframes.pop() if len(timeframes) == 1 else None
    return VendorTable(frame, Stamps(meaning="open", unit="ms"), tuple(notes), timeframe=stated)


def _timeframe(channel: object) -> Timeframe | None:
    """Read the timeframe from the name of a channel, such as candle1H or mark-price-candle1Dutc."""
    found = _CHANNEL.search(str(channel))
    try:
        return parse_timeframe(found[1]) if found else None
    except BadInput:
        return None


def _counts_contracts(frame: pd.DataFrame) -> bool:
    """Tell contracts, whose second volume is in the base currency, from spot, where it is in the quote currency."""
    return "volume_quote" in frame.columns and not bool((frame["volume_currency"] == frame["volume_quote"]).all())


OKX = Vendor("OKX candles", _recognises, _read)
