"""Price levels: whether new bars cost about what the stored ones do, or what their symbol can cost at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.timeframes import DAY, Timeframe

_FAR = 50.0
"""Fewer times than these, a market may have moved. Prices in pence, points or billionths are 100 times off or more."""
_SPLIT_LIKE = (1.8, 22.0)
"""A share splits 2 to 1 up to 20 to 1, and its price moves a little meanwhile."""
_LONGEST_PAUSE = 10 * DAY
"""Over a longer one the market itself may move as a split does."""
_SEAM = 5
"""Bars from either side that are compared, by their median: one bad print does not make a level."""
_SCALES = (1e9, 1e8, 1e6, 1e5, 1e4, 1e3, 1e2)
"""What vendors multiply prices by, the most usual one for prices of any market (Databento) first."""

_DOLLAR = (1.0, 1.0)
_VALUES = {
    **dict.fromkeys(("USD", "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "DAI"), _DOLLAR),
    "EUR": (0.6, 1.7), "GBP": (0.9, 2.8), "CHF": (0.2, 1.5), "AUD": (0.4, 1.5), "CAD": (0.6, 1.1), "NZD": (0.35, 1.5),
    "JPY": (0.0025, 0.015), "CNH": (0.1, 0.7), "CNY": (0.1, 0.7), "HKD": (0.1, 0.25), "SGD": (0.3, 0.9),
    "SEK": (0.08, 0.3), "NOK": (0.08, 0.25), "DKK": (0.08, 0.25), "PLN": (0.2, 2.0), "CZK": (0.02, 0.08),
    "HUF": (0.002, 0.05), "INR": (0.008, 0.14), "KRW": (0.0005, 0.004), "THB": (0.015, 0.06), "ZAR": (0.04, 1.6),
    # Quoted in today's unit, far back in time these were worth much more.
    "TRY": (0.005, 1e5), "MXN": (0.03, 100.0), "BRL": (0.1, 2.0), "ILS": (0.2, 500.0),
    "XAU": (30.0, 2e4), "XAG": (1.0, 500.0), "XPT": (50.0, 1e4), "XPD": (30.0, 1e4),
    "BTC": (1e-3, 1e7), "ETH": (0.1, 1e5),
}  # fmt: skip
"""The dollars that one has cost at least and at most since 1970, or may yet cost."""
_OTHER_BASE = (1e-12, 1e6)
"""The same for any other coin, index or commodity that is quoted in one of `_VALUES`."""
_MARGIN = 10.0
_NARROW = 1e5
"""Highest by lowest price of a pair of ordinary currencies is less than this."""
_SINGLE_PRICES = (1e-7, 1e8)
"""What a share, index or future can cost in its currency; Berkshire Hathaway's costs under a million dollars."""
_CONTRACT = re.compile(r"PERP(\..+)?|\d{6}")


@dataclass(frozen=True)
class FarPrices:
    """Prices that are far from what they should be.

    Parameters
    ----------
    description : names the prices, their times, and what was expected.
    scale : by which they are too high, a power of ten; None: no usual scale explains them.
    """

    description: str
    scale: float | None


def plausible_prices(symbol: str) -> tuple[float, float] | None:
    """Return the lowest and highest price that a symbol can have; None where that is not known.

    A pair of currencies follows from what each has been worth in dollars, with a margin of ten times.

    Examples
    --------
    >>> [round(price, 2) for price in plausible_prices("EUR-USD")]
    [0.06, 17.0]
    """
    if "-" not in symbol:
        return _SINGLE_PRICES
    base, quote, *contract = symbol.split("-")
    if quote not in _VALUES or len(contract) > 1 or not all(map(_CONTRACT.fullmatch, contract)):
        return None
    (base_low, base_high), (quote_low, quote_high) = _VALUES.get(base, _OTHER_BASE), _VALUES[quote]
    return base_low / quote_high / _MARGIN, base_high / quote_low * _MARGIN


