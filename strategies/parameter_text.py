"""Parameters of rules and modifiers as text: written, and parsed."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from inspect import cleandoc
from typing import ClassVar, TypeVar

from tradesieve.market.errors import BadInput, Unknown

Value = int | float | str
ParametrisedType = TypeVar("ParametrisedType", bound="Parametrised")


@dataclass(frozen=True)
class Parametrised:
    """Something with a name and parameters. Subclasses are frozen dataclasses whose fields all have defaults."""

    name: ClassVar[str]
    noun: ClassVar[str] = "strategy"
    """What messages call it."""

    @property
    def id(self) -> str:
        """The name and all parameters as text that parses back, such as ``donchian_channel(window=20,...)``."""
        names = [field.name for field in fields(self) if field.name not in self._omitted]
        return f"{self.name}({','.join(f'{name}={_format(getattr(self, name))}' for name in names)})"

    @property
    def _omitted(self) -> tuple[str, ...]:
        """The parameters that the id does not write, since they keep their defaults."""
        return ()

    def _require(self, **allowed: bool) -> None:
        """Raise BadInput for the first parameter whose condition is False."""
        for name, valid in allowed.items():
            if not valid:
                value = getattr(self, name)
                shown = value if isinstance(value, str) else f"{value:g}"
                raise BadInput(f"{self.name}: {name} is {shown}, which is out of range{self._described(name)}")

    @classmethod
    def describe_parameters(cls) -> dict[str, str]:
        """Return the description of each parameter, bounds included; empty where the docstring has none."""
        return {field.name: cls._described(field.name).removeprefix(": ") for field in fields(cls)}

    @classmethod
    def _described(cls, parameter: str) -> str:
        """Return the description of a parameter, bounds included, from the class's docstring."""
        lines = re.search(
            rf"^(?:\w+, )*{parameter}(?:, \w+)* : (.+(?:\n {{4,}}.+)*)", cleandoc(cls.__doc__ or ""), re.MULTILINE
        )
        return f": {' '.join(lines[1].split()).replace('`', '').rstrip('.')}" if lines else ""


def split_top_level(text: str, separator: str) -> list[str]:
    """Split text at a separator outside parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def parse_name(text: str) -> str:
    """Return the name in ``name`` or ``name(parameter=value,...)``.

    Raises
    ------
    BadInput : if `text` is neither.
    """
    return _name_and_arguments(text)[0]


def parse_variants(
    kind: type[ParametrisedType], text: str, defaults: Callable[[Collection[str]], Mapping[str, Value]] = lambda _: {}
) -> list[ParametrisedType]:
    """Parse ``name(parameter=value,...)``; omitted parameters keep their defaults.

    Parameters
    ----------
    kind : the class.
    text : its parameters.
    defaults : from the names of the parameters that the text gives to other defaults.

    Returns
    -------
    One object for every combination of values: a parameter may have several, as in ``window=10|20|40``. The last
    parameter with several values varies fastest.

    Raises
    ------
    Unknown : if a parameter does not exist.
    BadInput : if a value is of the wrong kind or out of range, or one is given twice.
    """
    given = parse_values(kind, text)
    given |= {name: [value] for name, value in defaults(given).items()}
    return [kind(**dict(zip(given, values, strict=True))) for values in itertools.product(*given.values())]


def parse_values(kind: type[Parametrised], text: str) -> dict[str, list[Value]]:
    """Parse the values of each parameter in ``name(parameter=value|value,...)``; raises as `parse_variants` does."""
    known = {field.name: field.type for field in fields(kind)}
    given: dict[str, list[Value]] = {}
    for piece in filter(None, (part.strip() for part in _name_and_arguments(text)[1].split(","))):
        name, _, values = (part.strip() for part in piece.partition("="))
        if name not in known:
            raise Unknown(f"parameter of {kind.name}", name, known)
        if name in given:
            raise BadInput(f"{kind.noun} {text!r}: {name} is given twice")
        given[name] = [
            _parse_value(value.strip(), known[name], f"{kind.noun} {text!r}: {name}") for value in values.split("|")
        ]
        if len(set(given[name])) != len(given[name]):
            raise BadInput(f"{kind.noun} {text!r}: one of the values of {name} is given twice")
    return given


def _name_and_arguments(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"\s*([^()\s]+)\s*(?:\((.*)\))?\s*", text)
    if match is None:
        raise BadInput(
            f"strategy {text!r} is not understood: write rule or rule(parameter=number,...), "
            "followed by + and a modifier for each modifier"
        )
    return match[1], match[2] or ""


def _parse_value(value: str, kind: object, place: str) -> Value:
    if kind in ("str", str):
        if re.fullmatch(r"[A-Za-z]\w*|\d{1,2}:\d{2} \S+|\d{4}_[\w.+-]+", value) is None:
            raise BadInput(f"{place} is {value!r}, which is not a word")
        return value
    try:
        number = float(value)
    except ValueError:
        raise BadInput(f"{place} is {value!r}, which is not a number") from None
    if not math.isfinite(number):
        raise BadInput(f"{place} is {value}, but must be finite")
    if kind not in ("int", int):
        return number
    if not number.is_integer():
        raise BadInput(f"{place} is {value}, but must be a whole number")
    return int(number)


def _format(value: Value) -> str:
    """Write a value so that it parses back to the same value: no two strategies share an id."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else repr(float(value))
