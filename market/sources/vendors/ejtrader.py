"""ejtrader: MetaTrader history with prices in whole points, in eastern European time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tradesieve.market.bars import PRICES
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame, csv_header


def _recognises(head: bytes, name: str) -> bool:
    return csv_header(head) == ("date", *PRICES, "tick_volume")


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars whose stamps are opens; a day begins at the broker's midnight.

    How many points make a price (100000 for EURUSD, 1000 for USDJPY, 100 for XAUUSD) is not in the file.

    Raises
    ------
    BadInput : if no price scale is given.
    """
    if options.price_scale is None:
        raise BadInput(
            f"{path}: prices are in points, and the file does not state how many make a price; "
            "pass --price-scale, such as 100000 for EURUSD or 1000 for USDJPY"
        )
    frame = csv_frame(path)
    notes: list[str] = []
    points = frame[list(PRICES)].apply(pd.to_numeric, errors="coerce")
    if points.notna().all(axis=None):
        # 130583.99999999999 is 130584 points: the file holds products of floats.
        whole = points.round()
        n_noisy = int((whole != points).any(axis=1).sum())
        if n_noisy:
            notes.append(f"the points of {n_noisy} rows were not whole numbers: rounded")
        frame = frame.assign(**{name: whole[name] for name in PRICES})
    if options.stamps.timezone is None:
        notes.append("the time zone is Europe/Athens (eastern Europe with summer time), as measured")
    stamps = Stamps(meaning="open", timezone="Europe/Athens")
    return VendorTable(frame.rename(columns={"tick_volume": "volume"}), stamps, tuple(notes))


EJTRADER = Vendor("ejtrader points", _recognises, _read)
