"""OANDA: candles of its v20 REST API as JSON, prices as text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.bars import PRICES
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import read_json
from tradesieve.market.sources.formats.left_out import LeftOut
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable
from tradesieve.market.timeframes import Timeframe, parse_timeframe

_SECONDS = re.compile(r"^S(\d+)$")
_SIDES = ("mid", "bid", "ask")


def _recognises(head: bytes, name: str) -> bool:
    return (
        head.lstrip().startswith(b"{") and b'"candles"' in head and any(f'"{side}"'.encode() in head for side in _SIDES)
    )


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read candles whose stamps are opens: mid prices, else bid, else ask.

    Incomplete candles are dropped.
    """
    content = read_json(path)
    candles = content.get("candles") if isinstance(content, dict) else None
    if not isinstance(candles, list) or not candles or not all(isinstance(candle, dict) for candle in candles):
        raise BadInput(f"{path}: holds no candles")
    side = next((side for side in _SIDES if side in candles[0]), "mid")
    complete = [candle for candle in candles if candle.get("complete", True)]
    notes = [] if side == "mid" else [f"the prices are those of the {side}"]
    n_incomplete = len(candles) - len(complete)
    if n_incomplete:
        notes.append(f"dropped {n_incomplete} incomplete candles")
    rows = [_row(path, number, candle, side) for number, candle in enumerate(complete)]
    frame = pd.DataFrame(rows, columns=["time", *PRICES, "volume"])
    seconds = pd.to_numeric(frame["time"], errors="coerce")
    if len(frame) and seconds.notna().all():
        frame = frame.assign(time=seconds)
    if isinstance(content.get("instrument"), str):
        frame = frame.assign(instrument=content["instrument"])
    return VendorTable(
        frame,
        Stamps(meaning="open"),
        tuple(notes),
        left_out=LeftOut(not_closed=n_incomplete),
        timeframe=_timeframe(content.get("granularity")),
    )


def _timeframe(granularity: object) -> Timeframe | None:
    """Read a granularity, such as S5, M15, H4, D, W or M."""
    try:
        return parse_timeframe(_SECONDS.sub(r"\1s", str(granularity)))
    except BadInput:
        return None


def _row(path: Path, number: int, candle: dict[str, Any], side: str) -> list[Any]:
    prices = candle.get(side)
    if not isinstance(prices, dict) or not {"o", "h", "l", "c"} <= set(prices) or "time" not in candle:
        raise BadInput(f"{path}: candle {number} has no time, or no o, h, l and c of the {side}")
    return [candle["time"], *(prices[name[0]] for name in PRICES), candle.get("volume", 0)]


OANDA = Vendor("OANDA candles", _recognises, _read)
