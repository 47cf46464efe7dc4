"""Write expressions as Python over the arrays of bars, with the functions of `expressions.vocabulary`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import reduce

from tradesieve.strategies.expressions.tree import (
    Arithmetic,
    Call,
    Column,
    Comparison,
    Crossing,
    Earlier,
    Factor,
    Junction,
    Negative,
    Node,
    Number,
    Parameter,
    Previous,
)

_JOINED = {"and": " & ", "or": " | "}
_NUMPY = {"abs": "np.abs", "minimum": "np.minimum", "maximum": "np.maximum"}


def source_of(node: Node, variables: Mapping[str, str]) -> str:
    """Write an expression.

    Parameters
    ----------
    variables : of the features, by their templates.

    Returns
    -------
    Python that computes what `expressions.evaluation.evaluate` does, by the same operations in the same order.
    """
    match node:
        case Number(value):
            return repr(value)
        case Parameter(name):
            return name
        case Column(name):
            return f"bars.{name}"
        case Factor(template):
            return variables[template]
        case Negative(operand):
            return f"-{_part(operand, variables)}"
        case Previous(operand, n_bars):
            n = "" if n_bars == Number(1) else f", {source_of(n_bars, variables)}"
            return f"previous({source_of(operand, variables)}{n})"
        case Arithmetic("/", left, right):
            return f"divided({source_of(left, variables)}, {source_of(right, variables)})"
        case Arithmetic(operator, left, right) | Comparison(operator, left, right):
            return f"{_part(left, variables)} {operator} {_part(right, variables)}"
        case Crossing(function, left, right):
            return f"{function}({source_of(left, variables)}, {source_of(right, variables)})"
        case Call(function, arguments):
            written = [source_of(argument, variables) for argument in arguments]
            if function == "abs":
                return f"np.abs({written[0]})"
            return reduce(lambda first, second: f"{_NUMPY[function]}({first}, {second})", written)
        case Junction(operator, conditions):
            return _JOINED[operator].join(_part(condition, variables) for condition in conditions)


def _part(node: Node, variables: Mapping[str, str]) -> str:
    """Write a part of a larger expression, in parentheses if it has an operator of its own."""
    written = source_of(node, variables)
    needs = isinstance(node, Comparison | Junction | Negative) or (
        isinstance(node, Arithmetic) and node.operator != "/"
    )
    return f"({written})" if needs else written


def template_source(template: str, fractions: Iterable[str]) -> str:
    """Write the name of a feature with parameters in it; `fractions` are those that may have fractions."""
    if "{" not in template:
        return repr(template)
    for name in fractions:
        template = template.replace(f"{{{name}}}", f"{{written({name})}}")
    quote = "'" if '"' in template else '"'
    return f"f{quote}{template}{quote}"


def earlier_source(earlier: Earlier) -> str:
    """Write how many bars before the deciding one something is read."""
    whole = sum(each.value for each in earlier if isinstance(each, Number))
    names = [each.name for each in earlier if isinstance(each, Parameter)]
    return " + ".join([*([repr(whole)] if whole or not names else []), *names])


def variable_names(templates: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Name a variable for each feature, such as ``close_slope_20`` for ``close__slope__window_20``."""
    used, found = set(taken), {}
    for template in templates:
        given, factor, *pieces = template.split("__")
        values = [piece.rpartition("_")[2] if "{" not in piece else piece.partition("{")[2] for piece in pieces]
        plain = re.sub(r"\W+", "_", "_".join([given, factor, *values])).strip("_")
        name, n = plain, 1
        while name in used:
            n += 1
            name = f"{plain}_{n}"
        used.add(name)
        found[template] = name
    return found
