"""Views: what of history a feature looks at. The first part of its name says it, and reads back::

close, open, high, low, volume     one column of the decision's own bars
bars                               whole bars of them
close_1h, bars_1d                  the same of a longer timeframe, of bars that have closed
close_1h_so_far                    the same, and the bar that is still forming, built from what has closed of it
close_of_SPY, bars_1h_of_BTC-USD   the same of another symbol
results                            net returns of the strategy's own closed trades
clock, trade                       no history: the time of the decision, and the terms of the trade
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from tradesieve.market.bars import PRICES as BAR_PRICES
from tradesieve.market.errors import BadInput
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import Timeframe, parse_timeframe

SERIES_INPUTS = ("close", "open", "high", "low", "volume")

PRICES = (*BAR_PRICES, "volume")
"""The columns of bars, in the order in which kernels are given them."""

_OF_BARS = re.compile(
    rf"(?P<column>{'|'.join(SERIES_INPUTS)}|bars)(_(?P<timeframe>\d+[smhd]))?(?P<so_far>_so_far)?(_of_(?P<symbol>.+))?"
)


@dataclass(frozen=True)
class View:
    """What of history a feature looks at.

    Parameters
    ----------
    column : one of `SERIES_INPUTS`, ``bars``, ``results``, ``clock`` or ``trade``.
    timeframe : a longer one than the decision's; None: its own.
    so_far : the last bar is the one that is forming, built from the shorter bars that have closed of it.
    symbol : another symbol; None: the decision's own.
    """

    column: str
    timeframe: Timeframe | None = None
    so_far: bool = False
    symbol: str | None = None

    def __str__(self) -> str:
        parts = [self.column, "" if self.timeframe is None else f"_{self.timeframe}", "_so_far" if self.so_far else ""]
        return "".join(parts) + ("" if self.symbol is None else f"_of_{self.symbol}")

    @property
    def source(self) -> View:
        """The history it is cut from, whichever column of it is looked at."""
        of_bars = self.column in (*SERIES_INPUTS, "bars")
        return View("bars", self.timeframe, self.so_far, self.symbol) if of_bars else self

    def n_shorter(self, window: int, timeframe: Timeframe) -> int:
        """Count the bars of the decision's timeframe that always hold `window` bars of this view, each of them whole.

        Raises
        ------
        BadInput : if the view's timeframe is no longer one, or no whole multiple.
        """
        if self.timeframe is None:
            return window
        ratio, rest = divmod(self.timeframe.duration, timeframe.duration)
        if rest or ratio < 2:
            raise BadInput(
                f"{self} on {timeframe} bars: a longer timeframe is at least twice that of the bars, a whole multiple"
            )
        # Beside the closed bars, all but one of the bar that is forming may be there.
        return ratio * window if self.so_far else ratio * (window + 1) - 1


@cache
def parse_view(text: str) -> View:
    """Read the first part of a feature's name.

    Raises
    ------
    BadInput : if it is none, or could be written otherwise.
    """
    if text in ("results", "clock", "trade"):
        return View(text)
    found = _OF_BARS.fullmatch(text)
    if found is None:
        raise BadInput(
            f"{text!r} is nothing to look at: write one of {', '.join(SERIES_INPUTS)}, bars, results, clock and trade, "
            "the first six with a timeframe or another symbol, as in close_1h, bars_1d_so_far, close_of_SPY"
        )
    timeframe = None if found["timeframe"] is None else parse_timeframe(found["timeframe"])
    if found["so_far"] and timeframe is None:
        raise BadInput(f"{text!r}: the bar that is forming is of a longer timeframe; name it, as in close_1h_so_far")
    symbol = None if found["symbol"] is None else normalise_symbol(found["symbol"])
    view = View(found["column"], timeframe, bool(found["so_far"]), symbol)
    if str(view) != text:
        # One feature has one name, or the same column would be computed, learned and stored twice.
        raise BadInput(f"write {view}, not {text}")
    return view
