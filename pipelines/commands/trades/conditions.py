"""tradesieve trades conditions: in which markets strategies earn, without a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd

from tradesieve.pipelines.commands.shared.costs import costs_of, show_terms
from tradesieve.pipelines.commands.shared.long_tables import SHOWN_AT_EACH_END, best_first, show_long_table
from tradesieve.pipelines.commands.shared.options import as_json, trade_set_option, trades_options, with_holdout
from tradesieve.pipelines.commands.shared.strategy_limit import count_chosen, describe_limit, max_option
from tradesieve.pipelines.commands.shared.table_output import check_files, replace_option, write_table
from tradesieve.pipelines.commands.shared.verdict_tables import describe_findings
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.reports.conditions_report import write_conditions
from tradesieve.pipelines.settings import Settings, read_settings
from tradesieve.pipelines.short_names import abbreviate
from tradesieve.pipelines.steps.chunk_trades import trade_chunks
from tradesieve.pipelines.steps.chunks import backtest_of, load_chunks
from tradesieve.pipelines.steps.condition_table import UNKNOWN, judge_conditions, with_conditions
from tradesieve.pipelines.steps.sealing import shown_chunks
from tradesieve.pipelines.steps.trade_export import refuse_existing
from tradesieve.strategies.statistics.grouping import INSTANCE_GROUPS
from tradesieve.strategies.statistics.market_conditions import CONDITIONS, MEANINGS


@click.command(cls=HelpPage)
@trades_options
@trade_set_option
@max_option
@click.option(
    "--by",
    type=click.Choice(INSTANCE_GROUPS),
    default="instance",
    show_default=True,
    metavar="GROUP",
    help=f"Judge each {', '.join(INSTANCE_GROUPS)}.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Also write the table (.parquet or .csv).")
@click.option("--html", type=click.Path(path_type=Path), help="Also write a page with a plot (.html).")
@replace_option
@with_holdout
@as_json
def conditions(
    by: str, output: Path | None, html: Path | None, replace: bool, with_holdout: bool, as_json: bool, **given: Any
) -> None:
    """Show in which markets each strategy earns, without a model.

    By trend, volatility, hours and weekday, as known at the decision; false discoveries are controlled over the table.

    \b
        tradesieve trades conditions --by rule --html conditions.html
    """
    settings, console = read_settings(), Console(as_json=as_json)
    check_files(output, html)
    if output is not None and not replace:
        refuse_existing(output)
    experiment = assemble_experiment(settings, **given)
    strategies = count_chosen(experiment)
    shown = shown_chunks(
        experiment, load_chunks(experiment, settings), settings,
        with_holdout=with_holdout, reason=f"trades conditions by {by}",
    )  # fmt: skip
    with console.progress() as progress:
        trades = with_conditions(trade_chunks(shown.chunks, settings, progress=progress))
    judged = judge_conditions(trades, backtest_of(shown.chunks), by=by, seed=0)
    groups = list(dict.fromkeys(row["group"] for row in judged["rows"]))
    brief = abbreviate([{"group": name} for name in groups], "group")
    names = {name: row["group"] for name, row in zip(groups, brief, strict=True)}
    if output is not None:
        write_table(pd.DataFrame(judged["rows"]), output)
    if html is not None:
        write_conditions(judged, names, html, notes=shown.describe(), title="Market conditions")
    written = {name: str(path) for name, path in (("output", output), ("html", html)) if path is not None}
    found = {"by": by, **judged, "strategies": strategies, **shown.as_dict()}
    console.json(found | {"costs": costs_of(experiment)} | written)
    _show_tables(console, judged, by, settings)
    show_terms(console, experiment)
    n_early = int((trades[next(iter(CONDITIONS))] == UNKNOWN).sum())
    for line in (*describe_findings(judged), *shown.describe(), *describe_limit(strategies)):
        console.say(line)
    if n_early:
        console.say(f"{n_early:,} of {len(trades):,} trades were decided before their trend could be told")
    if output is not None:
        console.say(f"{len(judged['rows']):,} lines written to {output}")
    if html is not None:
        console.say(f"page written to {html}: open it in a browser")


def _show_tables(console: Console, judged: Mapping[str, Any], by: str, settings: Settings) -> None:
    """Print one table for each condition: a line for each group, a column for each state."""
    heading = "strategy" if by == "instance" else by
    for condition, states in CONDITIONS.items():
        rows: dict[str, dict[str, Any]] = {}
        for row in judged["rows"]:
            if row["condition"] == condition and row["state"] in states:
                line = rows.setdefault(row["group"], {"group": row["group"], "highest": None})
                line[row["state"]] = _cell(row)
                if row["low"] is not None:
                    line["highest"] = max(row["expectancy"], line["highest"] or row["expectancy"])
        table = list(rows.values())
        if len(table) > 2 * SHOWN_AT_EACH_END:
            table = best_first(table, "highest")
        show_long_table(
            console, f"By {condition}: {MEANINGS[condition]}", table,
            {"group": heading} | {state: state for state in states},
            name="group", path=settings.tables / f"conditions-by-{by}-{condition}.csv",
        )  # fmt: skip


def _cell(row: Mapping[str, Any]) -> str:
    """Return expectancy, interval, count and what was found, in a few words."""
    if row["low"] is None:
        return f"– ({row['n_trades']:,})"
    found = f" {row['found']}" if row["found"] in ("earns", "loses") else ""
    low, high = row["low"] * 1e4, row["high"] * 1e4
    return f"{row['expectancy'] * 1e4:+.1f} bp{found} ({low:+.1f} to {high:+.1f}; {row['n_trades']:,})"
