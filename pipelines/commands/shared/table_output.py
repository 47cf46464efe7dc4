"""Table output: rows filtered, sorted and limited by options, and written to a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.json_values import json_safe
from tradesieve.pipelines.commands.shared.options import Decorator, add_options
from tradesieve.pipelines.commands.shared.row_filters import known_column, rows_where


@dataclass(frozen=True)
class Arrangement:
    """Which rows of a table to return, and in what order: the options of `table_options` by name."""

    where: tuple[str, ...]
    sort: str | None
    descending: bool
    limit: int | None

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """Filter, sort and limit the rows of a table; NaN is sorted last.

        Raises
        ------
        BadInput : if a condition or a column is wrong. Arrange an empty table to check them before long work.
        """
        table = rows_where(table, self.where)
        if self.sort is not None:
            table = table.sort_values(known_column(table, self.sort), ascending=not self.descending, kind="stable")
        elif self.descending:
            table = table[::-1]
        return table[: self.limit].reset_index(drop=True)

    def uses(self, column: str) -> bool:
        """Return True if rows are sorted or filtered by a column."""
        return column == self.sort or any(column in condition for condition in self.where)


_WRITTEN = "Also write a table (.csv, .parquet), a page (.html)."

replace_option = click.option("--replace", is_flag=True, help="Replace an --output that exists.")


def table_options(rows: str, example: str) -> Decorator:
    """Return a decorator that adds the options that arrange a table and write it.

    Parameters
    ----------
    rows : what a row is, in the plural, such as "trades".
    example : a condition, for the help.
    """
    path = click.Path(path_type=Path)
    return add_options(
        [
            click.option("--where", multiple=True, metavar="TEST", help=f"Keep {rows} with '{example}' (repeatable)."),
            click.option("--sort", metavar="COLUMN", help="Sort by a column; undefined values come last."),
            click.option("--descending", is_flag=True, help="Sort from high to low."),
            click.option("--limit", type=click.IntRange(min=1), metavar="N", help=f"Show at most N {rows}."),
            click.option("--output", type=path, help=_WRITTEN),
            click.option("--html", type=path, help=_WRITTEN),
        ]
    )


def check_files(output: Path | None, html: Path | None) -> None:
    """Refuse files whose suffix names no supported format.

    Raises
    ------
    BadInput : names the file and the allowed suffixes.
    """
    for path, what, suffixes in ((output, "the table", (".parquet", ".csv")), (html, "the report", (".html",))):
        if path is not None and path.suffix not in suffixes:
            raise BadInput(f"{path}: write {what} to a file ending in {' or '.join(suffixes)}")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table atomically, in the format of the file's suffix.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False) if path.suffix == ".csv" else table.to_parquet(temporary, index=False)


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows JSON-safe, with None for undefined values."""
    return [json_safe({str(name): value for name, value in row.items()}) for row in table.to_dict("records")]
