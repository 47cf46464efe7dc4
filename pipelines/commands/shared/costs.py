"""The terms on which money in a table was computed, as one line and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradesieve.market.calendars.sessions import Sessions, session_word
from tradesieve.market.default_costs import DEFAULT_CALENDARS, UNDESCRIBED
from tradesieve.market.instruments import COSTS, Instrument
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment import Experiment

_SET = "set with --taker, --maker, --commission, --spread, --slippage, or instruments in --config"
_FILLS = {
    True: "orders also fill in bars without trades (default; else --wait-for-trades)",
    False: "orders wait for a bar with trades",
}
_NAMES = {"maker_fee": "maker", "taker_fee": "taker", "half_spread": "half-spread", "slippage": "slippage"}


def show_costs(console: Console, instruments: Iterable[Instrument], *, remedy: str = _SET) -> None:
    """Print the terms in one line, or in one for each group of symbols if they differ.

    Parameters
    ----------
    remedy : how default costs can be replaced.
    """
    instruments, groups = list(instruments), dict[str, list[str]]()
    for instrument in instruments:
        groups.setdefault(describe_costs(instrument, remedy=remedy), []).append(instrument.symbol)
    for text, symbols in groups.items():
        owner = f" of {', '.join(symbols)}" if len(groups) > 1 else ""
        console.say(f"costs{owner}: {text}")
    _show_sessions(console, instruments)


def show_terms(console: Console, experiment: Experiment) -> None:
    """Print the costs of an experiment; those of imported trades came with them."""
    instruments = experiment.all_instruments()
    if experiment.trades is None:
        show_costs(console, instruments)
    else:
        show_imported_costs(console, experiment.trades)
        _show_sessions(console, instruments)


def show_imported_costs(console: Console, trades: str) -> None:
    """Print whose costs imported trades have."""
    console.say(f"costs: those of the imported trades {trades}")


def costs_of(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """Return the costs by symbol as `costs_by_symbol`; none for imported trades, whose costs came with them."""
    return {} if experiment.trades is not None else costs_by_symbol(experiment.all_instruments())


def _show_sessions(console: Console, instruments: Iterable[Instrument]) -> None:
    """Print the sessions of the markets that close, in one line for each of them."""
    groups: dict[str, list[str]] = {}
    for instrument in instruments:
        if word := session_word(instrument.calendar):
            is_default = DEFAULT_CALENDARS.get(str(instrument.kind)) == instrument.calendar
            origin = f" (default of kind {instrument.kind}; set calendar in instruments of --config)" * is_default
            text = f"{instrument.calendar}, {Sessions(word).hours}{origin}"
            groups.setdefault(text, []).append(instrument.symbol)
    for text, symbols in groups.items():
        console.say(f"sessions of {', '.join(symbols)}: {text}")


def describe_costs(instrument: Instrument, *, remedy: str = _SET) -> str:
    """Return the costs of an instrument in words, and whether they are defaults."""
    slippage = [_basis_points(instrument.slippage)]
    if instrument.slippage_ticks:
        slippage.append(f"{instrument.slippage_ticks:g} tick" + "s" * (instrument.slippage_ticks != 1))
    if instrument.slippage_range:
        slippage.append(f"{instrument.slippage_range:.4g} of the bar's range")
    text = (
        f"maker {_basis_points(instrument.maker_fee)}, taker {_basis_points(instrument.taker_fee)}, "
        f"half-spread {_basis_points(instrument.half_spread)}, slippage {' + '.join(slippage)} a side"
    )
    if instrument.tick:
        text += f", tick {instrument.tick:g}"
    for name in ("long_carry", "short_carry"):
        if rate := getattr(instrument, name):
            text += f", {name.replace('_', ' ')} {_basis_points(rate)} a day"
    if not (instrument.long_carry or instrument.short_carry):
        text += ", no funding or borrow"
    return f"{text}{_describe_defaults(instrument, remedy)}; {_FILLS[instrument.fill_without_trades]}"


def _describe_defaults(instrument: Instrument, remedy: str) -> str:
    defaults = instrument.default_costs
    if not defaults:
        return ""
    kind = (instrument.kind or f"{UNDESCRIBED}, as no kind is set").replace("_", " ")
    which = "" if len(defaults) == len(_NAMES) else f"{', '.join(_NAMES[name] for name in defaults)}: "
    return f" ({which}defaults of kind {kind}; {remedy})"


def costs_by_symbol(instruments: Iterable[Instrument]) -> dict[str, dict[str, Any]]:
    """Return the costs as plain values by symbol, with the ``kind`` and the names of those that are ``defaults``."""
    return {
        instrument.symbol: {"kind": instrument.kind, "defaults": list(instrument.default_costs)}
        | {name: getattr(instrument, name) for name in (*COSTS, "fill_without_trades")}
        for instrument in instruments
    }


def _basis_points(rate: float) -> str:
    return f"{10_000 * rate:.4g} bp"
