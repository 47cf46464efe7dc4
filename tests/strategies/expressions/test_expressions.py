"""Expressions: each against a slow interpreter with three truth values, against its Python source, and its faults."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_names import parse_feature
from tradesieve.market.bars import Bars
from tradesieve.strategies.expressions import vocabulary
from tradesieve.strategies.expressions.evaluation import evaluate, feature_columns
from tradesieve.strategies.expressions.parsing import BadExpression, parse_condition, parse_value
from tradesieve.strategies.expressions.python_source import source_of, variable_names
from tradesieve.strategies.expressions.tree import Factor, reads

PARAMETERS = {"window": 5, "threshold": 0.5}
FEATURES = ("bars__highest__window_5", "close__change__window_2", "bars__position_in_range__window_3")

Slow = Callable[[int], float | bool | None]
"""The value at a row; None: missing, or neither true nor false."""


class Written:
    """Random expressions as text, each with a function that finds its value at one row in the plainest way."""

    def __init__(self, bars: Bars, seed: int) -> None:
        self.random, self.bars = np.random.default_rng(seed), bars
        self.features = dict(zip(FEATURES, compute(bars, bars.close_time, FEATURES).T, strict=True))

    def value(self, depth: int) -> tuple[str, Slow]:
        kind = self.random.integers(0, 9 if depth else 4)
        if kind == 0:
            name = str(self.random.choice(["close", "high", "low"]))
            return name, lambda row: float(getattr(self.bars, name)[row])
        if kind == 1:
            name = str(self.random.choice(FEATURES))
            text = name.replace("window_5", "window_{window}")
            return text, lambda row: known(self.features[name][row])
        if kind == 2:
            return "threshold", lambda row: 0.5
        if kind == 3:
            return "2.5", lambda row: 2.5
        first, of_first = self.value(depth - 1)
        if kind == 4:
            return f"-({first})", lambda row: turned(of_first(row))
        if kind == 5:
            n = int(self.random.integers(1, 4))
            return f"previous({first}, {n})", lambda row: earlier(first, of_first, row, n)
        second, of_second = self.value(depth - 1)
        if kind == 6:
            return f"minimum({first}, {second})", lambda row: joined(min, of_first(row), of_second(row))
        sign = str(self.random.choice(["+", "-", "*", "/"]))
        return f"({first}) {sign} ({second})", lambda row: joined(ARITHMETIC[sign], of_first(row), of_second(row))

    def condition(self, depth: int) -> tuple[str, Slow]:
        kind = self.random.integers(0, 5 if depth else 2)
        if kind <= 1:
            (first, of_first), (second, of_second) = self.value(2), self.value(2)
            sign = str(self.random.choice(list(COMPARISONS)))
            compare = COMPARISONS[sign]
            if kind == 0:
                return f"{first} {sign} {second}", lambda row: joined(compare, of_first(row), of_second(row))

            def crosses(row: int) -> bool | None:
                now = joined(COMPARISONS[">"], of_first(row), of_second(row))
                before = joined(COMPARISONS["<="], earlier(first, of_first, row, 1), earlier(second, of_second, row, 1))
                return both(now, before)

            return f"crosses_above({first}, {second})", crosses
        first, of_first = self.condition(depth - 1)
        if kind == 2:
            return f"not ({first})", lambda row: None if of_first(row) is None else not of_first(row)
        second, of_second = self.condition(depth - 1)
        if kind == 3:
            return f"({first}) and ({second})", lambda row: both(of_first(row), of_second(row))
        return f"({first}) or ({second})", lambda row: either(of_first(row), of_second(row))


COMPARISONS = {
    ">": lambda a, b: a > b, "<": lambda a, b: a < b, ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip
ARITHMETIC = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b if b else None,
}  # fmt: skip


def known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def turned(value: float | None) -> float | None:
    return None if value is None else -value


def joined(function: Callable, first: float | None, second: float | None) -> float | bool | None:
    return None if first is None or second is None else function(first, second)


def earlier(text: str, value: Slow, row: int, n: int) -> float | None:
    of_bars = any(name in text for name in ("close", "high", "low", "bars"))
    return value(row - n) if row >= n else None if of_bars else value(row)


def both(first: bool | None, second: bool | None) -> bool | None:
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def either(first: bool | None, second: bool | None) -> bool | None:
    return None if (found := both(negative(first), negative(second))) is None else not found


def negative(value: bool | None) -> bool | None:
    return None if value is None else not value


def test_conditions_equal_a_slow_interpreter_and_their_python_source(market_bars: Bars) -> None:
    bars, n_true = market_bars[:60], 0
    features = {name.replace("window_5", "window_{window}"): parse_feature(name) for name in FEATURES}
    columns, written = feature_columns(bars, features), Written(bars, seed=5)
    for _ in range(150):
        text, slow = written.condition(3)
        tree = parse_condition(text, PARAMETERS)
        found = np.broadcast_to(evaluate(tree, bars, columns, PARAMETERS), len(bars))
        expected = np.array([slow(row) is True for row in range(len(bars))])
        np.testing.assert_array_equal(found, expected, err_msg=text)
        templates = dict.fromkeys(node.template for node, _ in reads(tree) if isinstance(node, Factor))
        variables = variable_names(templates, PARAMETERS)
        names = {variables[template]: columns[template] for template in templates}
        space = {**vars(vocabulary), **PARAMETERS, **names, "bars": bars, "np": np}
        as_python = eval(source_of(tree, variables), space)
        np.testing.assert_array_equal(np.broadcast_to(as_python, len(bars)), found, err_msg=text)
        n_true += int(expected.sum())
    assert 1000 < n_true < 8000


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("clse > 5", "clse", "unknown name 'clse': did you mean 'close'"),
        ("close > 5 and wndow > 3", "wndow", "did you mean 'window'"),
        ("close > bars__highst__window_20", "bars__highst", "'highst': did you mean 'highest'"),
        ("close > bars__highest__window_{windw}", "bars", "unknown parameter .* 'windw': did you mean 'window'"),
        ("close__trend_state__window_20__threshold_{threshold} > 0 and clse < 3", "clse", "did you mean 'close'"),
        ("close > bars__highest__window_1", "bars", "window is a whole number of at least 2 bars"),
        ("close.shift(-1) > close", "close", "no later one is known"),
        ("close[1] > close", "close", "no later one is known"),
        ("previous(close, -1) > close", "-1", "at least 1"),
        ("previous(close, 0) > close", "0", "at least 1"),
        ("previous(close, threshold) > close", "threshold", "whole number of bars"),
        ("next(close) > close", "next", "unknown function 'next'"),
        ("crosses_abov(close, 5)", "crosses", "did you mean 'crosses_above'"),
        ("crosses_above(close)", "crosses", "takes 2 arguments, not 1"),
        ("abs(close, 3) > 2", "abs", "takes 1 argument, not 2"),
        ("close", "close", "a number, where a condition is expected"),
        ("close > 5 + (close > 3)", "close > 3", "a condition, where a number is expected"),
        ("close > 'a'", "'a'", "not part of an expression"),
        ("close is 5", "close", "compare with"),
        ("close >> 5", "close", "calculate with"),
        ("(close > 5", "(", "never closed"),
        ("close > 5; close", ";", "invalid syntax"),
        ("close > 5 # why", "#", "write comments outside"),
        ("close ≥ 5", "≥", "write it in plain letters"),
        ("__import__('os').system('x')", "__import__", "not part of an expression"),
        ("[x for x in close]", "[", "not part of an expression"),
        ("{window} > 3", "{", "write a parameter without them"),
        ("trade__side > 0", "trade", "there is none before the entry"),
        ("results__win_share__window_20 > 1", "results", "there is none before the entry"),
        ("close_aligned__slope__window_20 > 0", "close", "there is none before the entry"),
        ("close_of_SPY__slope__window_20 > 0", "close", "reads another symbol"),
        ("close > 1e400", "1e400", "beyond all prices"),
        ("-" * 3000 + "1 > 2", "-", "nested too deeply|too many|not an expression"),
        ("", "", "empty"),
    ],
)  # fmt: skip
def test_a_fault_is_shown_with_its_place(text: str, place: str, message: str) -> None:
    with pytest.raises(BadExpression, match=message) as refused:
        parse_condition(text, PARAMETERS)
    *_, shown, caret = str(refused.value).splitlines()
    assert shown[caret.index("^") :].startswith(place)


def test_numbers_are_numbers() -> None:
    assert parse_value("+3") == parse_value(" 3 ")
    with pytest.raises(BadExpression, match="a condition, where a number is expected"):
        parse_value("close > 3")
    with pytest.raises(ValueError, match="at least 1 bar"):
        vocabulary.previous(np.ones(3), -1)
