"""Checks of the user's own rules: their invariants on the bars that they are about to trade."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from tradesieve.features.user_modules import freshly_defined
from tradesieve.market.bars import Bars
from tradesieve.market.errors import Refused
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.strategies.invariants import find_violation
from tradesieve.strategies.strategy import Strategy
from tradesieve.strategies.user_rules import KIND

_MOST_BARS = 10_000
"""Bars on which a rule is checked; a violation shows in fewer."""

_SEED = 1


def require_rule_invariants(traded: Iterable[tuple[Bars, Iterable[Strategy]]], *, progress: Progress = silent) -> None:
    """Check the invariants of the rules of user modules before their first trade is simulated.

    They are checked on bars around the middle one of their signals. No trade is looked at.

    Parameters
    ----------
    traded : bars, and the strategies that will trade them. Strategies that differ in modifiers only share their rule.

    Raises
    ------
    Refused : at the first violation; names bars, rule, invariant and the first time.
    BadInput : if a rule fails, or does not return signals.
    """
    own = {
        (bars.symbol, str(bars.timeframe), rule.id): (bars, rule)
        for bars, strategies in traded
        for rule in dict.fromkeys(strategy.base_rule for strategy in strategies)
        if rule.module is not None
    }
    for done, (bars, rule) in enumerate(own.values()):
        name = f"{bars.symbol} {bars.timeframe}"
        progress("invariants", done, len(own), f"{name}: {rule.id}")
        found = find_violation(rule, _around_signals(bars, rule), again=_fresh(rule), seed=_SEED)
        if found is not None:
            raise Refused(f"{name}: {found}")
    if own:
        progress("invariants", 1, 1, "rules of your own hold theirs")


def _around_signals(bars: Bars, rule: Strategy) -> Bars:
    n_bars = max(_MOST_BARS, 3 * rule.lookback(bars.timeframe))
    if len(bars) <= n_bars:
        return bars
    times = rule.signals(bars).decision_time
    middle = int(np.searchsorted(bars.close_time, times[len(times) // 2])) if len(times) else len(bars) // 2
    first = min(max(0, middle - n_bars // 2), len(bars) - n_bars)
    return bars[first : first + n_bars]


def _fresh(rule: Strategy) -> Strategy:
    """Return the same rule from a fresh run of its module."""
    if rule.module is None:
        return rule
    values = {field.name: getattr(rule, field.name) for field in fields(rule)}
    return freshly_defined(rule.module, KIND, rule.name)(**values)
