"""Positive prices: what every return needs, and what bars that allow prices at or below zero may lack."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput

_SECOND = 10**9


def not_positive(bars: Bars) -> np.ndarray:
    """Find the bars with a price at or below zero, bool (n_bars,)."""
    return bars.low <= 0.0


def require_positive_prices(bars: Bars) -> Bars:
    """Return the bars, as such that allow no price at or below zero; the one place where such a price is refused.

    Raises
    ------
    BadInput : if there is one; names the first bar, and the period after the last one if there is any.
    """
    if not bars.allow_negative:
        return bars
    rows = np.flatnonzero(not_positive(bars))
    if len(rows) == 0:
        return replace(bars, allow_negative=False)
    first = int(rows[0])
    count = f", the first of {len(rows):,} such bars" if len(rows) > 1 else ""
    raise BadInput(
        f"{bars.symbol} {bars.timeframe}: the bar that closes at {format_time(bars.close_time[first])} has a price of "
        f"{bars.low[first]:g}{count}, and a return on a price at or below zero has no meaning: {_advice(bars, rows)}"
    )


def _advice(bars: Bars, rows: np.ndarray) -> str:
    first, last = int(rows[0]), int(rows[-1])
    if last < len(bars) - 1:
        # Times are written to the second; a close within one counts as its end.
        after = -(-int(bars.close_time[last]) // _SECOND) * _SECOND
        return f"choose bars after it by --from {format_time(after)}, the start of an experiment"
    if first > 0:
        return f"choose bars before it by --to {format_time(bars.close_time[first - 1])}, the end of an experiment"
    return "no bar lies before or after; leave this symbol out"
