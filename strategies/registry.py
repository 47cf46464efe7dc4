"""The registry of rules and modifiers, and the choice of strategies by text.

A strategy is written ``rule(parameter=value,...)+modifier(parameter=value,...)+...``; omitted parameters keep their
defaults. Where strategies are chosen, a text may stand for many: a rule without parentheses for its default grid, and
a parameter with several values, as in ``trailing(ranges=2|3|4)``, for one strategy per value. `ALL` stands for the
default grids of all rules. A rule that depends on sessions takes those of its market (`session`, see
`market.calendars.sessions.session_word`), unless its text gives a session or a minute of the UTC day; its id always
holds the session, so that it means the same everywhere. Rules of user modules are found by name like any other, see
`strategies.user_rules`; one may have modifiers of its own, which its name without parentheses stands for, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from tradesieve.features.factor import UserModule
from tradesieve.features.user_definitions import defined
from tradesieve.features.user_modules import ENDINGS
from tradesieve.market.errors import BadInput, Unknown, lookup
from tradesieve.strategies.modifiers.base import Modifier
from tradesieve.strategies.modifiers.entries import Cooldown, LimitEntry, ScaleIn, StopEntry
from tradesieve.strategies.modifiers.exits import BreakEven, FixedStop, FixedTarget, RewardTarget, ScaleOut, Trailing
from tradesieve.strategies.modifiers.flip import Flip
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
from tradesieve.strategies.user_rules import KIND

RULES: dict[str, type[Strategy]] = {
    rule.name: rule
    for rule in (
        VolatilityBreakout, OpeningRangeBreakout, DipBuying, DonchianChannel, MovingAverageCross, BollingerReversion,
        RsiReversal, ReversalBreakout, SupportResistanceBreakout, DoubleTopBottom, TrendDay, TimeOfDay,
        TimeframeConfirmation, RandomEntries,
    )
}  # fmt: skip
"""All rules by name, in the order in which `choose_strategies` takes them: append new ones."""

MODIFIERS: dict[str, type[Modifier]] = {
    modifier.name: modifier
    for modifier in (
        LimitEntry, StopEntry, ScaleIn, Cooldown,
        FixedStop, Trailing, FixedTarget, RewardTarget, ScaleOut, BreakEven,
        TimeExit, SessionEnd, ExchangeClose, OppositeExit, LimitExit, Flip,
        FixedFraction, RiskToStop, VolatilityTarget, Kelly,
    )
}  # fmt: skip

ALL = "all"
"""The text that stands for every rule."""

SAMPLINGS = ("grid", "random")
"""How strategies are chosen from grids: in grid order, or at random."""

_MAX_COUNTED = 10_000
"""Larger numbers of strategies to choose from are taken from the sizes of the grids."""

_MAX_STRATEGIES = 1_000_000
"""Taking all strategies of a larger grid is refused: their ids alone would fill the memory."""


def get_rule(name: str) -> type[Strategy]:
    """Return the rule of a name, built-in or of a user module.

    Raises
    ------
    Unknown : if there is none; suggests the nearest name.
    BadInput : if a user module defines one that is built in, or the name is that of a file.
    """
    own: dict[str, type[Strategy]] = defined(KIND)
    for taken in own.keys() & RULES.keys():
        module = own[taken].module
        file = own[taken].__module__ if module is None else module.path.name
        raise BadInput(f"{file}: there is already a rule called {taken!r}: choose another name")
    if name.endswith(ENDINGS) and name not in own:
        raise BadInput(f"strategy {name!r} is a file: name it in modules, and here a rule that it defines")
    return lookup("strategy", name, {**RULES, **own})


def with_rules_of(modules: Sequence[UserModule], rules: Sequence[str]) -> tuple[str, ...]:
    """Return texts in which `ALL`, or no text at all, stands for the rules of user modules too."""
    own = rules_of(modules)
    if not own:
        return tuple(rules)
    return tuple(text for given in rules or [ALL] for text in ([*RULES, *own] if given == ALL else [given]))


def rules_of(modules: Sequence[UserModule]) -> list[str]:
    """Return the names of the rules that user modules define, in the order of the files."""
    return [name for module in modules for kind, name in module.definitions if kind == KIND]


def modifiers_of(rule: type[Strategy], text: str) -> tuple[str, ...]:
    """Return the modifiers of a rule that its text, without modifiers, stands for: its own if it has no parentheses."""
    return () if "(" in text else rule.own_modifiers


def get_modifier(name: str) -> type[Modifier]:
    """Return the modifier of a name.

    Raises
    ------
    Unknown : if there is none; suggests the nearest name.
    """
    return lookup("modifier", name, MODIFIERS)


def parse_strategy(text: str) -> Strategy:
    """Parse a strategy from text, such as its `id`; omitted parameters keep their defaults.

    Raises
    ------
    Unknown : if the rule, a modifier or a parameter does not exist.
    BadInput : if a value is of the wrong type or out of range, a parameter has several values, or two modifiers set the
        same aspect.

    Examples
    --------
    >>> parse_strategy("opening_range_breakout(reward=2)").id
    'opening_range_breakout(opening_minutes=60,session_minute=0,reward=2,max_hold=48)'
    >>> parse_strategy("dip_buying+time_exit(bars=12)").id.partition("+")[2]
    'time_exit(bars=12)'
    """
    if "|" in text:
        raise BadInput(f"strategy {text!r} is more than one: use | only where several are chosen")
    return _parse_grid(text, expand_rule=False)[0]


def has_explicit_parameters(text: str) -> bool:
    """Tell whether a text gives parameters of its rule, rather than standing for the rule's default grid."""
    return "(" in split_top_level(text, "+")[0]


