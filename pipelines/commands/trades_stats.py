"""tradesieve trades stats: what groups of trades were worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pandas as pd

from market.errors import BadInput
from market.store import replacing
from models.fitness import json_safe
from pipelines.chunks import Chunk, backtest_of, load_chunks
from pipelines.commands.conditions import known_column, rows_where
from pipelines.commands.options import as_json, chosen_experiment, experiment_options
from pipelines.commands.tables import shortened
from pipelines.console import Console
from pipelines.settings import read_settings
from pipelines.steps import generate_trades
from pipelines.trade_pages import write_report
from strategies.groups import GROUPINGS
from strategies.statistics import MEASURES, trade_statistics
from strategies.trades import pool_trades

_SHOWN = {
    "n_trades": "trades", "win_rate": "win rate", "expectancy": "expectancy", "profit_factor": "profit factor",
    "payoff_ratio": "payoff", "cost": "cost", "sortino": "Sortino", "sharpe": "Sharpe", "total_return": "return",
    "max_drawdown": "drawdown", "exposure_rate": "exposure",
}  # fmt: skip
"""Measures that a table for people shows, with their headings; the others are shown once they are asked for."""


@click.command()
@experiment_options
@click.option("--by", type=click.Choice(GROUPINGS), default="instance", show_default=True, help="What to group by.")
@click.option("--where", multiple=True, help="Keep groups such as 'n_trades>=30'; may be given several times.")
@click.option("--sort", help="Sort by this column; undefined values come last.")
@click.option("--descending", is_flag=True, help="Sort from high to low.")
@click.option("--limit", type=click.IntRange(min=1), help="Show at most this many groups.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write the table here (.parquet or .csv).")
@click.option("--html", type=click.Path(path_type=Path), help="Also write a report here (.html) that needs no network.")
@as_json
def stats(
    by: str,
    where: tuple[str, ...],
    sort: str | None,
    descending: bool,
    limit: int | None,
    output: Path | None,
    html: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Show what the trades of each group were worth without a model.

    \b
        tradesieve trades stats --by rule --where 'n_trades>=30' --sort sortino --descending --html report.html
    """
    console = Console(as_json=as_json)
    _require_suffix(output, "the table", ".parquet", ".csv")
    _require_suffix(html, "the report", ".html")
    # A column that does not exist is refused before hours of work, on a table without rows.
    _arranged(_without_groups(by), where, sort, descending, limit)
    pooled, chunks = _generated(console, given)
    found = _arranged(trade_statistics(pooled, backtest_of(chunks), by=by), where, sort, descending, limit)
    if output is not None:
        _write(found, output)
    if html is not None:
        write_report(chunks, pooled, html)
    rows, everything = _rows(found), _everything(pooled, chunks, by)
    written = {name: str(path) for name, path in (("output", output), ("html", html)) if path is not None}
    console.json({"by": by, "groups": rows, "pooled": everything} | written)
    asked = [name for name in MEASURES if name == sort or any(name in condition for condition in where)]
    columns = (
        {by: "strategy" if by == "instance" else by} | _SHOWN | {name: name for name in asked if name not in _SHOWN}
    )
    shown = rows if by == "pooled" else [*rows, everything]
    console.table(f"trades by {by}, every one of them taken", shortened(shown, by), columns)
    if output is not None:
        console.say(f"{len(found):,} groups with {len(MEASURES)} measures each, written to {output}")
    if html is not None:
        console.say(f"the report is written to {html}: open it in a browser")


def _generated(console: Console, given: dict[str, Any]) -> tuple[pd.DataFrame, list[Chunk]]:
    settings = read_settings()
    chunks = load_chunks(chosen_experiment(settings, **given), settings)
    with console.progress() as progress:
        tables = [generate_trades(chunk, settings, progress=progress) for chunk in chunks]
    return pool_trades(tables), chunks


def _arranged(
    table: pd.DataFrame, where: tuple[str, ...], sort: str | None, descending: bool, limit: int | None
) -> pd.DataFrame:
    table = rows_where(table, where)
    if sort is not None:
        table = table.sort_values(known_column(table, sort), ascending=not descending, kind="stable")
    elif descending:
        table = table[::-1]
    return table[:limit].reset_index(drop=True)


def _without_groups(by: str) -> pd.DataFrame:
    kinds = {by: "int64" if by == "hour" else "str"} | dict.fromkeys(MEASURES, "float64")
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [json_safe({str(name): value for name, value in row.items()}) for row in table.to_dict("records")]


def _everything(pooled: pd.DataFrame, chunks: list[Chunk], by: str) -> dict[str, Any]:
    (row,) = _rows(trade_statistics(pooled, backtest_of(chunks), by="pooled"))
    row.pop("pooled")
    return {by: "all, equal shares"} | row


def _require_suffix(path: Path | None, what: str, *suffixes: str) -> None:
    if path is not None and path.suffix not in suffixes:
        raise BadInput(f"{path}: write {what} to a file ending in {' or '.join(suffixes)}")


def _write(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False) if path.suffix == ".csv" else table.to_parquet(temporary, index=False)
