"""The rules of a file: their expressions are parsed when it is loaded, and evaluated on all bars at once."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.inputs import BAR_COLUMNS
from tradesieve.features.user_definitions import define
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.expressions.evaluation import evaluate, feature_columns
from tradesieve.strategies.expressions.parsing import (
    CROSSINGS,
    FUNCTIONS,
    BadExpression,
    check_readable,
    parse_condition,
    parse_value,
)
from tradesieve.strategies.expressions.tree import Column, Condition, Earlier, Factor, Number, Parameter, Value, reads
from tradesieve.strategies.expressions.vocabulary import entries
from tradesieve.strategies.modifiers.base import ModifiedStrategy, Modifier
from tradesieve.strategies.parameter_text import parse_name, parse_variants
from tradesieve.strategies.registry import get_modifier
from tradesieve.strategies.rule_files.texts import RuleFileText, RuleText, SideText, read_rule_file
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.user_rules import (
    KIND,
    FunctionRule,
    check_parameter_name,
    check_rule_name,
    make_rule_class,
    signals_from,
)

_RESERVED = frozenset({
    *BAR_COLUMNS, *FUNCTIONS, *CROSSINGS, "bars", "timeframe", "np", "compute", "rule", "divided", "entries",
    "bars_needed", "written",
})  # fmt: skip
"""Names that mean something else in an expression, or in a rule that is printed as Python."""


@dataclass(frozen=True)
class Side:
    """The expressions of one side of a rule."""

    when: Condition
    stop: Value | None = None
    target: Value | None = None

    @property
    def expressions(self) -> dict[str, Condition | Value]:
        """Those that it has, by key."""
        found = {"when": self.when, "stop": self.stop, "target": self.target}
        return {key: expression for key, expression in found.items() if expression is not None}


class ExpressionRule(FunctionRule):
    """A rule whose signals a file's expressions decide."""

    sides: ClassVar[dict[str, Side]]

    def __post_init__(self) -> None:
        for each in (each for _, earlier in self.what_is_read() for each in earlier):
            if isinstance(each, Parameter) and getattr(self, each.name) < 1:
                raise BadInput(
                    f"{self.id}: previous goes back at least 1 bar, not {each.name}={getattr(self, each.name)}"
                )
        for feature in self.features.values():
            check_readable(feature)

    @classmethod
    def what_is_read(cls) -> Iterator[tuple[Column | Factor, Earlier]]:
        """Iterate over the columns and features that the expressions read, each with how much earlier."""
        for side in cls.sides.values():
            for expression in side.expressions.values():
                yield from reads(expression)

    @cached_property
    def features(self) -> dict[str, Feature]:
        """The features, by their templates; parsed once, so that they keep their factors."""
        read = [node for node, _ in self.what_is_read() if isinstance(node, Factor)]
        return {node.template: parse_feature(node.name(self._values)) for node in dict.fromkeys(read)}

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars that the columns and factors need, from their own windows."""
        needed = 1
        for node, earlier in self.what_is_read():
            of_value = self.features[node.template].lookback(timeframe) if isinstance(node, Factor) else 1
            needed = max(needed, max(of_value, 1) + self._n_bars(earlier))
        return needed

    def signals(self, bars: Bars) -> Signals:
        """Evaluate the expressions at every close."""
        columns, values = feature_columns(bars, self.features), self._values
        found: dict[str, Any] = {}
        for name, side in self.sides.items():
            for key, expression in side.expressions.items():
                found[name if key == "when" else f"{name}_{key}"] = evaluate(expression, bars, columns, values)
        return signals_from(entries(bars.close, **found), bars)

    def _n_bars(self, earlier: Earlier) -> int:
        return sum(int(each.value if isinstance(each, Number) else getattr(self, each.name)) for each in earlier)


def define_rules(source: str, path: str, module: str) -> None:
    """Define the rules of a file, as its Python module would.

    Parameters
    ----------
    path : of the file, for messages.
    module : the name of the user module that the file is.

    Raises
    ------
    BadInput : names the file, the line and what is wrong; of an expression also the place in it.
    """
    text = read_rule_file(source, Path(path).name)
    for name, rule in text.rules.items():
        made = _rule_class(text, name, rule)
        made.__doc__, made.__module__ = rule.about or f"Rule of {text.file}.", module
        define(KIND, name, made)


def _rule_class(text: RuleFileText, name: str, rule: RuleText) -> type[FunctionRule]:
    place = text.place("rules", name)
    check_rule_name(place, name)
    _check_free(place, name)
    parameters = {parameter: given.default for parameter, given in rule.parameters.items()}
    for parameter in parameters:
        where = text.place("rules", name, "parameters", parameter)
        if not re.fullmatch(r"[a-z]+(_[a-z]+)*", parameter):
            raise BadInput(f"{where}: a parameter's name has small letters and single underscores")
        _check_free(where, parameter)
        check_parameter_name(where, parameter, ExpressionRule)
    sides = {
        key: _side(text, name, key, given, parameters)
        for key, given in (("long", rule.long), ("short", rule.short))
        if given is not None
    }
    _check_sides(place, sides)
    made = make_rule_class(
        ExpressionRule, name, parameters,
        {parameter: given.grid for parameter, given in rule.parameters.items() if given.grid},
        place=place, sides=sides, own_modifiers=tuple(rule.modifiers),
    )  # fmt: skip
    modifiers = [
        _modifier(text.place("rules", name, "modifiers", position), modifier)
        for position, modifier in enumerate(rule.modifiers)
    ]
    try:
        ModifiedStrategy(made(), tuple(modifiers))
        for parameter, values in made.grid.items():
            for value in values:
                made(**{parameter: value})
    except BadInput as error:
        raise BadInput(f"{place}: {error}") from None
    return made


def _check_free(place: str, name: str) -> None:
    if keyword.iskeyword(name) or name in _RESERVED:
        raise BadInput(f"{place}: {name!r} means something else here; choose another name")


def _side(text: RuleFileText, name: str, key: str, given: SideText, parameters: Mapping[str, float]) -> Side:
    def parsed(part: str, parse: Any) -> Any:
        expression = getattr(given, part)
        if expression is None:
            return None
        try:
            return parse(expression, parameters)
        except BadExpression as error:
            raise error.within(text.place("rules", name, key, part)) from None

    return Side(parsed("when", parse_condition), parsed("stop", parse_value), parsed("target", parse_value))


def _check_sides(place: str, sides: Mapping[str, Side]) -> None:
    if not sides:
        raise BadInput(f"{place}: say when it enters, as in long: close > previous(bars__highest__window_20)")
    if len(sides) == 2:
        long, short = (set(side.expressions) for side in sides.values())
        for only, other, terms in (("long", "short", long - short), ("short", "long", short - long)):
            if terms:
                term = min(terms)
                raise BadInput(f"{place}: {only} has a {term} and {other} has none; give both one, or none of them")


def _modifier(place: str, text: str) -> Modifier:
    try:
        first, *others = parse_variants(get_modifier(parse_name(text)), text)
    except BadInput as error:
        raise BadInput(f"{place}: {error}") from None
    if others:
        raise BadInput(f"{place}: {text} is more than one modifier; give each parameter one value")
    return first
