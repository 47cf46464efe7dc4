"""Stored bars by the symbol that a user writes, which may be any vendor's form of it."""

from __future__ import annotations

from tradesieve.market.errors import Unknown
from tradesieve.market.timeframes import Timeframe
from tradesieve.pipelines.settings import Settings


def find_stored(settings: Settings, symbol: str, timeframe: Timeframe | None = None) -> str:
    """Return the stored symbol that is meant.

    Parameters
    ----------
    timeframe : that must be stored; None: any.

    Raises
    ------
    Unknown : if it is not stored.
    BadInput : if several are meant.
    """
    found = settings.bars.find(symbol, timeframe)
    if found is None:
        stored = settings.bars.list()
        if timeframe is None:
            raise Unknown("stored symbol", symbol, [name for name, _ in stored])
        raise Unknown("stored bars", f"{symbol} {timeframe}", [f"{name} {each}" for name, each in stored])
    return found