def far_from_symbol(bars: Bars) -> FarPrices | None:
    """Compare the median price with what the symbol can cost; None if it can cost that, or that is not known."""
    plausible = plausible_prices(bars.symbol)
    price = float(np.median(bars.close))
    if plausible is None or price <= 0:  # only where the import allows it
        return None
    lowest, highest = plausible
    if lowest <= price <= highest:
        return None
    scales = _SCALES if price > highest else tuple(1 / scale for scale in _SCALES)
    fitting = [scale for scale in scales if lowest <= price / scale <= highest]
    if highest / lowest < _NARROW:  # only one scale explains such a price well
        fitting.sort(key=lambda scale: abs(np.log((price / scale) ** 2 / (lowest * highest))))
    limit = f"above {highest:g}" if price > highest else f"below {lowest:g}"
    return FarPrices(
        f"{bars.symbol} {bars.timeframe}: prices are around {price:.6g}, {limit}, which {bars.symbol} cannot cost",
        next(iter(fitting), None),
    )


def far_from_stored(bars: Bars, stored: Sequence[Bars]) -> FarPrices | None:
    """Compare prices with those of other bars of the symbol, where they are nearest in time; None if they fit.

    Prices at or below zero are not compared.

    Parameters
    ----------
    bars : at least one.
    stored : other bars of the same symbol, at any timeframe; at least one series, of at least one bar each.
    """
    levels = _nearest_levels(bars, stored)
    if not levels.are_positive or 1 / _FAR < levels.factor < _FAR:
        return None
    return FarPrices(levels.in_words(bars), float(10.0 ** round(np.log10(levels.factor))))


def split_note(bars: Bars, stored: Sequence[Bars]) -> str | None:
    """Report prices that differ from the nearest stored ones as if a share had been split; None if they do not.

    Parameters
    ----------
    As `far_from_stored`.
    """
    levels = _nearest_levels(bars, stored)
    lowest, highest = _SPLIT_LIKE
    if not levels.are_positive or levels.pause > _LONGEST_PAUSE:
        return None
    if not lowest <= max(levels.factor, 1 / levels.factor) <= highest:
        return None
    return f"{levels.in_words(bars)}: after a split, adjust the older ones with `tradesieve data repair`"


class _Levels(NamedTuple):
    """Prices around the time at which new and stored bars are nearest."""

    new: float
    new_time: int
    stored: float
    stored_time: int
    stored_timeframe: Timeframe

    @property
    def are_positive(self) -> bool:
        return self.new > 0 and self.stored > 0

    @property
    def factor(self) -> float:
        return self.new / self.stored

    @property
    def pause(self) -> int:
        return abs(self.new_time - self.stored_time)

    def in_words(self, bars: Bars) -> str:
        times = f"{self.factor:.4g} times" if self.factor > 1 else f"1/{1 / self.factor:.4g} of"
        return (
            f"{bars.symbol} {bars.timeframe}: prices are around {self.new:.6g} at {format_time(self.new_time)}, "
            f"{times} those of the {self.stored_timeframe} bars stored or read before, around {self.stored:.6g} at "
            f"{format_time(self.stored_time)}"
        )


def _nearest_levels(bars: Bars, stored: Sequence[Bars]) -> _Levels:
    return min((_levels(bars, each) for each in stored), key=lambda levels: levels.pause)


def _levels(bars: Bars, stored: Bars) -> _Levels:
    """Compare two series where the one that begins later begins."""
    new_is_later = bars.close_time[0] >= stored.close_time[0]
    earlier, later = (stored, bars) if new_is_later else (bars, stored)
    row = int(np.searchsorted(earlier.close_time, later.close_time[0], side="right"))
    before = float(np.median(earlier.close[max(0, row - _SEAM) : row])), int(earlier.close_time[row - 1])
    after = float(np.median(later.close[:_SEAM])), int(later.close_time[0])
    new, old = (after, before) if new_is_later else (before, after)
    return _Levels(*new, *old, stored.timeframe)
