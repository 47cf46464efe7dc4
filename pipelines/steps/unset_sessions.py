"""Symbols that trade always by their calendar, while their bars keep to the sessions of an exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.calendars.trading_hours import infer_hours
from tradesieve.market.grid import grid_phase
from tradesieve.market.timeframes import DAY
from tradesieve.pipelines.steps.chunks import Chunk

_FEWEST_DAYS = 14
_KINDS = {"XNYS": "stock", "forex": "forex"}
"""The kind of instrument whose default calendar these hours are."""


def find_unset_sessions(chunks: Sequence[Chunk]) -> dict[str, str]:
    """Return the trading hours that the bars keep to, by symbol, where the calendar says that it trades always."""
    found = {}
    for chunk in chunks:
        if chunk.instrument.calendar == ALWAYS.name and chunk.symbol not in found:
            hours = _hours(chunk.bars)
            if hours != ALWAYS.name:
                found[chunk.symbol] = hours
    return found


def describe_unset_sessions(unset: Mapping[str, str]) -> list[str]:
    """Return a line for each of the hours, or none.

    Parameters
    ----------
    unset : from `find_unset_sessions`.
    """
    lines = []
    for hours in dict.fromkeys(unset.values()):
        symbols = ", ".join(symbol for symbol, own in unset.items() if own == hours)
        remedy = f"kind: {_KINDS[hours]}, or calendar: {hours}," if hours in _KINDS else f"calendar: {hours}"
        lines.append(
            f"the calendar of {symbols} is always, so days without trading count as flat days, but the bars keep to "
            f"{hours}: set {remedy} in instruments of --config"
        )
    return lines


@lru_cache(maxsize=16)
def _hours(bars: Bars) -> str:
    opens = bars.open_time // DAY
    if bars.timeframe.calendar or not len(opens) or opens[-1] - opens[0] < _FEWEST_DAYS:
        return ALWAYS.name
    # Day 0 was a Thursday. Whoever trades on a Saturday keeps to no exchange: most need no closer look.
    if np.any((opens + 3) % 7 == 5):
        return ALWAYS.name
    return infer_hours(bars, grid_phase(bars.close_time, bars.timeframe))[0]
