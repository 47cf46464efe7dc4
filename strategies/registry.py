"""The registry of rules and modifiers: by name, by the text of a strategy, or a spread of many.

A strategy is written ``rule(parameter=value,...)+modifier(parameter=value,...)+...``. What is left out keeps its
default. Where strategies are chosen, a text may mean many: a rule without parentheses is its default grid, and a
parameter with several values, as in ``trailing(ranges=2|3|4)``, one strategy for each. Their ids are written out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from tradesieve.market.errors import BadInput, Unknown, lookup
from tradesieve.strategies.modifiers.base import Modifier
from tradesieve.strategies.modifiers.entries import Cooldown, LimitEntry, ScaleIn, StopEntry
from tradesieve.strategies.modifiers.exits import BreakEven, FixedStop, FixedTarget, RewardTarget, ScaleOut, Trailing
from tradesieve.strategies.modifiers.kelly import Kelly
from tradesieve.strategies.modifiers.sizing import FixedFraction, RiskToStop, VolatilityTarget
from tradesieve.strategies.modifiers.timed_exits import ExchangeClose, LimitExit, OppositeExit, SessionEnd, TimeExit
from tradesieve.strategies.parameter_grid import Grid, round_robin
from tradesieve.strategies.parameter_text import parse_name, parse_variants, split_top_level
from tradesieve.strategies.rules.bollinger_reversion import BollingerReversion
from tradesieve.strategies.rules.dip_buying import DipBuying
from tradesieve.strategies.rules.donchian_channel import DonchianChannel
from tradesieve.strategies.rules.double_top_bottom import DoubleTopBottom
from tradesieve.strategies.rules.moving_average_cross import MovingAverageCross
from tradesieve.strategies.rules.opening_range_breakout import OpeningRangeBreakout
from tradesieve.strategies.rules.random_entries import RandomEntries
from tradesieve.strategies.rules.reversal_breakout import ReversalBreakout
from tradesieve.strategies.rules.rsi_reversal import RsiReversal
from tradesieve.strategies.rules.support_resistance_breakout import SupportResistanceBreakout
from tradesieve.strategies.rules.time_of_day import TimeOfDay
from tradesieve.strategies.rules.timeframe_confirmation import TimeframeConfirmation
from tradesieve.strategies.rules.trend_day import TrendDay
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.strategy import Strategy

RULES: dict[str, type[Strategy]] = {
    rule.name: rule
    for rule in (
        VolatilityBreakout, OpeningRangeBreakout, DipBuying, DonchianChannel, MovingAverageCross, BollingerReversion,
        RsiReversal, ReversalBreakout, SupportResistanceBreakout, DoubleTopBottom, TrendDay, TimeOfDay,
        TimeframeConfirmation, RandomEntries,
    )
}  # fmt: skip
"""Every rule by its name, in the order in which `choose_strategies` goes through them: a new one comes last."""

MODIFIERS: dict[str, type[Modifier]] = {
    modifier.name: modifier
    for modifier in (
        LimitEntry, StopEntry, ScaleIn, Cooldown,
        FixedStop, Trailing, FixedTarget, RewardTarget, ScaleOut, BreakEven,
        TimeExit, SessionEnd, ExchangeClose, OppositeExit, LimitExit,
        FixedFraction, RiskToStop, VolatilityTarget, Kelly,
    )
}  # fmt: skip

SAMPLINGS = ("grid", "random")
"""How strategies are chosen from grids: in the order of the grids, or at random."""

_MOST = 1_000_000
"""So many strategies are never meant: their ids alone would fill the memory."""


def get_rule(name: str) -> type[Strategy]:
    """Find a rule.

    Raises
    ------
    Unknown : if there is none of that name; suggests the nearest.
    """
    return lookup("strategy", name, RULES)


def get_modifier(name: str) -> type[Modifier]:
    """Find a modifier.

    Raises
    ------
    Unknown : if there is none of that name; suggests the nearest.
    """
    return lookup("modifier", name, MODIFIERS)


def parse_strategy(text: str) -> Strategy:
    """Read a strategy as its `id` writes it; parameters left out keep their defaults.

    Raises
    ------
    Unknown : if the rule, a modifier or a parameter does not exist.
    BadInput : if a value is of the wrong kind or out of range, a parameter has several values, or two modifiers say the
        same thing.

    Examples
    --------
    >>> parse_strategy("opening_range_breakout(reward=2)").id
    'opening_range_breakout(opening_minutes=60,session_minute=0,reward=2,max_hold=48)'
    >>> parse_strategy("dip_buying+time_exit(bars=12)").id.partition("+")[2]
    'time_exit(bars=12)'
    """
    if "|" in text:
        raise BadInput(f"strategy {text!r} is several: values separated by | are for choosing among many")
    return _grid_of(text, whole=True)[0]


def has_explicit_parameters(text: str) -> bool:
    """Say whether a text gives its rule's parameters, rather than naming the rule's default grid."""
    return "(" in split_top_level(text, "+")[0]


def choose_strategies(
    count: int | None, *, rules: Sequence[str] = (), sampling: str = "grid", seed: int = 0
) -> tuple[Strategy, ...]:
    """Choose a spread of strategies: one of each text in turn, until there are enough.

    Parameters
    ----------
    count : how many; None takes all that there are.
    rules : texts, see the module; empty means the default grid of every rule. With ``grid``, those whose rule is
        written out come first.
    sampling : ``grid`` goes through each grid in its order, ``random`` draws from it, see `sample_strategies`.
    seed : of ``random``.

    Raises
    ------
    BadInput : if `count` is not positive, there are fewer strategies than that, or random ones without a count.
    Unknown : if there is no such rule, modifier, parameter or sampling.
    """
    if sampling not in SAMPLINGS:
        raise Unknown("sampling", sampling, SAMPLINGS)
    if sampling == "random":
        if count is None:
            raise BadInput("random sampling needs a number of strategies: say how many")
        return sample_strategies(rules, count, seed=seed)
    grids = {text: _grid_of(text) for text in rules or RULES}
    total = sum(grid.size for grid in grids.values())
    if count is None and total > _MOST:
        raise BadInput(f"the grids hold {total} strategies, which are too many to take all: say how many")
    return _first(_in_order(grids), count, rules)


def count_strategies(rules: Sequence[str], *, at_most: int) -> int:
    """Count the different strategies that there are to choose from, and stop at a number.

    Raises
    ------
    BadInput, Unknown : as `choose_strategies`.
    """
    found = _in_order({text: _grid_of(text) for text in rules or RULES})
    return len(_different(found, at_most))


def sample_strategies(rules: Sequence[str], count: int, *, seed: int) -> tuple[Strategy, ...]:
    """Draw strategies at random, without repetition: one of each text in turn, each equally likely within its text.

    Parameters
    ----------
    rules : texts, see the module; empty means the default grid of every rule.
    count : how many. The first ones are the same whatever the count.
    seed : of the draws.

    Raises
    ------
    BadInput, Unknown : as `choose_strategies`.

    Examples
    --------
    >>> chosen = sample_strategies(["volatility_breakout+trailing(ranges=2|3|4)"], 2, seed=1)
    >>> [strategy.id.partition("+")[2] for strategy in chosen]
    ['trailing(ranges=3,window=20)', 'trailing(ranges=3,window=20)']
    """
    drawn = [_grid_of(text).shuffled([seed, place]) for place, text in enumerate(rules or RULES)]
    return _first(round_robin(drawn), count, rules)


def _in_order(grids: Mapping[str, Grid]) -> Iterator[Strategy]:
    """Go through those whose rule is written out, then through the others, one of each in turn."""
    exact = [grid.in_order() for text, grid in grids.items() if has_explicit_parameters(text)]
    return chain(
        *exact, round_robin([grid.in_order() for text, grid in grids.items() if not has_explicit_parameters(text)])
    )


def _first(strategies: Iterator[Strategy], count: int | None, rules: Sequence[str]) -> tuple[Strategy, ...]:
    """Take the first `count` different ones."""
    if count is not None and count < 1:
        raise BadInput(f"the number of strategies is {count}, but must be at least 1")
    found = _different(strategies, count)
    if count is not None and len(found) < count:
        raise BadInput(
            f"{count} strategies were asked for, but the grids of {', '.join(rules) or 'all rules'} hold {len(found)}"
        )
    return tuple(found)


def _different(strategies: Iterator[Strategy], count: int | None) -> list[Strategy]:
    seen: dict[Strategy, None] = {}
    for strategy in strategies:
        seen.setdefault(strategy)
        if len(seen) == count:
            break
    return list(seen)


def _grid_of(text: str, *, whole: bool = False) -> Grid:
    """Read a text; with `whole`, a rule without parentheses is its default instance and not its default grid."""
    first, *others = split_top_level(text, "+")
    rule = get_rule(parse_name(first))
    variants = parse_variants(rule, first) if whole or "(" in first else list(rule.variants())
    return Grid(variants, [parse_variants(get_modifier(parse_name(other)), other) for other in others])
