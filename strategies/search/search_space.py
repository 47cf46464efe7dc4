"""The search space of a strategy: which parameters are optimised, between which values, in which stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from tradesieve.market.errors import BadInput
from tradesieve.strategies.modifiers.base import ModifiedStrategy, Modifier
from tradesieve.strategies.parameter_text import Value, parse_name, parse_values, split_top_level
from tradesieve.strategies.registry import get_modifier, get_rule, modifiers_of
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
"""Rule parameters that belong to the exits; all others belong to the entries."""

STAGES = ("entries", "exits")
"""The stages in order: the second starts from the best values of the first."""


@dataclass(frozen=True)
class SearchedParameter:
    """A parameter to optimise.

    Parameters
    ----------
    name : ``window`` of a rule, ``trailing.ranges`` of a modifier.
    low, high : the smallest and the largest value.
    whole : True for whole numbers.
    stage : one of `STAGES`.
    """

    name: str
    low: float
    high: float
    whole: bool
    stage: str

    def __str__(self) -> str:
        return f"{self.name} {self.low:g} to {self.high:g}"

    def is_edge(self, value: float) -> bool:
        """Return True within a fiftieth of the range from an end; a switch, 0 or 1, has nothing but ends."""
        if self.whole and self.high - self.low <= 1:
            return False
        return min(value - self.low, self.high - value) <= (self.high - self.low) / 50


@dataclass(frozen=True)
class Part:
    """A rule or a modifier of a search space.

    Parameters
    ----------
    kind : its class.
    prefix : of the names of its parameters, such as ``trailing.``; empty for the rule.
    written : the values as written, for each parameter that has some.
    session : of the market, see `market.calendars.sessions.session_word`; a rule of its own session does not use it.
    """

    kind: type[Strategy] | type[Modifier]
    prefix: str
    written: Mapping[str, Sequence[Value]]
    session: str = ""

    def make(self, values: Mapping[str, Value]) -> Strategy | Modifier:
        """Create it with values by prefixed name; otherwise with the first value written, or the default."""
        own = {name[len(self.prefix) :]: value for name, value in values.items() if _prefix(name) == self.prefix}
        given = {name: written[0] for name, written in self.written.items()} | own
        return self.kind(**self._session_defaults() | given)

    def searched(self) -> list[SearchedParameter]:
        """Return its parameters with more than one value, of those written and of its default ranges.

        Raises
        ------
        BadInput : if words are to be searched.
        """
        found = []
        for name, values in {**self._default_ranges(), **self.written}.items():
            numbers = [value for value in values if not isinstance(value, str)]
            if len(set(values)) < 2:
                continue
            if len(numbers) < len(values):
                raise BadInput(f"{self.kind.name}: {name} is a word, and only numbers are searched: give it one value")
            stage = STAGES[1 if self._is_exit(name) else 0]
            found.append(
                SearchedParameter(self.prefix + name, min(numbers), max(numbers), name in self._whole_numbers(), stage)
            )
        return found

    def _default_ranges(self) -> Mapping[str, Sequence[float]]:
        if not issubclass(self.kind, Strategy):
            return self.kind.search_range
        given = self._session_defaults() or self.written
        return self.kind.default_grid(str(given.get("session", "")))

    def _session_defaults(self) -> dict[str, str]:
        return self.kind.session_defaults(self.session, self.written) if issubclass(self.kind, Strategy) else {}

    def _is_exit(self, parameter: str) -> bool:
        return parameter in EXIT_PARAMETERS if issubclass(self.kind, Strategy) else self.kind.aspect != "entry"

    def _whole_numbers(self) -> set[str]:
        return {field.name for field in fields(self.kind) if field.type in ("int", int)}


@dataclass(frozen=True)
class SearchSpace:
    """A strategy with parameters to optimise.

    Parameters
    ----------
    text : the strategy as written.
    parts : its rule and its modifiers.
    searched : the parameters to optimise.
    """

    text: str
    parts: tuple[Part, ...]
    searched: tuple[SearchedParameter, ...]

    def of_stage(self, stage: str) -> tuple[SearchedParameter, ...]:
        """Return the parameters of a stage."""
        return tuple(parameter for parameter in self.searched if parameter.stage == stage)

    @property
    def fixed(self) -> tuple[str, ...]:
        """Name the modifiers of which nothing is searched."""
        prefixes = {_prefix(parameter.name) for parameter in self.searched}
        return tuple(part.prefix[:-1] for part in self.parts[1:] if part.prefix not in prefixes)

    def make(self, values: Mapping[str, Value]) -> Strategy:
        """Create the strategy with values of searched parameters by name; others are as written, or their defaults.

        Raises
        ------
        BadInput : if the values do not fit each other.
        """
        rule, *modifiers = (part.make(values) for part in self.parts)
        return ModifiedStrategy(rule, tuple(modifiers)) if modifiers else rule  # type: ignore[arg-type,return-value]


def _prefix(name: str) -> str:
    """Return a parameter's name up to and including its last point."""
    return name[: name.rfind(".") + 1]


def search_space(text: str, *, session: str = "") -> SearchSpace:
    """Parse a search space: a rule, optionally with modifiers.

    A parameter written with one value is fixed; with several, as in ``trailing(ranges=2|5)``, it is searched from the
    smallest to the largest. An omitted parameter is searched over the range of the rule's grid or of the modifier's
    `search_range`, and keeps its default where there is none.

    Parameters
    ----------
    session : of the market, for rules that depend on it; see `market.calendars.sessions.session_word`.

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
    rule, *modifiers = split_top_level(text, "+")
    found = get_rule(parse_name(rule))
    modifiers = [*modifiers_of(found, rule), *modifiers]
    kinds: list[type[Strategy] | type[Modifier]] = [found]
    kinds += [get_modifier(parse_name(modifier)) for modifier in modifiers]
    parts = []
    for position, (kind, written) in enumerate(zip(kinds, (rule, *modifiers), strict=True)):
        n_before = kinds[1:position].count(kind)  # a strategy may have several modifiers of a kind
        prefix = "" if position == 0 else f"{kind.name}{n_before + 1 if n_before else ''}."
        parts.append(Part(kind, prefix, parse_values(kind, written), session))
    searched = [parameter for part in parts for parameter in part.searched()]
    if not searched:
        raise BadInput(
            f"strategy {text!r} leaves nothing to search: omit parameters, or give several values, as in window=10|40"
        )
    space = SearchSpace(text, tuple(parts), tuple(searched))
    space.make({})
    return space
