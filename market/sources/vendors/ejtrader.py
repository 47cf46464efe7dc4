"""ejtrader: MetaTrader history with prices in whole points, in the clock of eastern Europe."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tradesieve.market.bars import PRICES
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.vendors.base import Given, Read, Vendor, csv_frame, header


def _recognises(head: bytes, name: str) -> bool:
    return header(head) == ("date", *PRICES, "tick_volume")


def _read(path: Path, given: Given) -> Read:
    """Read bars that are stamped with their opens; a day begins at midnight of the broker.

    How many points make a price (100000 for EURUSD, 1000 for USDJPY, 100 for XAUUSD) is not in the file.

    Raises
    ------
    BadInput : if the scale of the prices is not given.
    """
    if given.price_scale is None:
        raise BadInput(
            f"{path}: its prices are in points, and how many make a price is not in the file; "
            "give it with --price-scale, such as 100000 for EURUSD or 1000 for USDJPY"
        )
    frame = csv_frame(path)
    notes: list[str] = []
    points = frame[list(PRICES)].apply(pd.to_numeric, errors="coerce")
    if points.notna().all(axis=None):
        # 130583.99999999999 is 130584 points: a product of floats wrote it.
        whole = points.round()
        n_noisy = int((whole != points).any(axis=1).sum())
        if n_noisy:
            notes.append(f"the points of {n_noisy} rows were a hair off a whole number: rounded")
        frame = frame.assign(**{name: whole[name] for name in PRICES})
    if given.stamps.timezone is None:
        notes.append("the clock is that of Athens (eastern Europe with summer time), as measured")
    stamps = Stamps(meaning="open", timezone="Europe/Athens")
    return Read(frame.rename(columns={"tick_volume": "volume"}), stamps, tuple(notes))


EJTRADER = Vendor("ejtrader points", _recognises, _read)
