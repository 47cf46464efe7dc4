"""Clocks of markets: whether times are those at which sessions of some market open or close."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tradesieve.market.calendars.exchanges import NEW_YORK, exchange_codes
from tradesieve.market.calendars.sessions import FOREX, Sessions
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY, HOUR, MINUTE


class Market(NamedTuple):
    """The sessions of a market, and when they usually begin and end.

    Parameters
    ----------
    sessions : their name, see `market.calendars.sessions.Sessions`.
    time_zone : of its clock.
    usual : times of day, in ns, at which sessions usually open and close; none where that is not stated.
    """

    sessions: str
    time_zone: str
    usual: tuple[frozenset[int], frozenset[int]]

    @property
    def never_rests(self) -> bool:
        """Whether a session opens when the one before it closes."""
        return self.usual[0] == self.usual[1]


def local_clock(time: np.ndarray, time_zone: str | None) -> np.ndarray:
    """Return what the clock of a time zone (None: UTC) shows, int64 ns since 1970 (n,)."""
    import pandas as pd

    local = pd.DatetimeIndex(time, tz="UTC").tz_convert(time_zone or "UTC").tz_localize(None)
    return local.as_unit("ns").asi8


def markets_at(time: np.ndarray, *, close: bool) -> Iterator[Market]:
    """Yield each market of which sessions open or close at all of these times.

    Parameters
    ----------
    time : int64 ns UTC (n,), n > 0.
    close : whether the sessions close then; else they open.
    """
    for market in _markets():
        # Half days close early: the commonest time decides whether a schedule, which takes long to build, is looked at.
        of_day, counts = np.unique(local_clock(time, market.time_zone) % DAY, return_counts=True)
        usual = market.usual[close]
        if (not usual or of_day[np.argmax(counts)] in usual) and np.isin(time, _edges(market, time, close)).all():
            yield market


def show_the_same(time: np.ndarray, zone: str | None, other: str | None) -> bool:
    """Tell whether the clocks of two time zones show the same at all of these times."""
    return zone == other or np.array_equal(local_clock(time, zone), local_clock(time, other))


@lru_cache(maxsize=1)
def market_time_zones() -> tuple[str, ...]:
    """Return the time zones of all markets, that of New York first."""
    return (NEW_YORK, *sorted({market.time_zone for market in _markets()} - {NEW_YORK}))


def _edges(market: Market, time: np.ndarray, close: bool) -> np.ndarray:
    try:
        return Sessions(market.sessions).between(int(time.min()) - DAY, int(time.max()) + DAY)[close]
    except BadInput:
        return np.empty(0, np.int64)  # its sessions of that time are not known


@lru_cache(maxsize=1)
def _markets() -> tuple[Market, ...]:
    """Return every market, without building the schedules of exchanges."""
    from exchange_calendars import ExchangeCalendar

    kinds, codes = [ExchangeCalendar], set(exchange_codes()) - {"24/5", "24/7"}
    for kind in kinds:
        kinds += kind.__subclasses__()
    evening = frozenset([17 * HOUR])
    exchanges = [
        Market(kind.name, str(kind.tz), (_times_of_day(kind.open_times), _times_of_day(kind.close_times)))
        for kind in kinds
        if kind.name in codes
    ]
    return (Market(FOREX, NEW_YORK, (evening, evening)), *exchanges)


def _times_of_day(clocks: object) -> frozenset[int]:
    if not isinstance(clocks, tuple):
        return frozenset()  # an exchange that computes them
    return frozenset((clock.hour * 60 + clock.minute) * MINUTE for _, clock in clocks)
