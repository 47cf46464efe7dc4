"""What the tables that commands print share: numbers with their nouns, and names that are short enough."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_STRATEGY = re.compile(r"(?P<rule>\w+)\((?P<parameters>[^)]*)\)(?P<rest>.*)")


def pluralise(n: int, noun: str) -> str:
    """Return a number with a noun whose plural ends in s.

    Examples
    --------
    >>> pluralise(1, "repair"), pluralise(2000, "repair")
    ('1 repair', '2,000 repairs')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def abbreviate(rows: Sequence[Mapping[str, Any]], key: str = "instance") -> list[dict[str, Any]]:
    """Drop from strategies' names the parameters that all rows of a rule share, which keeps tables narrow."""
    values: dict[tuple[str, str], set[str]] = {}
    split = [_STRATEGY.match(str(row[key])) for row in rows]
    for known in filter(None, split):
        for parameter in known["parameters"].split(","):
            values.setdefault((known["rule"], parameter.partition("=")[0]), set()).add(parameter)
    short = []
    for row, match in zip(rows, split, strict=True):
        name = row[key]
        if match is not None:
            parameters = match["parameters"].split(",")
            differing = [text for text in parameters if len(values[match["rule"], text.partition("=")[0]]) > 1]
            name = match["rule"] + (f"({','.join(differing)})" if differing else "") + match["rest"].replace("|", " ")
        short.append({**row, key: name})
    return short
