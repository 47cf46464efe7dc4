"""Evaluate expressions on all bars at once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import numpy as np

from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import Feature
from tradesieve.market.bars import Bars
from tradesieve.strategies.expressions.tree import (
    Arithmetic,
    Call,
    Column,
    Comparison,
    Crossing,
    Factor,
    Junction,
    Negative,
    Node,
    Number,
    Parameter,
    Previous,
)
from tradesieve.strategies.expressions.vocabulary import Values, crosses_above, crosses_below, divided, previous

_OPERATORS: dict[str, Callable[[Values, Values], Values]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": divided,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "and": operator.and_, "or": operator.or_,
    "crosses_above": crosses_above, "crosses_below": crosses_below, "minimum": np.minimum, "maximum": np.maximum,
}  # fmt: skip


def feature_columns(bars: Bars, features: Mapping[str, Feature]) -> dict[str, np.ndarray]:
    """Compute features at every close: float64 (n_bars,) each, by the same keys."""
    if not features:
        return {}
    matrix = compute(bars, bars.close_time, list(features.values()))
    return dict(zip(features, matrix.T, strict=True))


def evaluate(node: Node, bars: Bars, columns: Mapping[str, np.ndarray], parameters: Mapping[str, float]) -> Values:
    """Evaluate an expression.

    Parameters
    ----------
    columns : of the features, by their templates.
    parameters : values by name.

    Returns
    -------
    float64 (n_bars,) or a number, NaN where a value is missing; of a condition bool, False where it is not known.
    """
    match node:
        case Number(value):
            return value
        case Parameter(name):
            return parameters[name]
        case Column(name):
            return getattr(bars, name)
        case Factor(template):
            return columns[template]
        case Negative(operand):
            return -evaluate(operand, bars, columns, parameters)
        case Previous(operand, n_bars):
            n = evaluate(n_bars, bars, columns, parameters)
            return previous(evaluate(operand, bars, columns, parameters), int(n))
        case Arithmetic(name, left, right) | Comparison(name, left, right) | Crossing(name, left, right):
            return _fold(name, [evaluate(each, bars, columns, parameters) for each in (left, right)])
        case Call(name, parts) | Junction(name, parts):
            return _fold(name, [evaluate(each, bars, columns, parameters) for each in parts])


def _fold(name: str, values: Sequence[Values]) -> Values:
    return np.abs(values[0]) if name == "abs" else reduce(_OPERATORS[name], values)