def choose_strategies(
    count: int | None, *, rules: Sequence[str] = (), sampling: str = "grid", seed: int = 0, session: str = ""
) -> tuple[Strategy, ...]:
    """Choose strategies: one of each text in turn, until there are enough.

    Parameters
    ----------
    count : how many; None takes all.
    rules : texts, see the module; empty or `ALL` means the default grid of every rule. With ``grid``, texts that give
        parameters of their rule come first.
    sampling : ``grid`` takes each grid in order, ``random`` draws from it, see `sample_strategies`.
    seed : of ``random``.
    session : of the market; empty: it does not close.

    Raises
    ------
    BadInput : if `count` is below 1 or above the number of strategies, or missing for ``random``.
    Unknown : if there is no such rule, modifier, parameter or sampling.
    """
    if sampling not in SAMPLINGS:
        raise Unknown("sampling", sampling, SAMPLINGS)
    if sampling == "random":
        if count is None:
            raise BadInput("random sampling needs a number of strategies: set num_strategies")
        return sample_strategies(rules, count, seed=seed, session=session)
    grids = _parse_grids(rules, session)
    total = sum(grid.size for grid in grids.values())
    if count is None and total > _MAX_STRATEGIES:
        raise BadInput(f"the grids hold {total} strategies, too many to take all: choose a number of strategies")
    return _take(_in_grid_order(grids), count, rules)


def count_strategies(rules: Sequence[str], *, at_most: int, session: str = "") -> int:
    """Count the distinct strategies to choose from, up to `at_most`.

    Raises
    ------
    BadInput, Unknown : as `choose_strategies`.
    """
    return len(_distinct(_in_grid_order(_parse_grids(rules, session)), at_most))


def count_available(rules: Sequence[str], *, session: str = "") -> int:
    """Count the strategies to choose from; above ten thousand, one that several texts stand for counts for each.

    Raises
    ------
    BadInput, Unknown : as `choose_strategies`.
    """
    grids = _parse_grids(rules, session)
    total = sum(grid.size for grid in grids.values())
    return total if total > _MAX_COUNTED else len(_distinct(_in_grid_order(grids), None))


def sample_strategies(rules: Sequence[str], count: int, *, seed: int, session: str = "") -> tuple[Strategy, ...]:
    """Draw strategies at random without replacement: one of each text in turn, all of a text equally likely.

    Parameters
    ----------
    rules : texts, see the module; empty or `ALL` means the default grid of every rule.
    count : how many. A larger count extends the same sequence.
    seed : of the draws.
    session : of the market; empty: it does not close.

    Raises
    ------
    BadInput, Unknown : as `choose_strategies`.

    Examples
    --------
    >>> chosen = sample_strategies(["volatility_breakout+trailing(ranges=2|3|4)"], 2, seed=1)
    >>> [strategy.id.partition("+")[2] for strategy in chosen]
    ['trailing(ranges=3,window=20)', 'trailing(ranges=3,window=20)']
    """
    grids = [_parse_grid(text, session) for text in _expand_all(rules)]
    drawn = [grid.shuffled([seed, position]) for position, grid in enumerate(grids)]
    return _take(round_robin(drawn), count, rules)


def _expand_all(rules: Sequence[str]) -> list[str]:
    """Replace `ALL`, or no text at all, by the rules."""
    return [text for given in rules or [ALL] for text in (RULES if given == ALL else [given])]


def _parse_grids(rules: Sequence[str], session: str) -> dict[str, Grid]:
    return {text: _parse_grid(text, session) for text in _expand_all(rules)}


def _in_grid_order(grids: Mapping[str, Grid]) -> Iterator[Strategy]:
    """Iterate over the grids of texts with explicit parameters, then over the others in turn."""
    explicit: list[Iterator[Strategy]] = []
    default: list[Iterator[Strategy]] = []
    for text, grid in grids.items():
        (explicit if has_explicit_parameters(text) else default).append(grid.in_order())
    return chain(*explicit, round_robin(default))


def _take(strategies: Iterator[Strategy], count: int | None, rules: Sequence[str]) -> tuple[Strategy, ...]:
    """Take the first `count` distinct strategies."""
    if count is not None and count < 1:
        raise BadInput(f"the number of strategies is {count}; it must be at least 1")
    found = _distinct(strategies, count)
    if count is not None and len(found) < count:
        raise BadInput(
            f"{count} strategies were requested, but the grids of {', '.join(rules) or 'all rules'} hold {len(found)}"
        )
    return tuple(found)


def _distinct(strategies: Iterator[Strategy], count: int | None) -> list[Strategy]:
    seen: dict[Strategy, None] = {}
    for strategy in strategies:
        seen.setdefault(strategy)
        if len(seen) == count:
            break
    return list(seen)


def _parse_grid(text: str, session: str = "", *, expand_rule: bool = True) -> Grid:
    """Parse a text; a rule without parentheses stands for its default grid only with `expand_rule`."""
    first, *others = split_top_level(text, "+")
    rule = get_rule(parse_name(first))
    others = [*modifiers_of(rule, first), *others]
    if "(" in first or not expand_rule:
        variants = parse_variants(rule, first, partial(rule.session_defaults, session))
    else:
        variants = list(rule.variants(session))
    return Grid(variants, [parse_variants(get_modifier(parse_name(other)), other) for other in others])
