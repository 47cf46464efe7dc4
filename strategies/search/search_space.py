"""The search space of a strategy: which of its parameters are searched, between which values, in which stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from tradesieve.market.errors import BadInput
from tradesieve.strategies.modifiers.base import ModifiedStrategy, Modifier
from tradesieve.strategies.parameter_text import Parametrised, Value, parse_name, parse_values, split_top_level
from tradesieve.strategies.registry import get_modifier, get_rule
from tradesieve.strategies.strategy import Strategy

EXIT_PARAMETERS = frozenset(
    (
        "max_hold",
        "reward",
        "stop_ranges",
        "stop_loss",
        "stop_deviations",
        "exit_window",
        "opposite_exit",
        "profit_target",
    )
)
"""Parameters of rules that say how a trade is left; all others say when it is entered."""

STAGES = ("entries", "exits")
"""What is searched first, and what at the best of it."""


@dataclass(frozen=True)
class Searched:
    """A parameter that is searched.

    Parameters
    ----------
    name : ``window`` of a rule, ``trailing.ranges`` of a modifier.
    low, high : the least and the largest value.
    whole : True where it is a whole number.
    stage : one of `STAGES`.
    """

    name: str
    low: float
    high: float
    whole: bool
    stage: str

    def __str__(self) -> str:
        return f"{self.name} {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class SearchSpace:
    """A strategy with some of its parameters left open.

    Parameters
    ----------
    text : the strategy as it was written.
    parts : its rule and its modifiers, each with the prefix of its parameters' names and the values that were written,
        of several the first.
    searched : the parameters that are searched.
    """

    text: str
    parts: tuple[tuple[type[Parametrised], str, Mapping[str, Value]], ...]
    searched: tuple[Searched, ...]

    def of_stage(self, stage: str) -> tuple[Searched, ...]:
        """List the parameters of a stage."""
        return tuple(parameter for parameter in self.searched if parameter.stage == stage)

    @property
    def fixed(self) -> tuple[str, ...]:
        """Name the modifiers of which nothing is searched."""
        prefixes = {_prefix(parameter.name) for parameter in self.searched}
        return tuple(prefix[:-1] for _, prefix, _ in self.parts[1:] if prefix not in prefixes)

    def make(self, values: Mapping[str, Value]) -> Strategy:
        """Make the strategy with some values of what is searched, by name; the others are as written, or the default.

        Raises
        ------
        BadInput : if the values do not go together.
        """
        made = []
        for kind, prefix, given in self.parts:
            own = {name[len(prefix) :]: value for name, value in values.items() if _prefix(name) == prefix}
            made.append(kind(**{**given, **own}))
        rule, *modifiers = made
        return ModifiedStrategy(rule, tuple(modifiers)) if modifiers else rule  # type: ignore[arg-type,return-value]


def _prefix(name: str) -> str:
    """Give the part of a parameter's name up to its point, the point included."""
    return name[: name.rfind(".") + 1]


def search_space(text: str) -> SearchSpace:
    """Read what is to be searched: a rule, with modifiers where they are wanted.

    A parameter that is written with one value is fixed, with several, as in ``trailing(ranges=2|5)``, it is searched
    from the least to the largest. One that is not written is searched where the rule's grid, or the modifier's
    `search_range`, says between which values; the others keep their defaults.

    Raises
    ------
    Unknown : if the rule, a modifier or a parameter does not exist.
    BadInput : if a value is of the wrong kind, words are to be searched, or nothing is.

    Examples
    --------
    >>> space = search_space("donchian_channel(window=20)+trailing(ranges=2|5)")
    >>> [str(parameter) for parameter in space.of_stage("exits")]
    ['exit_window 10 to 20', 'opposite_exit 0 to 1', 'max_hold 96 to 192', 'trailing.ranges 2 to 5']
    """
    first, *others = split_top_level(text, "+")
    rule = get_rule(parse_name(first))
    parts: list[tuple[type[Parametrised], str, Mapping[str, Value]]] = []
    searched: list[Searched] = []
    kinds: list[type[Strategy] | type[Modifier]] = [rule, *(get_modifier(parse_name(other)) for other in others)]
    for place, (kind, written) in enumerate(zip(kinds, (first, *others), strict=True)):
        alike = sum(other is kind for other in kinds[1:place])
        prefix = "" if place == 0 else f"{kind.name}{alike + 1 if alike else ''}."
        axes = parse_values(kind, written)
        parts.append((kind, prefix, {name: values[0] for name, values in axes.items()}))
        ranges = kind.grid if issubclass(kind, Strategy) else kind.search_range
        whole = {field.name for field in fields(kind) if field.type in ("int", int)}
        for name, values in {**ranges, **axes}.items():
            if len(set(values)) < 2:
                continue
            numbers = [value for value in values if not isinstance(value, str)]
            if len(numbers) < len(values):
                raise BadInput(
                    f"strategy {written!r}: {name} is a word, and only numbers are searched: give it one value"
                )
            exits = name in EXIT_PARAMETERS if place == 0 else kind.aspect != "entry"  # type: ignore[union-attr]
            searched.append(
                Searched(prefix + name, min(numbers), max(numbers), name in whole, STAGES[1 if exits else 0])
            )
    if not searched:
        raise BadInput(
            f"strategy {text!r} leaves nothing to search: leave values out, or write several, as in window=10|40"
        )
    space = SearchSpace(text, tuple(parts), tuple(searched))
    space.make({})
    return space
