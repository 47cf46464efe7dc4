"""The registry of rules: by name, by the text of an instance, or a spread of many."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from itertools import islice

from market.errors import BadInput, Unknown
from strategies.base import Strategy
from strategies.rules.dip_buying import DipBuying
from strategies.rules.opening_range_breakout import OpeningRangeBreakout
from strategies.rules.volatility_breakout import VolatilityBreakout

RULES: dict[str, type[Strategy]] = {rule.name: rule for rule in (VolatilityBreakout, OpeningRangeBreakout, DipBuying)}


def rule_named(name: str) -> type[Strategy]:
    """Find a rule.

    Raises
    ------
    Unknown : if there is none of that name; suggests the nearest.
    """
    if name not in RULES:
        raise Unknown("strategy", name, RULES)
    return RULES[name]


def parse_strategy(text: str) -> Strategy:
    """Read a strategy as its `id` writes it; parameters left out keep their defaults.

    Raises
    ------
    Unknown : if the rule or a parameter does not exist.
    BadInput : if a value is no number or is out of range.

    Examples
    --------
    >>> parse_strategy("opening_range_breakout(reward=2)").id
    'opening_range_breakout(opening_minutes=60,session_minute=0,reward=2,max_hold=48)'
    """
    match = re.fullmatch(r"\s*([^()\s]+)\s*(?:\((.*)\))?\s*", text)
    if match is None:
        raise BadInput(f"strategy {text!r} is not understood: write rule or rule(parameter=number,...)")
    rule = rule_named(match[1])
    known = {field.name: field.type for field in fields(rule)}
    values: dict[str, float] = {}
    for piece in filter(None, (part.strip() for part in (match[2] or "").split(","))):
        name, _, value = (part.strip() for part in piece.partition("="))
        if name not in known:
            raise Unknown(f"parameter of {rule.name}", name, known)
        if name in values:
            raise BadInput(f"strategy {text!r}: {name} is given twice")
        try:
            number = float(value)
        except ValueError:
            raise BadInput(f"strategy {text!r}: {name} is {value!r}, which is no number") from None
        if not math.isfinite(number):
            raise BadInput(f"strategy {text!r}: {name} is {value}, but must be finite")
        whole = known[name] in ("int", int)
        if whole and not number.is_integer():
            raise BadInput(f"strategy {text!r}: {name} is {value}, but must be a whole number")
        values[name] = int(number) if whole else number
    return rule(**values)


def choose_strategies(count: int | None, *, rules: tuple[str, ...] = ()) -> tuple[Strategy, ...]:
    """Choose a spread of strategies from the rules' grids: one of each rule in turn, until there are enough.

    Parameters
    ----------
    count : how many; None takes every variant of every rule's grid.
    rules : names of rules or whole instances; empty means every rule.

    Raises
    ------
    BadInput : if `count` is not positive, or there are fewer strategies than that.
    """
    if count is not None and count < 1:
        raise BadInput(f"the number of strategies is {count}, but must be at least 1")
    named = [name for name in rules if "(" in name]
    plain = [name for name in rules if "(" not in name] if rules else list(RULES)
    exact = [parse_strategy(name) for name in named]
    grids = [list(rule_named(name).variants()) for name in plain]
    spread = [grid[row] for row in range(max(map(len, grids), default=0)) for grid in grids if row < len(grid)]
    chosen = tuple(dict.fromkeys(exact + spread))
    if count is not None and count > len(chosen):
        raise BadInput(
            f"{count} strategies were asked for, but the grids of {', '.join(rules) or 'all rules'} hold {len(chosen)}"
        )
    return tuple(islice(chosen, count))
