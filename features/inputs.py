"""Inputs: the data that a feature reads. The first part of its name says which, and parses back::

close, open, high, low, volume     one column of the decision's own bars
bars                               whole bars
close_1h, bars_1w                  the same at a higher timeframe, closed bars only
close_1h_so_far                    the same, and the forming bar, built from the lower bars that have closed
close_aligned, bars_1h_aligned     the same from the side of the trade: for a short, of the mirrored market
close_of_SPY, bars_1h_of_BTC-USD   the same of a symbol by name, as in close_1h_so_far_aligned_of_SPY
close_beside_SPY                   the same of another symbol, and only at the same close; see below
results                            net returns of the instance's own closed trades
clock, trade                       no history: the time of the decision, and the terms of the trade

An aligned feature means the same for both sides: a positive ``close_aligned__slope__window_20`` favours the trade. A
short of EURUSD is a long of USDEUR, so for a short the factor reads the mirrored market, see `features.engine.mirror`.
So every factor turns round by itself. One that depends on the unit of price, such as a mean, reads another unit then.

``close_of_SPY`` reads the last bar of SPY that has closed, however long ago, and SPY's own bars for a decision on SPY.
``close_beside_SPY`` says what another market does at this moment: there is no value where none of its bars closes at
the decision (another calendar, a gap), nor for a decision on SPY itself, which has no other to look at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

from tradesieve.market.bars import PRICES
from tradesieve.market.errors import BadInput
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import Timeframe, parse_timeframe

SERIES_INPUTS = ("close", "open", "high", "low", "volume")

BAR_COLUMNS = (*PRICES, "volume")
"""The columns of bars, in the order in which kernels take them."""

_OF_BARS = re.compile(
    rf"(?P<column>{'|'.join(SERIES_INPUTS)}|bars)(_(?P<timeframe>\d+[smhdwM]))?(?P<so_far>_so_far)?"
    r"(?P<aligned>_aligned)?(_(?P<relation>of|beside)_(?P<symbol>.+))?"
)


@dataclass(frozen=True)
class FeatureInput:
    """The data that a feature reads. ``str()`` gives the text that `parse_input` reads.

    Parameters
    ----------
    column : one of `SERIES_INPUTS`, ``bars``, ``results``, ``clock`` or ``trade``.
    timeframe : higher than the decision's; None: the decision's.
    so_far : whether the last bar is the forming one, built from the lower bars that have closed.
    aligned : whether shorts read the mirrored market.
    symbol : of the bars; None: the decision's.
    beside : whether it is read only where another symbol than the decision's has a bar that closes at the decision.
    """

    column: str
    timeframe: Timeframe | None = None
    so_far: bool = False
    aligned: bool = False
    symbol: str | None = None
    beside: bool = False

    def __str__(self) -> str:
        return (
            self.column
            + ("" if self.timeframe is None else f"_{self.timeframe}")
            + ("_so_far" if self.so_far else "")
            + ("_aligned" if self.aligned else "")
            + ("" if self.symbol is None else f"_{'beside' if self.beside else 'of'}_{self.symbol}")
        )

    @property
    def source(self) -> FeatureInput:
        """The history that windows are cut from, the same for every column of the same bars."""
        of_bars = self.column in (*SERIES_INPUTS, "bars")
        return replace(self, column="bars") if of_bars else self

    def n_base_bars(self, window: int, timeframe: Timeframe) -> int:
        """Return how many bars of the decision's timeframe always hold `window` whole bars of this input.

        Raises
        ------
        BadInput : if the input's timeframe is not a multiple of `timeframe`, at least twice it.
        """
        if self.timeframe is None:
            return window
        ratio = self.timeframe.duration // timeframe.duration
        if not timeframe.divides(self.timeframe) or ratio < 2:
            raise BadInput(
                f"{self} on {timeframe} bars: a higher timeframe is a multiple of that of the bars, at least twice it"
            )
        # Besides the closed bars, all but one of the base bars of the forming bar may be there.
        return ratio * window if self.so_far else ratio * (window + 1) - 1


def is_beside(feature_name: str) -> bool:
    """Tell whether a feature reads another symbol beside the decision's, from its name alone."""
    return "_beside_" in feature_name.partition("__")[0]


@cache
def parse_input(text: str) -> FeatureInput:
    """Parse the first part of a feature's name.

    Raises
    ------
    BadInput : if it names no input, or could be written in another way.
    """
    if text in ("results", "clock", "trade"):
        return FeatureInput(text)
    found = _OF_BARS.fullmatch(text)
    if found is None:
        raise BadInput(
            f"{text!r} is not an input: write one of {', '.join(SERIES_INPUTS)}, bars, results, clock and trade, "
            "the first six with a timeframe, aligned with the trade's side or of another symbol, as in close_1h, "
            "bars_1d_so_far, close_1h_aligned, close_of_SPY"
        )
    timeframe = None if found["timeframe"] is None else parse_timeframe(found["timeframe"])
    if found["so_far"] and timeframe is None:
        raise BadInput(f"{text!r}: only a bar of a higher timeframe can be forming; name it, as in close_1h_so_far")
    if found["aligned"] and found["column"] == "volume":
        raise BadInput(f"{text!r}: volume is the same for both sides; leave out _aligned")
    symbol = None if found["symbol"] is None else normalise_symbol(found["symbol"])
    parsed = FeatureInput(
        found["column"],
        timeframe,
        bool(found["so_far"]),
        bool(found["aligned"]),
        symbol,
        found["relation"] == "beside",
    )
    if str(parsed) != text:
        # One feature has one name, or the same column would be computed, learned and stored twice.
        raise BadInput(f"write {parsed}, not {text}")
    return parsed
