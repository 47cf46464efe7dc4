"""Instruments: the costs of trading a symbol, and the calendar on which it trades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.calendars.exchanges import check_calendar
from tradesieve.market.calendars.trading_days import ALWAYS, TradingCalendar, get_calendar
from tradesieve.market.default_costs import DEFAULT_CALENDARS, DEFAULT_COSTS, UNDESCRIBED
from tradesieve.market.errors import BadInput, Unknown, lookup

COSTS = (
    "maker_fee", "taker_fee", "half_spread", "slippage", "tick",
    "slippage_ticks", "slippage_range", "long_carry", "short_carry",
)  # fmt: skip
"""The fields of an instrument that are costs: zero or positive; a higher one never improves a result."""

PLAUSIBLE = {
    "maker_fee": 0.02, "taker_fee": 0.02,
    "half_spread": 0.05, "slippage": 0.05, "long_carry": 0.05, "short_carry": 0.05,
}  # fmt: skip
"""No market that we know charges as much, but percentages and basis points look like it."""
_LARGEST_TICK = 0.05
"""As a fraction of the lowest price; a coarser grid is that of another market."""
_NAMES = ("calendar", "kind")
_SWITCHES = ("fill_without_trades",)


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
    long_carry, short_carry : what a long and a short position pay for being held, as a fraction of the entry notional
        per 24 hours, to the nanosecond: funding of a perpetual (a rate of 0.01 % every 8 hours is 0.0003), borrow of
        a short sale (6 % a year is 0.06 / 365), swap of a forex position. Funding that a position receives is not
        counted, since a cost is never negative.
    tick : the price grid in quote currency. Market fills are rounded to it against us; a limit or target off the grid
        rests at the next price of the grid that is as good or better for us. 0: no grid.
    calendar : the name of its trading calendar, see `market.calendars.exchanges.check_calendar`.
    kind : what it is, a key of `market.default_costs.DEFAULT_COSTS`, or None. `instrument_from` takes the default costs
        and calendar of the kind; here the defaults are those of a perpetual, whatever the kind is.
    fill_without_trades : whether orders fill in a bar in which nothing traded. False: they wait for a bar with trades,
        see `market.execution.fill_rule`.

    Raises
    ------
    BadInput : if a cost is negative, not finite, or at least the whole price; if slippage_ticks has no tick.
    Unknown : if there is no such calendar or kind.
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
    kind: str | None = None
    fill_without_trades: bool = True

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
        check_calendar(self.calendar)
        if self.kind is not None:
            lookup("kind of instrument", self.kind, DEFAULT_COSTS)

    @property
    def trading_calendar(self) -> TradingCalendar:
        """The calendar itself."""
        return get_calendar(self.calendar)

    @property
    def default_costs(self) -> tuple[str, ...]:
        """The fees, spread and slippage that equal the default of its kind; without a kind, that of a perpetual."""
        defaults = DEFAULT_COSTS[self.kind or UNDESCRIBED]
        return tuple(name for name, cost in defaults.items() if getattr(self, name) == cost)

    def as_dict(self) -> dict[str, str | float | bool]:
        """Return plain values, for files and hashes; without `kind` and `fill_without_trades` at their defaults."""
        values = asdict(self)
        # Hashes of instruments are older than these two.
        if self.kind is None:
            del values["kind"]
        if self.fill_without_trades:
            del values["fill_without_trades"]
        return values


def instrument_from(symbol: str, terms: Mapping[str, object]) -> Instrument:
    """Make an instrument from settings. Costs and a calendar that are not set are the defaults of its kind.

    Raises
    ------
    Unknown : if a key is not a term of an instrument, or there is no such kind.
    BadInput : if a value is not a number, or is out of range.

    Examples
    --------
    >>> instrument_from("NVDA", {"kind": "stock", "slippage": 0.0001}).taker_fee
    5e-05
    """
    allowed = set(Instrument.__dataclass_fields__) - {"symbol"}
    for key, value in terms.items():
        if key not in allowed:
            raise Unknown(f"term of {symbol}", key, allowed)
        _check_term(symbol, key, value)
    defaults = lookup("kind of instrument", str(terms.get("kind", UNDESCRIBED)), DEFAULT_COSTS)
    calendar = DEFAULT_CALENDARS.get(str(terms.get("kind")), ALWAYS.name)
    return Instrument(symbol, **{"calendar": calendar, **defaults, **terms})  # type: ignore[arg-type]


def _check_term(symbol: str, key: str, value: object) -> None:
    if key in _NAMES:
        fits, kind = isinstance(value, str), "a name"
    elif key in _SWITCHES:
        fits, kind = isinstance(value, bool), "true or false"
    else:
        fits, kind = isinstance(value, int | float) and not isinstance(value, bool), "a number"
    if not fits:
        raise BadInput(f"{symbol}: {key} is {value!r}, but must be {kind}")


def refuse_percentages(symbol: str, terms: Mapping[str, object]) -> None:
    """Refuse costs that are so high that a percentage or basis points were probably meant.

    The spread and slippage of an option may be that high, since they are fractions of its premium.

    Raises
    ------
    BadInput : with the cost, and the value that was probably meant.
    """
    for name, limit in PLAUSIBLE.items():
        value = terms.get(name)
        if isinstance(value, int | float) and (terms.get("kind") != "option" or name.endswith("_fee")):
            refuse_percentage(f"{symbol}: {name}", value, limit)


def refuse_percentage(name: str, value: float, limit: float = PLAUSIBLE["taker_fee"]) -> None:
    """Refuse a rate at or above a limit, and propose the fraction that was probably meant.

    Raises
    ------
    BadInput : names the rate, and the proposal: basis points from 1 on, else a percentage.

    Examples
    --------
    >>> refuse_percentage("--taker", 0.5)
    Traceback (most recent call last):
    tradesieve.market.errors.BadInput: --taker: 0.5 is 50 % of the price: did you mean 0.005?
    """
    if value >= limit:
        meant = value / 10_000 if value >= 1 else value / 100
        raise BadInput(f"{name}: {value:g} is {100 * value:g} % of the price: did you mean {meant:g}?")


def require_tick_fits(instrument: Instrument, bars: Bars) -> None:
    """Refuse a tick that is more than a twentieth of the lowest price: it is that of another market.

    Raises
    ------
    BadInput : names the tick, the lowest price and its time.
    """
    if instrument.tick == 0 or len(bars) == 0:
        return
    row = int(np.argmin(bars.low))
    lowest = float(bars.low[row])
    if instrument.tick > _LARGEST_TICK * lowest:
        raise BadInput(
            f"{bars.symbol}: tick is {instrument.tick:g}, more than {_LARGEST_TICK:.0%} of the price of {lowest:g} in "
            f"its {bars.timeframe} bars at {format_time(int(bars.close_time[row]))}: set the tick of this market, or 0"
        )
