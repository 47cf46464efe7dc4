"""Shapes of times on a local clock, without an offset, across changes of the clock."""

from __future__ import annotations

from functools import partial

import pandas as pd

from tests.market.sources.shapes.csv_rows import csv, opens, stamped
from tests.market.sources.shapes.plain_shapes import NAMES, NEW_YORK, plain
from tests.market.sources.shapes.seeded_bars import bars_from, local_days
from tests.market.sources.shapes.shape import Shape
from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import HOUR

SAO_PAULO = "America/Sao_Paulo"
AUTUMN = "2023-11-05T04:00"
"""Two hours before the clocks of New York are set back."""


def on_clock(bars: Bars, timezone: str, *, newest_first: bool = False) -> bytes:
    rows = stamped(bars, opens(bars, timezone))
    return csv(NAMES, rows[::-1] if newest_first else rows)


def by_day(bars: Bars, timezone: str, *, newest_first: bool = False) -> bytes:
    """Write the date of each day, which it still is an hour before the day ends."""
    dates = pd.to_datetime(bars.close_time - HOUR, utc=True).tz_convert(timezone).strftime("%Y-%m-%d")
    rows = stamped(bars, dates)
    return csv(NAMES, rows[::-1] if newest_first else rows)


def on_local_clock(form: str, timezone: str, first_open: str, timeframe: str) -> list[Shape]:
    """Make the shapes of bars, oldest and newest first; the newest first is not listed."""
    return [
        plain(
            "local times",
            form + (", newest first" if newest_first else ""),
            partial(on_clock, timezone=timezone, newest_first=newest_first),
            bars_from(first_open, timeframe),
            options=("--timezone", timezone),
            listed=not newest_first,
        )
        for newest_first in (False, True)
    ]


LOCAL_TIME_SHAPES = (
    *on_local_clock("hours, one of which comes twice", NEW_YORK, AUTUMN, "1h"),
    *on_local_clock("minutes across the hour that comes twice", NEW_YORK, AUTUMN, "1m"),
    *on_local_clock("hours, the last one before midnight twice", SAO_PAULO, "2018-02-17T00:00", "1h"),
    *on_local_clock("hours without the midnight that the clocks skip", SAO_PAULO, "2018-11-03T00:00", "1h"),
    *(
        plain(
            "local times",
            f"days, one of which has no midnight{', newest first' if newest_first else ''}",
            partial(by_day, timezone=timezone, newest_first=newest_first),
            local_days("2018-09-01", timezone),
            options=("--timezone", timezone),
            listed=timezone == SAO_PAULO and not newest_first,
        )
        for timezone in (SAO_PAULO, "America/Havana")
        for newest_first in (False, True)
    ),
    *on_local_clock("half hours, one of which comes twice", "Australia/Lord_Howe", "2023-04-01", "30m")[1:],
)
