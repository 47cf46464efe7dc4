"""Tables of many rows: the best and the worst on the terminal, all of them in a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.commands.shared.table_output import write_table
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.short_names import abbreviate

SHOWN_AT_EACH_END = 20


def best_first(rows: Sequence[Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
    """Order rows from the highest value to the lowest; undefined values come last.

    Parameters
    ----------
    key : of a number or None in each row.
    """
    return sorted(map(dict, rows), key=lambda row: -row[key] if row.get(key) is not None else math.inf)


def show_long_table(
    console: Console,
    title: str,
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    *,
    name: str,
    path: Path,
) -> None:
    """Print a table; of more than forty rows, the first twenty and the last twenty, and write all to a file.

    Parameters
    ----------
    rows, columns : as for `console.Console.table`, in an order in which the ends are what readers look for.
    name : key of the rows' names, which are abbreviated on the terminal.
    path : the .csv file of all rows, replaced if it exists; a sentence says why if it cannot be written.
    """
    if len(rows) <= 2 * SHOWN_AT_EACH_END:
        console.table(title, abbreviate(rows, name), columns)
        return
    if console.as_json:
        return
    ends = [*rows[:SHOWN_AT_EACH_END], *rows[-SHOWN_AT_EACH_END:]]
    title = f"{title} (the first {SHOWN_AT_EACH_END} and the last {SHOWN_AT_EACH_END} of {len(rows):,})"
    console.table(title, abbreviate(ends, name), columns, break_after=SHOWN_AT_EACH_END)
    try:
        write_table(pd.DataFrame(rows), path)
    except BadInput as error:  # a state folder that can be read only
        console.say(f"the other rows are shown by --json: {error}")
    else:
        console.say(f"all {len(rows):,} rows are in {path}")
