"""Lean (QuantConnect): zips of one symbol, daily or hourly bars for its whole life, minute bars for one day."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from tradesieve.market.bars import PRICES
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import first_lines, read_head
from tradesieve.market.sources.formats.timestamps import Stamps, parse_times
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame

_DATED = re.compile(r"\d{8} \d\d:\d\d(,[0-9.eE+-]*){5}((,[0-9.eE+-]*){5})?")
_SINCE_MIDNIGHT = re.compile(r"\d{1,8}(,[0-9.eE+-]*){5}((,[0-9.eE+-]*){5})?")
_MINUTE_NAME = re.compile(r"(?P<date>\d{8})_(?P<symbol>.+?)_(minute|second)_(trade|quote)\.csv", re.IGNORECASE)
_QUOTE = ("time", *PRICES, "bid size", "ask open", "ask high", "ask low", "ask close", "ask size")
_TEN_THOUSANDTHS = 10_000.0


def _recognises(head: bytes, name: str) -> bool:
    lines = first_lines(head)
    if not lines:
        return False
    if _MINUTE_NAME.fullmatch(name):
        return _SINCE_MIDNIGHT.fullmatch(lines[0]) is not None
    return _DATED.fullmatch(lines[0]) is not None


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars whose stamps are opens.

    Shares are in ten-thousandths of a dollar and in New York time, everything else in its own prices and in UTC. Only
    the folder names the asset class, and a file does not carry its folder: prices that are whole in every row are taken
    for ten-thousandths. A daily bar carries the date of its session, as midnight UTC.
    """
    head, name = read_head(path)
    quotes = len(first_lines(head)[0].split(",")) == len(_QUOTE)
    columns = _QUOTE if quotes else ("time", *PRICES, "volume")
    frame = csv_frame(path, header=None, names=list(columns), dtype={"time": "str"})
    notes = []
    if quotes:
        frame = frame[["time", *PRICES]].assign(volume=0.0)
        notes.append("these are quotes: prices are bids, and there is no volume")
    named = _MINUTE_NAME.fullmatch(name)
    if named:
        milliseconds = pd.to_numeric(frame["time"], errors="coerce")
        if milliseconds.isna().any():
            raise BadInput(f"{path}: row {int(milliseconds.isna().argmax())} has no milliseconds since midnight")
        day = pd.to_datetime(named["date"], format="%Y%m%d", errors="coerce")
        if pd.isna(day):
            raise BadInput(f"{path}: {named['date']} in the name {name} is not a date")
        frame = frame.assign(time=day + pd.to_timedelta(milliseconds, unit="ms"), symbol=named["symbol"])
    else:
        frame = frame.assign(time=parse_times(frame["time"], "%Y%m%d %H:%M", name=str(path)))
    scale, zone = 1.0, "UTC"
    if _all_whole(frame):
        scale = _TEN_THOUSANDTHS
        daily = bool((frame["time"] == frame["time"].dt.normalize()).all())
        zone = "UTC" if daily else "America/New_York"
        if options.price_scale is None:
            notes.append("every price is a whole number: read as ten-thousandths; pass --price-scale to change it")
        if options.stamps.timezone is None and not daily:
            notes.append("shares are in New York time")
    return VendorTable(frame, Stamps(meaning="open", timezone=zone), tuple(notes), price_scale=scale)


def _all_whole(frame: pd.DataFrame) -> bool:
    prices = frame[list(PRICES)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    return bool((prices == np.round(prices)).all())


LEAN = Vendor("Lean", _recognises, _read)
