"""Parameters: how a rule or a modifier is written as text, and read back."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, fields
from typing import ClassVar, TypeVar

from tradesieve.market.errors import BadInput, Unknown

Value = int | float | str
Kind = TypeVar("Kind", bound="Parametrised")


@dataclass(frozen=True)
class Parametrised:
    """Something with a name and parameters. Subclasses are frozen dataclasses whose fields all have defaults."""

    name: ClassVar[str]

    @property
    def id(self) -> str:
        """Write it as text that reads back, such as ``volatility_breakout(window=20,multiple=1.5)``."""
        values = ",".join(f"{field.name}={_written(getattr(self, field.name))}" for field in fields(self))
        return f"{self.name}({values})"

    def _require(self, **allowed: bool) -> None:
        """Refuse a parameter whose condition does not hold."""
        for name, holds in allowed.items():
            if not holds:
                value = getattr(self, name)
                shown = value if isinstance(value, str) else f"{value:g}"
                raise BadInput(f"{self.name}: {name} is {shown}, which is out of range{self._meaning(name)}")

    @classmethod
    def _meaning(cls, parameter: str) -> str:
        """Say what a parameter is, and within which bounds, as its line in the class's docstring does."""
        lines = re.search(
            rf"^ +(?:\w+, )*{parameter}(?:, \w+)* : (.+(?:\n {{8,}}.+)*)", cls.__doc__ or "", re.MULTILINE
        )
        return f": {' '.join(lines[1].split()).replace('`', '').rstrip('.')}" if lines else ""


def split_top_level(text: str, separator: str) -> list[str]:
    """Split text at a separator, but not inside parentheses, where it belongs to the parameters."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def parse_name(text: str) -> str:
    """Give the name in ``name`` or ``name(parameter=value,...)``.

    Raises
    ------
    BadInput : if `text` is neither.
    """
    return _parts(text)[0]


def parse_variants(kind: type[Kind], text: str) -> list[Kind]:
    """Read ``name(parameter=value,...)``; what is left out keeps its default.

    Returns
    -------
    One for every combination of values: a parameter may have several, as in ``window=10|20|40``. The last parameter
    with several varies fastest.

    Raises
    ------
    Unknown : if a parameter does not exist.
    BadInput : if a value is of the wrong kind or out of range, or one is given twice.
    """
    axes = parse_values(kind, text)
    return [kind(**dict(zip(axes, values, strict=True))) for values in itertools.product(*axes.values())]


def parse_values(kind: type[Parametrised], text: str) -> dict[str, list[Value]]:
    """Read the values of each parameter that ``name(parameter=value|value,...)`` gives; errors as `parse_variants`."""
    known = {field.name: field.type for field in fields(kind)}
    axes: dict[str, list[Value]] = {}
    for piece in filter(None, (part.strip() for part in _parts(text)[1].split(","))):
        name, _, values = (part.strip() for part in piece.partition("="))
        if name not in known:
            raise Unknown(f"parameter of {kind.name}", name, known)
        if name in axes:
            raise BadInput(f"strategy {text!r}: {name} is given twice")
        axes[name] = [_read(value.strip(), known[name], f"strategy {text!r}: {name}") for value in values.split("|")]
        if len(set(axes[name])) != len(axes[name]):
            raise BadInput(f"strategy {text!r}: one of the values of {name} is given twice")
    return axes


def _parts(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"\s*([^()\s]+)\s*(?:\((.*)\))?\s*", text)
    if match is None:
        raise BadInput(
            f"strategy {text!r} is not understood: write rule or rule(parameter=number,...), "
            "and a + before each modifier that follows"
        )
    return match[1], match[2] or ""


def _read(value: str, kind: object, place: str) -> Value:
    if kind in ("str", str):
        if re.fullmatch(r"[A-Za-z]\w*", value) is None:
            raise BadInput(f"{place} is {value!r}, which is no word")
        return value
    try:
        number = float(value)
    except ValueError:
        raise BadInput(f"{place} is {value!r}, which is no number") from None
    if not math.isfinite(number):
        raise BadInput(f"{place} is {value}, but must be finite")
    if kind not in ("int", int):
        return number
    if not number.is_integer():
        raise BadInput(f"{place} is {value}, but must be a whole number")
    return int(number)


def _written(value: Value) -> str:
    """Write a value so that it reads back to the same one: two strategies never share a name."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else repr(float(value))
