"""tradesieve trades generate: backtest many rules over symbols and timeframes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pandas as pd

from tradesieve.pipelines.commands.shared.costs import costs_by_symbol, show_costs
from tradesieve.pipelines.commands.shared.options import as_json, trades_options, with_holdout
from tradesieve.pipelines.commands.shared.strategy_limit import count_chosen, describe_limit, max_option
from tradesieve.pipelines.commands.shared.table_output import replace_option
from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.commands.shared.trade_notes import (
    describe_duplicates,
    describe_no_trades,
    describe_open,
    describe_untraded,
)
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.sealing import shown_chunks
from tradesieve.pipelines.steps.trade_export import check_output, write_trade_set
from tradesieve.pipelines.steps.unset_sessions import describe_unset_sessions, find_unset_sessions
from tradesieve.pipelines.steps.without_trades import explain_no_trades

_COLUMNS = {
    "rule": "rule", "symbol": "symbol", "timeframe": "timeframe", "instances": "instances", "n_trades": "closed trades",
    "expectancy": "expectancy", "cost": "cost",
}  # fmt: skip
_TOTALS = ("n_trades", "n_open", "n_untraded_fills")


@click.command(cls=HelpPage)
@trades_options
@max_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Also write the trades: a folder of Parquet, or .parquet or .csv.",
)
@replace_option
@with_holdout
@as_json
def generate(output: Path | None, replace: bool, with_holdout: bool, as_json: bool, **given: Any) -> None:
    """Generate trades of many strategies over symbols and timeframes.

    Trades that were generated before are read from the cache, so an interrupted run resumes where it stopped.

    \b
        tradesieve trades generate --strategies all --max 1000 --output trades
    """
    settings, console = read_settings(), Console(as_json=as_json)
    if output is not None:
        check_output(output, replace=replace)
    experiment = assemble_experiment(settings, **given)
    seen = shown_chunks(
        experiment, load_chunks(experiment, settings), settings, with_holdout=with_holdout, reason="trades generate"
    )
    chunks, strategies = seen.chunks, count_chosen(experiment)
    instruments = experiment.all_instruments()
    with console.progress() as progress:
        rows = write_trade_set(chunks, settings, output, replace=replace, progress=progress)
    n_trades, n_open, n_untraded = (sum(row[name] for row in rows) for name in _TOTALS)
    duplicates = {row["instance"]: row["same_trades_as"] for row in rows if row["same_trades_as"] is not None}
    traded = {row["instance"] for row in rows if row["n_trades"] + row["n_open"]}
    without_trades, unset = explain_no_trades(chunks, traded), find_unset_sessions(chunks)
    settled = {chunk.name: chunk.aligned_finer.covered_rate for chunk in chunks if chunk.finer is not None}
    written = None if output is None else str(output)
    result = {
        "n_trades": n_trades, "n_open": n_open, "n_untraded_fills": n_untraded, "output": written,
        "settled": settled, "strategies": strategies, "without_trades": without_trades,
        "unset_sessions": unset, **seen.as_dict(),
    }  # fmt: skip
    console.json(result | {"costs": costs_by_symbol(instruments), "instances": rows})
    shown = _COLUMNS | ({"n_untraded_fills": "fills without trades"} if n_untraded else {})
    console.table("Trades by rule, unfiltered, each weighted by its capital", _by_rule(rows), shown)
    show_costs(console, instruments)
    for chunk in chunks:
        if chunk.finer is not None:
            console.say(
                f"{chunk.finer.timeframe} bars settle the order of events within "
                f"{chunk.aligned_finer.covered_rate:.1%} of the {chunk.timeframe} bars of {chunk.symbol}"
            )
    notes = (*describe_duplicates(duplicates), *describe_open(n_open), *describe_untraded(n_untraded))
    lines = (*seen.describe(), *describe_unset_sessions(unset), *describe_limit(strategies))
    for line in (*lines, *describe_no_trades(without_trades), *notes):
        console.say(line)
    console.say(
        f"{pluralise(len(rows), 'instance')}, {pluralise(n_trades, 'closed trade')}"
        + (f", all {pluralise(n_trades + n_open, 'trade')} written to {output}" if output else "")
    )


def _by_rule(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups = pd.DataFrame(rows).groupby(["rule", "symbol", "timeframe"], sort=False)
    totals = groups[["n_trades", "capital", "net_return", "cost", "n_untraded_fills"]].sum()
    sums = totals.assign(instances=groups.size()).reset_index()
    capital = sums["capital"].where(sums["capital"] > 0)
    table = sums.assign(expectancy=sums["net_return"] / capital, cost=sums["cost"] / capital)
    return [{name: None if pd.isna(row[name]) else row[name] for name in table.columns} for _, row in table.iterrows()]
