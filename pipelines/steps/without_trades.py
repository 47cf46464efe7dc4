"""Instances without trades, and the reason where it is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.sessions import session_word
from tradesieve.market.calendars.trading_hours import infer_hours
from tradesieve.market.grid import grid_phase
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.rules.session_rule import SessionRule
from tradesieve.strategies.strategy import Strategy


def explain_no_trades(chunks: Sequence[Chunk], traded: Collection[str]) -> dict[str, str]:
    """Explain why instances have no trade; also those of strategies that do not run on the timeframe.

    Parameters
    ----------
    traded : names of the instances with trades.

    Returns
    -------
    The reason by name, for each other instance.
    """
    reasons = {}
    for chunk in chunks:
        for strategy in chunk.strategies:
            name = str(Instance(strategy.id, chunk.symbol, str(chunk.timeframe)))
            if name not in traded:
                reasons[name] = _reason(strategy, chunk)
        for strategy in chunk.unsuited:
            name = str(Instance(strategy.id, chunk.symbol, str(chunk.timeframe)))
            reasons[name] = f"it does not run on {chunk.timeframe} bars; choose a shorter timeframe"
    return reasons


def _reason(strategy: Strategy, chunk: Chunk) -> str:
    if chunk.imported is not None:
        return "the trade set has none in this period"
    bars, rule = chunk.bars, strategy.base_rule
    if isinstance(rule, SessionRule) and not rule.deciding_bars(bars).any():
        return f"no bar lies {rule.deciding_part} of its session, {rule.hours}" + _remedy(rule, chunk)
    if len(strategy.signals(bars)):
        return "no order filled"
    lookback = strategy.lookback(bars.timeframe)
    if len(bars) < lookback:
        return f"no signal: its history of {len(bars):,} bars is shorter than its lookback of {lookback:,}"
    return "no signal"


def _remedy(rule: SessionRule, chunk: Chunk) -> str:
    """Propose the calendar that the bars keep to, if the rule has no session."""
    hours = "" if rule.session else _inferred_hours(chunk.bars)
    if not hours:
        return ""
    if chunk.instrument.calendar == hours:
        return f": leave {rule.utc_minute} out, or set session={hours}"
    return f", and the bars keep to {hours}: set calendar: {hours} for {chunk.symbol} in instruments of --config"


@lru_cache(maxsize=16)
def _inferred_hours(bars: Bars) -> str:
    return session_word(infer_hours(bars, grid_phase(bars.close_time, bars.timeframe))[0])
