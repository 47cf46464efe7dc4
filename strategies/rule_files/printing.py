"""A rule of a file as Python: the same rule for ``@rule``, to be changed where expressions do not reach."""

from __future__ import annotations

import json
import re
from dataclasses import fields

from tradesieve.strategies.expressions.python_source import (
    earlier_source,
    source_of,
    template_source,
    variable_names,
)
from tradesieve.strategies.expressions.tree import Column, Factor
from tradesieve.strategies.rule_files.rules import ExpressionRule

_VOCABULARY = ("bars_needed", "crosses_above", "crosses_below", "divided", "entries", "previous", "written")


def python_module(rule: type[ExpressionRule]) -> str:
    """Write a rule as the source of a Python module.

    It decides the same signals, bit for bit: by the same operations on the same features.
    """
    body = [*_decorator(rule), *_function(rule)]
    used = set(re.findall(r"\w+(?=\()", "\n".join(body)))
    vocabulary = ", ".join(name for name in _VOCABULARY if name in used)
    modules = dict.fromkeys(
        f"import {feature.factor.module.name}  # noqa: F401  defines {feature.factor.name}"
        for feature in rule().features.values()
        if feature.factor.module is not None
    )
    lines = [
        f'"""The rule {rule.name}, written by `tradesieve strategies code`."""',
        "",
        *(["import numpy as np", ""] if any("np." in line for line in body) else []),
        *modules,
        *([""] if modules else []),
        f"from tradesieve import {'compute, ' if 'compute' in used else ''}rule",
        f"from tradesieve.strategies.expressions.vocabulary import {vocabulary}",
        "",
        "",
        *body,
    ]
    return "\n".join(lines) + "\n"


def _decorator(rule: type[ExpressionRule]) -> list[str]:
    read = dict.fromkeys(
        f'("{node.name}", {earlier_source(earlier)})'
        if isinstance(node, Column)
        else f"({template_source(node.template, ())}, {earlier_source(earlier)})"
        for node, earlier in rule.what_is_read()
    )
    parameters = ", ".join([*(field.name for field in fields(rule)), "timeframe"])
    grid = ", ".join(f"{_text(name)}: {values!r}" for name, values in rule.grid.items())
    return [
        "@rule(",
        f"    lookback=lambda {parameters}: bars_needed(",
        "        [",
        *(f"            {each}," for each in read),
        "        ],",
        "        timeframe,",
        "    ),",
        *([f"    grid={{{grid}}},"] if grid else []),
        *([f"    modifiers=[{', '.join(map(_text, rule.own_modifiers))}],"] if rule.own_modifiers else []),
        ")",
    ]


def _function(rule: type[ExpressionRule]) -> list[str]:
    parameters = {field.name: field.default for field in fields(rule)}
    fractions = [name for name, default in parameters.items() if isinstance(default, float)]
    templates = dict.fromkeys(node.template for node, _ in rule.what_is_read() if isinstance(node, Factor))
    variables = variable_names(templates, [*parameters, *_VOCABULARY, "bars", "compute", "rule"])
    arguments = {
        side_name if key == "when" else f"{side_name}_{key}": source_of(expression, variables)
        for side_name, side in rule.sides.items()
        for key, expression in side.expressions.items()
    }
    computed = [
        f"    {', '.join(variables.values())}{',' if len(variables) == 1 else ''} = compute(",
        "        bars,",
        "        bars.close_time,",
        "        [",
        *(f"            {template_source(template, fractions)}," for template in variables),
        "        ],",
        "    ).T",
    ]
    return [
        f"def {rule.name}({', '.join(['bars', *(f'{name}={default!r}' for name, default in parameters.items())])}):",
        f"    {_docstring(rule.__doc__ or '')}",
        *(computed if variables else []),
        "    return entries(",
        "        bars.close,",
        *(f"        {name}={source}," for name, source in arguments.items()),
        "    )",
    ]


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _docstring(text: str) -> str:
    plain = " ".join(text.split())
    return repr(plain) if '"' in plain or "\\" in plain else f'"""{plain}"""'
