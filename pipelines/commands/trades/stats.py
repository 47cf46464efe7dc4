"""tradesieve trades stats: performance of groups of trades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pandas as pd

from tradesieve.pipelines.commands.shared.costs import costs_of, show_terms
from tradesieve.pipelines.commands.shared.long_tables import SHOWN_AT_EACH_END, best_first, show_long_table
from tradesieve.pipelines.commands.shared.options import as_json, trade_set_option, trades_options, with_holdout
from tradesieve.pipelines.commands.shared.profitable_spans import SPAN_COLUMNS, describe_spans, with_spans
from tradesieve.pipelines.commands.shared.strategy_limit import count_chosen, describe_limit, max_option
from tradesieve.pipelines.commands.shared.table_output import (
    Arrangement,
    check_files,
    replace_option,
    rows_of,
    table_options,
    write_table,
)
from tradesieve.pipelines.commands.shared.trade_notes import (
    describe_duplicates,
    describe_losing,
    describe_no_trades,
    describe_open,
    describe_untraded,
)
from tradesieve.pipelines.commands.shared.verdict_tables import VERDICT_COLUMNS, describe_verdicts, with_verdicts
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.reports.trade_report import write_report
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import Chunk, backtest_of, instance_names, load_chunks
from tradesieve.pipelines.steps.group_verdicts import judge_groups
from tradesieve.pipelines.steps.sealing import shown_chunks
from tradesieve.pipelines.steps.trade_export import refuse_existing
from tradesieve.pipelines.steps.unset_sessions import describe_unset_sessions, find_unset_sessions
from tradesieve.pipelines.steps.without_trades import explain_no_trades
from tradesieve.strategies.statistics.duplicates import digest_instances, find_duplicates
from tradesieve.strategies.statistics.grouping import GROUPINGS, INSTANCE_GROUPS
from tradesieve.strategies.statistics.trade_statistics import MEASURES, trade_statistics
from tradesieve.strategies.trades import is_closed, pool_trades

_SHOWN = {
    "n_trades": "closed trades", "win_rate": "win rate", "expectancy": "expectancy", "profit_factor": "profit factor",
    "payoff_ratio": "payoff", "cost": "cost", "sortino": "Sortino", "sharpe": "Sharpe", "total_return": "return",
    "max_drawdown": "drawdown", "exposure_rate": "exposure",
}  # fmt: skip
"""Measures in the printed table, with their headings; others are added when an option uses them."""
_LEFT_OUT = ("payoff_ratio", "sharpe", "exposure_rate")
"""Of these, what gives way to verdicts; --sort or --where show it, and --output writes every measure."""
_JUDGED = tuple(name for name in INSTANCE_GROUPS if name != "pooled")
"""Groupings whose groups hold capital of their own, so that each can be judged by itself."""


@click.command(cls=HelpPage)
@trades_options
@trade_set_option
@max_option
@click.option("--by", type=click.Choice(GROUPINGS), default="instance", show_default=True, metavar="GROUP",
              help=f"Group trades by {', '.join(GROUPINGS)}.")  # fmt: skip
@table_options("groups", "n_trades>=30")
@replace_option
@with_holdout
@as_json
def stats(
    by: str,
    where: tuple[str, ...],
    sort: str | None,
    descending: bool,
    limit: int | None,
    output: Path | None,
    html: Path | None,
    replace: bool,
    with_holdout: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Show the performance of groups of trades, without a model.

    \b
        tradesieve trades stats --by rule --where 'n_trades>=30' --sort sortino
        tradesieve trades stats --trades my_trades
    """
    settings, console = read_settings(), Console(as_json=as_json)
    check_files(output, html)
    if output is not None and not replace:
        refuse_existing(output)
    arrangement = Arrangement(where, sort, descending, limit)
    arrangement.of(_empty_statistics(by))  # reports a wrong option before the backtests
    experiment = assemble_experiment(settings, **given)
    strategies = count_chosen(experiment)
    shown = shown_chunks(
        experiment, load_chunks(experiment, settings), settings,
        with_holdout=with_holdout, reason=f"trades stats by {by}",
    )  # fmt: skip
    chunks = shown.chunks
    with console.progress() as progress:
        trades = pool_trades([generate_trades(chunk, settings, progress=progress) for chunk in chunks])
    found = arrangement.of(trade_statistics(trades, backtest_of(chunks), by=by))
    if output is not None:
        write_table(found, output)
    if html is not None:
        write_report(chunks, trades, html, notes=shown.describe())
    verdicts = judge_groups(trades, backtest_of(chunks), by=by, seed=0) if by in _JUDGED else None
    rows, pooled = rows_of(found), _pooled_row(trades, chunks, by)
    written = {name: str(path) for name, path in (("output", output), ("html", html)) if path is not None}
    n_open = int((~is_closed(trades)).sum())
    digests = digest_instances(trades, instance_names(chunks))
    duplicates, without_trades = find_duplicates(digests), explain_no_trades(chunks, digests)
    unset = find_unset_sessions(chunks)
    result = {
        "by": by,
        "groups": rows,
        "pooled": pooled,
        "n_open": n_open,
        "strategies": strategies,
        "without_trades": without_trades,
        "unset_sessions": unset,
        "verdicts": verdicts,
        **shown.as_dict(),
    }
    console.json(result | {"same_trades_as": duplicates, "costs": costs_of(experiment)} | written)
    n_untraded = int(pooled["n_untraded_fills"])
    used = [name for name in MEASURES if arrangement.uses(name)]
    columns = (
        {by: "strategy" if by == "instance" else by} | _SHOWN | {name: name for name in used if name not in _SHOWN}
    )
    if n_untraded:
        columns |= {"n_untraded_fills": "fills without trades"}
    columns |= SPAN_COLUMNS
    counted_rows = with_spans(rows if by == "pooled" else [*rows, pooled])
    table = _arranged(counted_rows, verdicts, by, ranked=sort is None)
    if verdicts is not None:
        kept = {name: title for name, title in columns.items() if name not in _LEFT_OUT or arrangement.uses(name)}
        columns = {by: kept.pop(by)} | VERDICT_COLUMNS | kept
    title = f"Trades by {by}, unfiltered, each weighted by its capital"
    show_long_table(console, title, table, columns, name=by, path=settings.tables / f"trades-by-{by}.csv")
    show_terms(console, experiment)
    counted = "in the group end_of_data" if by == "exit_reason" else "not counted as closed"
    for line in (
        *shown.describe(),
        *([] if verdicts is None else describe_verdicts(verdicts, part="on what is shown, without a filter")),
        *describe_spans(pooled),
        *describe_unset_sessions(unset),
        *describe_limit(strategies),
        *describe_no_trades(without_trades),
        *describe_duplicates(duplicates),
        *describe_losing(row["sortino"] for row in table),
        *describe_open(n_open, counted=counted),
        *describe_untraded(n_untraded),
    ):
        console.say(line)
    if output is not None:
        console.say(f"{len(found):,} groups with {len(MEASURES)} measures each, written to {output}")
    if html is not None:
        console.say(f"report written to {html}: open it in a browser")


def _arranged(
    rows: list[dict[str, Any]], verdicts: dict[str, Any] | None, by: str, *, ranked: bool
) -> list[dict[str, Any]]:
    """Add the verdicts; rank groups that are too many to be shown, unless they are sorted already."""
    judged = rows if verdicts is None else with_verdicts(rows, verdicts, name=by)
    return best_first(judged, "expectancy") if ranked and len(judged) > 2 * SHOWN_AT_EACH_END else judged


def _empty_statistics(by: str) -> pd.DataFrame:
    kinds = {by: "int64" if by == "hour" else "str"} | dict.fromkeys(MEASURES, "float64")
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def _pooled_row(trades: pd.DataFrame, chunks: list[Chunk], by: str) -> dict[str, Any]:
    (row,) = rows_of(trade_statistics(trades, backtest_of(chunks), by="pooled"))
    row.pop("pooled")
    return {by: "all, equal shares"} | row
