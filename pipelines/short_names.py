"""Short names of strategies, for tables and figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_STRATEGY = re.compile(r"(?P<rule>\w+)\((?P<parameters>[^)]*)\)(?P<rest>.*)")


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


def labels_of(names: Sequence[str], *, longest: int = 34) -> list[str]:
    """Return names that are short enough for an axis: without what all of a rule share, and cut in the middle.

    No two of them are the same.

    Examples
    --------
    >>> labels_of(["breakout(window=20,hold=5)|AAA|1h", "breakout(window=50,hold=5)|AAA|1h"])
    ['breakout(window=20) AAA 1h', 'breakout(window=50) AAA 1h']
    """
    labels = [str(row["name"]) for row in abbreviate([{"name": name} for name in names], "name")]
    tail = longest // 3
    cut = [label if len(label) <= longest else f"{label[: longest - tail - 1]}…{label[-tail:]}" for label in labels]
    # Figures take rows of one name for one row.
    return [
        f"{label} #{cut[:place].count(label) + 1}" if cut.count(label) > 1 else label for place, label in enumerate(cut)
    ]
