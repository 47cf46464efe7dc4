"""Tables as people ask for them: filtered, sorted, cut, and written to a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.json_values import json_safe
from tradesieve.pipelines.commands.shared.row_filters import known_column, rows_where


@dataclass(frozen=True)
class Arrangement:
    """Which rows of a table are wanted, and in what order: the options of `table_options` by name."""

    where: tuple[str, ...]
    sort: str | None
    descending: bool
    limit: int | None

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """Arrange a table; undefined values come last.

        Raises
        ------
        BadInput : if a condition or a column is wrong. They are refused before hours of work on a table without rows.
        """
        table = rows_where(table, self.where)
        if self.sort is not None:
            table = table.sort_values(known_column(table, self.sort), ascending=not self.descending, kind="stable")
        elif self.descending:
            table = table[::-1]
        return table[: self.limit].reset_index(drop=True)

    def asks_for(self, column: str) -> bool:
        """Say whether rows are sorted or filtered by a column."""
        return column == self.sort or any(column in condition for condition in self.where)


def table_options(rows: str, example: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options that arrange a table and write it.

    Parameters
    ----------
    rows : what a row is, in the plural.
    example : of a condition.
    """
    path = click.Path(path_type=Path)
    options = [
        click.option("--where", multiple=True, help=f"Keep {rows} such as '{example}'; may be given several times."),
        click.option("--sort", help="Sort by this column; undefined values come last."),
        click.option("--descending", is_flag=True, help="Sort from high to low."),
        click.option("--limit", type=click.IntRange(min=1), help=f"Show at most this many {rows}."),
        click.option("--output", type=path, help="Also write the table here (.parquet or .csv)."),
        click.option("--html", type=path, help="Also write a report here (.html) that needs no network."),
    ]

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def check_files(output: Path | None, html: Path | None) -> None:
    """Refuse files that could not be written as their names ask for.

    Raises
    ------
    BadInput : names the file and the endings that are allowed.
    """
    for path, what, suffixes in ((output, "the table", (".parquet", ".csv")), (html, "the report", (".html",))):
        if path is not None and path.suffix not in suffixes:
            raise BadInput(f"{path}: write {what} to a file ending in {' or '.join(suffixes)}")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as its file's name ends, whole or not at all.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False) if path.suffix == ".csv" else table.to_parquet(temporary, index=False)


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows as JSON takes them, with None for what is undefined."""
    return [json_safe({str(name): value for name, value in row.items()}) for row in table.to_dict("records")]
