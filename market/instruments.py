"""Instruments: the costs of trading a symbol, and the calendar on which it trades."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from tradesieve.market.calendars.trading_days import ALWAYS, TradingCalendar, get_calendar
from tradesieve.market.errors import BadInput, Unknown

COSTS = (
    "maker_fee", "taker_fee", "half_spread", "slippage", "tick",
    "slippage_ticks", "slippage_range", "long_carry", "short_carry",
)  # fmt: skip
"""The fields of an instrument that are costs: zero or positive; a higher one never improves a result."""


@dataclass(frozen=True)
class Instrument:
    """The terms on which a symbol is traded. Rates are fractions of the price, per side, unless stated otherwise.

    Parameters
    ----------
    symbol : such as ``BTC-USD``.
    maker_fee, taker_fee : fee rate of a resting and of a market order.
    half_spread : half the distance between bid and ask; paid by every market order.
    slippage : further distance by which a market order moves the price against us.
    slippage_ticks, slippage_range : more of the same, in ticks of the price grid, and as a fraction of the range
        (high - low) of the bar of the fill, which grows with volatility. The three add up.
    long_carry, short_carry : funding or borrow, as a fraction of the entry notional per 24 hours held, pro rata.
    tick : the price grid in quote currency. Market fills are rounded to it against us; a limit or target off the grid
        rests at the next price of the grid that is as good or better for us. 0: no grid.
    calendar : the name of its trading calendar, see `market.calendars.trading_days`.

    Raises
    ------
    BadInput : if a cost is negative, not finite, or at least the whole price; if slippage_ticks has no tick.
    Unknown : if there is no such calendar.
    """

    symbol: str
    maker_fee: float = 0.0002
    taker_fee: float = 0.0005
    half_spread: float = 0.00005
    slippage: float = 0.00005
    tick: float = 0.0
    slippage_ticks: float = 0.0
    slippage_range: float = 0.0
    long_carry: float = 0.0
    short_carry: float = 0.0
    calendar: str = ALWAYS.name

    def __post_init__(self) -> None:
        for name in COSTS:
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise BadInput(f"{self.symbol}: {name} is {value}, but a cost is zero or positive and finite")
        for name in ("maker_fee", "taker_fee"):
            if getattr(self, name) >= 1:
                raise BadInput(
                    f"{self.symbol}: {name} is {getattr(self, name)}, but a fee is a fraction of the price below 1: "
                    "0.05 % is 0.0005"
                )
        if self.half_spread + self.slippage >= 1:
            raise BadInput(
                f"{self.symbol}: half_spread and slippage together are {self.half_spread + self.slippage}, "
                "but they are fractions of the price and must stay below 1"
            )
        if self.slippage_ticks > 0 and self.tick == 0:
            raise BadInput(f"{self.symbol}: slippage_ticks is {self.slippage_ticks:g}, but tick is 0: set tick too")
        get_calendar(self.calendar)

    @property
    def trading_calendar(self) -> TradingCalendar:
        """The calendar itself."""
        return get_calendar(self.calendar)

    def as_dict(self) -> dict[str, str | float]:
        """Return plain values, for files and hashes."""
        return asdict(self)


def instrument_from(symbol: str, terms: dict[str, object]) -> Instrument:
    """Make an instrument from settings.

    Raises
    ------
    Unknown : if a key is not a term of an instrument.
    BadInput : if a value is not a number, or is out of range.
    """
    allowed = set(Instrument.__dataclass_fields__) - {"symbol"}
    for key, value in terms.items():
        if key not in allowed:
            raise Unknown(f"term of {symbol}", key, allowed)
        if key != "calendar" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise BadInput(f"{symbol}: {key} is {value!r}, but must be a number")
        if key == "calendar" and not isinstance(value, str):
            raise BadInput(f"{symbol}: calendar is {value!r}, but must be the name of a calendar")
    return Instrument(symbol, **terms)  # type: ignore[arg-type]
