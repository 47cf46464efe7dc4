"""The tree of an expression: numbers and conditions, and what they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tradesieve.strategies.expressions.vocabulary import written


@dataclass(frozen=True)
class Number:
    """A number as it is written."""

    value: int | float


@dataclass(frozen=True)
class Parameter:
    """A parameter of the rule."""

    name: str


@dataclass(frozen=True)
class Column:
    """A column of the bars."""

    name: str


@dataclass(frozen=True)
class Factor:
    """A feature, in whose name parameters may stand, as in ``bars__highest__window_{window}``."""

    template: str

    def name(self, values: Mapping[str, float]) -> str:
        """Return the feature's name with values of the parameters."""
        return self.template.format(**{name: written(value) for name, value in values.items()})


@dataclass(frozen=True)
class Arithmetic:
    """Two numbers with ``+``, ``-``, ``*`` or ``/``."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True)
class Negative:
    """A number with its sign turned."""

    operand: Value


@dataclass(frozen=True)
class Call:
    """``abs``, ``minimum`` or ``maximum`` of numbers."""

    function: str
    arguments: tuple[Value, ...]


@dataclass(frozen=True)
class Previous:
    """A number some bars before."""

    operand: Value
    n_bars: Number | Parameter


Value = Number | Parameter | Column | Factor | Arithmetic | Negative | Call | Previous


@dataclass(frozen=True)
class Comparison:
    """Two numbers with ``<``, ``<=``, ``>``, ``>=`` or ``==``; with a missing value it is not true."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True)
class Crossing:
    """``crosses_above`` or ``crosses_below`` of two numbers."""

    function: str
    left: Value
    right: Value


@dataclass(frozen=True)
class Junction:
    """Conditions that are all true (``and``), or of which one is (``or``)."""

    operator: str
    conditions: tuple[Condition, ...]


Condition = Comparison | Crossing | Junction

Node = Value | Condition

OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
"""The comparison of two known numbers that is true where another is not."""


def negated(condition: Condition) -> Condition:
    """Return the condition that is true where a condition is known to be false: a missing value makes neither true."""
    match condition:
        case Comparison("==", left, right):
            return Junction("or", (Comparison("<", left, right), Comparison(">", left, right)))
        case Comparison(operator, left, right):
            return Comparison(OPPOSITE[operator], left, right)
        case Crossing(function, left, right):
            now, before = (">", "<=") if function == "crosses_above" else ("<", ">=")
            earlier = Comparison(before, Previous(left, Number(1)), Previous(right, Number(1)))
            return Junction("or", (negated(Comparison(now, left, right)), negated(earlier)))
        case Junction(operator, conditions):
            return Junction("or" if operator == "and" else "and", tuple(map(negated, conditions)))


Earlier = tuple[Number | Parameter, ...]
"""Numbers of bars that add up to how much earlier something is read."""


def reads(node: Node, earlier: Earlier = ()) -> Iterator[tuple[Column | Factor, Earlier]]:
    """Iterate over the columns and features that a node reads, each with how much earlier."""
    match node:
        case Column() | Factor():
            yield node, earlier
        case Previous(operand, n_bars):
            yield from reads(operand, (*earlier, n_bars))
        case Crossing(_, left, right):
            for side in (left, right):
                yield from reads(side, (*earlier, Number(1)))
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            yield from reads(left, earlier)
            yield from reads(right, earlier)
        case Negative(operand):
            yield from reads(operand, earlier)
        case Call(_, parts) | Junction(_, parts):
            for part in parts:
                yield from reads(part, earlier)
        case Number() | Parameter():
            return
