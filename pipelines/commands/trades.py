"""tradesieve trades: generate trades and look at them."""

from __future__ import annotations

from typing import Any

import click
import numpy as np
import pandas as pd

from models.dataset import Dataset, dataset_from_trades
from models.fitness import measure
from pipelines.chunks import calendar_of, instance_names, load_chunks, period_of
from pipelines.commands.options import as_json, chosen_experiment, experiment_options
from pipelines.commands.tables import shortened
from pipelines.commands.trades_generate import generate
from pipelines.console import Console
from pipelines.settings import read_settings
from pipelines.steps import generate_trades
from strategies.base import instance_name
from strategies.statistics import trade_statistics

_SHOWN = {
    "instance": "strategy", "n_trades": "trades", "win_rate": "win rate",
    "expectancy": "expectancy", "profit_factor": "profit factor", "cost": "cost", "sortino": "Sortino",
    "max_drawdown": "drawdown",
}  # fmt: skip


@click.group()
def trades() -> None:
    """Generate the trades that rules would have made, and look at them."""


trades.add_command(generate)


@trades.command()
@experiment_options
@click.option(
    "--by",
    type=click.Choice(["instance", "strategy", "symbol", "side", "exit_reason", "hour", "weekday"]),
    default="instance",
    show_default=True,
    help="What to group by.",
)
@as_json
def stats(by: str, as_json: bool, **given: Any) -> None:
    """Show what the trades of each strategy were worth without a model."""
    console = Console(as_json=as_json)
    pooled, rows = _measured(console, given)
    if by != "instance":
        rows = trade_statistics(pooled, by=by)
    console.json({"by": by, "groups": rows})
    if by == "instance":
        console.table("trades by instance, every one of them taken", shortened(rows), _SHOWN)
    else:
        console.table(f"trades by {by}, every one of them taken", rows)


def _measured(console: Console, given: dict[str, Any]) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    settings = read_settings()
    experiment = chosen_experiment(settings, **given)
    chunks = load_chunks(experiment, settings)
    with console.progress() as progress:
        tables = [generate_trades(chunk, settings, progress=progress) for chunk in chunks]
    pooled = pd.concat(tables, ignore_index=True).sort_values("decision_time", kind="stable", ignore_index=True)
    rows = []
    for chunk, table in zip(chunks, tables, strict=True):
        for strategy in chunk.strategies:
            name = instance_name(strategy.id, chunk.symbol, chunk.timeframe)
            own = table[table["strategy"] == strategy.id]
            line = trade_statistics(own, by="strategy")
            rows.append({"instance": name, "n_trades": 0} | (line[0] if line else {}))
            if line and (own["exit_reason"] != "end_of_data").any():
                alone = _without_features(own, [name], period_of(chunks), calendar_of(chunks))
                measures = measure(alone, np.ones(len(alone))).as_dict()
                rows[-1] |= {key: measures[key] for key in ("sortino", "max_drawdown")}
    if len(pooled):
        everything = _without_features(pooled, instance_names(chunks), period_of(chunks), calendar_of(chunks))
        measures = measure(everything, np.ones(len(everything))).as_dict()
        rows.append({"instance": "all, equal shares", **measures})
    return pooled, rows


def _without_features(trades: pd.DataFrame, names: list[str], period: tuple[int, int], calendar: Any) -> Dataset:
    nothing = np.empty((len(trades), 0))
    return dataset_from_trades(trades, nothing, (), label="won", instance_names=names, period=period, calendar=calendar)
