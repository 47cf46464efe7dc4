"""The bars of a table, and how they were read: every file and database table passes through here."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.sources.formats.bar_times import check_timeframe, read_times
from tradesieve.market.sources.formats.frames import bars_from_frame
from tradesieve.market.sources.formats.left_out import LeftOut
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.timeframes import Timeframe


@dataclass(frozen=True)
class TableBars:
    """The bars of one market in a table, and how they were read.

    Parameters
    ----------
    bars : in time order.
    notes : one sentence for each way in which the bars differ from the table, or that is worth knowing.
    timezone : the zone of the table's times: the one that was stated, else their own, else UTC.
    stamp : ``open`` or ``close``: which end of a bar the times of the table are.
    left_out : the rows that are not among the bars.
    snapped : how many times were a millisecond or less off a whole second, and were moved to it.
    """

    bars: Bars
    notes: tuple[str, ...]
    timezone: str
    stamp: str
    left_out: LeftOut
    snapped: int


def read_bars(
    frame: pd.DataFrame,
    *,
    symbol: str,
    timeframe: Timeframe,
    stamps: Stamps,
    name: str,
    price_scale: float = 1.0,
    bad_rows: str = "refuse",
    now: int | None = None,
    allow_negative: bool = False,
) -> TableBars:
    """Turn a table into bars.

    1. Convert the times, and leave out bars that have not closed (`bar_times.read_times`).
    2. Hold the timeframe against the times (`bar_times.check_timeframe`).
    3. Convert prices and volumes, and check the laws of bars (`frames.bars_from_frame`).

    Parameters
    ----------
    As `bar_times.read_times` and `frames.bars_from_frame`.

    Raises
    ------
    BadInput : if the columns or times cannot be read, or no bar has closed.
    WrongTimeframe : if the bars last another time than `timeframe`.
    BadData : if bars break a law and are not to be left out; names the first five rows.
    """
    times = read_times(frame, timeframe=timeframe, stamps=stamps, name=name, now=now)
    check_timeframe(times.frame, timeframe=timeframe, stamps=times.stamps, name=name)
    bars, rows = bars_from_frame(
        times.frame,
        symbol=symbol,
        timeframe=timeframe,
        stamps=times.stamps,
        name=name,
        price_scale=price_scale,
        bad_rows=bad_rows,
        allow_negative=allow_negative,
    )
    return TableBars(
        bars,
        (*times.notes, *rows.notes),
        timezone=times.timezone,
        stamp=times.stamps.meaning or "open",
        left_out=times.left_out + rows.left_out,
        snapped=times.snapped,
    )
