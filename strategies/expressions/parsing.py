"""Parse expressions with Python's own parser, into the few nodes of `expressions.tree`; nothing of it runs as Python.

1. Make the text one line, and write what Python's names cannot hold (``{window}``, ``threshold_0.3``) as other letters.
2. Parse it as one Python expression.
3. Turn each node that is allowed into one of ours, as a number or a condition, whichever its place asks for; ``not``
   moves inwards to the comparisons, so that a missing value makes no condition true.

A fault is a `BadExpression`, which shows the line with a caret below the place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.inputs import BAR_COLUMNS
from tradesieve.features.user_functions import is_number
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.strategies.expressions.tree import (
    Arithmetic,
    Call,
    Column,
    Comparison,
    Condition,
    Crossing,
    Factor,
    Junction,
    Negative,
    Number,
    Parameter,
    Previous,
    Value,
    negated,
)

CROSSINGS = ("crosses_above", "crosses_below")
FUNCTIONS = {"abs": (1, 1), "minimum": (2, 9), "maximum": (2, 9), "previous": (1, 2)}
"""Functions of numbers, with the least and the largest number of arguments."""

_OTHER_BARS = "not part of an expression: previous(close, 2) is the close two bars before; no later one is known"

_LONGEST = 4000
_LARGEST = 1e15
_SHOWN_AROUND = 50
"""Characters that are shown before and after the place of a fault."""

_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}

_FEATURE = re.compile(r"\b[A-Za-z]\w*?__(?:\w|\{|\}|(?<=\w)\.(?=\w)|(?<=_)-(?=\d)|(?<=_)\"\w+\")+")
_LETTERS = str.maketrans('{}.-"', "ᐸᐳᑊᑋᑌ")
"""Letters that Python's names may have, for characters that the names of features have."""
_BACK = str.maketrans("ᐸᐳᑊᑋᑌ", '{}.-"')


class BadExpression(BadInput):
    """An expression is wrong.

    Parameters
    ----------
    problem : what is wrong.
    text : the whole expression, in one line.
    column : where in the text, from 0.
    """

    def __init__(self, problem: str, text: str, column: int) -> None:
        first = max(0, column - _SHOWN_AROUND)
        self.excerpt = f"\n    {text[first : column + _SHOWN_AROUND]}\n    {' ' * (column - first)}^"
        super().__init__(problem + self.excerpt)
        self.problem, self.text, self.column = problem, text, column

    def within(self, place: str) -> BadExpression:
        """Return the same with the place of the expression before what is wrong."""
        return BadExpression(f"{place}: {self.problem}", self.text, self.column)


def parse_condition(text: str, parameters: Mapping[str, float] | None = None) -> Condition:
    """Parse an expression that is true or false.

    Parameters
    ----------
    parameters : that it may name, with their defaults.

    Raises
    ------
    BadExpression : with the place.

    Examples
    --------
    >>> parse_condition("close > 5").operator
    '>'
    """
    parser = _Parser(text, parameters or {})
    return parser.guarded(lambda: parser.condition(parser.parsed()))


def parse_value(text: str, parameters: Mapping[str, float] | None = None) -> Value:
    """Parse an expression that is a number; as `parse_condition`."""
    parser = _Parser(text, parameters or {})
    return parser.guarded(lambda: parser.value(parser.parsed()))


def check_readable(feature: Feature) -> None:
    """Refuse a feature that has no value at a close without a trade, or reads another symbol.

    Raises
    ------
    BadInput : says why.
    """
    if feature.input.column in ("results", "trade") or feature.terms:
        raise BadInput(f"feature {feature.name!r} depends on a trade, and there is none before the entry")
    if feature.input.symbol is not None:
        raise BadInput(f"feature {feature.name!r} reads another symbol; a rule reads the bars that it trades")


class _Parser:
    def __init__(self, text: str, parameters: Mapping[str, float]) -> None:
        self.text = " ".join(line.strip() for line in text.strip().splitlines())
        self.plain = _FEATURE.sub(lambda found: found[0].translate(_LETTERS), self.text)
        self.parameters = parameters

    def guarded(self, parse: Any) -> Any:
        try:
            return parse()
        except (RecursionError, MemoryError):
            raise BadExpression("the expression is nested too deeply", self.text, 0) from None

    def parsed(self) -> ast.expr:
        """Parse the text as Python does."""
        if not self.text:
            raise BadExpression("the expression is empty", self.text, 0)
        if len(self.text) > _LONGEST:
            raise BadExpression(f"the expression has more than {_LONGEST} characters", self.text, _LONGEST)
        strange = re.search(r"[^ -~]|#", self.text)
        if strange:
            character = strange[0]
            hint = "write comments outside of it" if character == "#" else "write it in plain letters, digits and signs"
            raise BadExpression(f"{character!r} is not part of an expression; {hint}", self.text, strange.start())
        try:
            return ast.parse(self.plain, mode="eval").body
        except SyntaxError as error:
            found = str(error.msg).translate(_BACK)
            raise BadExpression(f"not an expression: {found}", self.text, max(0, (error.offset or 1) - 1)) from None
        except ValueError as error:
            raise BadExpression(f"not an expression: {error}", self.text, 0) from None

    def fault(self, node: ast.expr, problem: str) -> BadExpression:
        # Python counts bytes, of which the letters in place of signs have three.
        column = len(self.plain.encode()[: node.col_offset].decode())
        return BadExpression(problem, self.text, column)

    def condition(self, node: ast.expr) -> Condition:
        """Turn a node into a condition."""
        match node:
            case ast.BoolOp(op, values):
                return Junction("and" if isinstance(op, ast.And) else "or", tuple(map(self.condition, values)))
            case ast.UnaryOp(ast.Not(), operand):
                return negated(self.condition(operand))
            case ast.Compare(left, operators, comparators):
                found = [
                    self.comparison(node, operator, first, second)
                    for first, operator, second in zip([left, *comparators], operators, comparators, strict=False)
                ]
                return found[0] if len(found) == 1 else Junction("and", tuple(found))
            case ast.Call(ast.Name(function), arguments) if function in CROSSINGS:
                self.check_arguments(node, function, 2, 2)
                first, second = map(self.value, arguments)
                return Crossing(function, first, second)
        self.value(node)  # names what is no number either
        raise self.fault(node, "a number, where a condition is expected, such as close > 5")

    def comparison(self, node: ast.expr, operator: ast.cmpop, left: ast.expr, right: ast.expr) -> Condition:
        if type(operator) not in _COMPARISONS:
            raise self.fault(node, "compare with <, <=, >, >=, == or !=")
        name, first, second = _COMPARISONS[type(operator)], self.value(left), self.value(right)
        return negated(Comparison("==", first, second)) if name == "!=" else Comparison(name, first, second)

    def value(self, node: ast.expr) -> Value:
        """Turn a node into a number."""
        match node:
            case ast.Constant(int() | float() as value) if is_number(value):
                if abs(value) > _LARGEST:
                    raise self.fault(node, "a number beyond all prices")
                return Number(value)
            case ast.Name(name):
                return self.name(node, name.translate(_BACK))
            case ast.UnaryOp(ast.USub(), operand):
                return Negative(self.value(operand))
            case ast.UnaryOp(ast.UAdd(), operand):
                return self.value(operand)
            case ast.BinOp(left, op, right):
                if type(op) not in _ARITHMETIC:
                    raise self.fault(node, "calculate with +, -, * and /; join conditions with and, or")
                return Arithmetic(_ARITHMETIC[type(op)], self.value(left), self.value(right))
            case ast.Call():
                return self.call(node)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(ast.Not()):
                raise self.fault(node, "a condition, where a number is expected")
            case ast.Subscript() | ast.Attribute():
                raise self.fault(node, _OTHER_BARS)
            case ast.Set() | ast.Dict():
                raise self.fault(node, "braces stand in the names of factors only; write a parameter without them")
        raise self.fault(node, "not part of an expression")

    def name(self, node: ast.expr, name: str) -> Value:
        if name in BAR_COLUMNS:
            return Column(name)
        if name in self.parameters:
            return Parameter(name)
        if "__" not in name:
            if name in (*FUNCTIONS, *CROSSINGS):
                raise self.fault(node, f"{name} is a function: write {name}(...)")
            raise self.fault(node, str(Unknown("name", name, [*BAR_COLUMNS, *self.parameters, *FUNCTIONS, *CROSSINGS])))
        for parameter in re.findall(r"\{(.*?)\}", name):
            if parameter not in self.parameters:
                raise self.fault(node, str(Unknown(f"parameter in {name!r}:", parameter, self.parameters)))
        factor = Factor(name)
        try:
            check_readable(parse_feature(factor.name(self.parameters)))
        except (BadInput, ValueError) as error:
            raise self.fault(node, str(error)) from None
        return factor

    def call(self, node: ast.Call) -> Value:
        if not isinstance(node.func, ast.Name):
            raise self.fault(node, _OTHER_BARS)
        function = node.func.id
        if function in CROSSINGS:
            raise self.fault(node, "a condition, where a number is expected")
        if function not in FUNCTIONS:
            raise self.fault(node, str(Unknown("function", function, [*FUNCTIONS, *CROSSINGS])))
        self.check_arguments(node, function, *FUNCTIONS[function])
        if function == "previous":
            return Previous(self.value(node.args[0]), self.count(node.args[1]) if len(node.args) > 1 else Number(1))
        return Call(function, tuple(map(self.value, node.args)))

    def count(self, node: ast.expr) -> Number | Parameter:
        """Turn the second argument of `previous` into a number of bars."""
        found = self.value(node)
        value = found.value if isinstance(found, Number) else None
        if isinstance(found, Parameter):
            value = self.parameters[found.name]
        if isinstance(found, Number | Parameter) and isinstance(value, int) and value >= 1:
            return found
        raise self.fault(node, "previous goes back a whole number of bars, at least 1: a number or a parameter")

    def check_arguments(self, node: ast.Call, function: str, least: int, most: int) -> None:
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            raise self.fault(node, f"{function} takes its arguments by position")
        if not least <= len(node.args) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise self.fault(node, f"{function} takes {wanted} argument{'s' * (most > 1)}, not {len(node.args)}")
