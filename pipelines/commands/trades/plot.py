"""tradesieve trades plot: candles with the lines of a rule and its trades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.commands.shared.options import as_json, trade_set_option, trades_options, with_holdout
from tradesieve.pipelines.commands.shared.strategy_limit import count_chosen, describe_limit, max_option
from tradesieve.pipelines.commands.shared.trade_notes import describe_no_trades, describe_open
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.reports.trade_plot import write_plot
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import instance_names, load_chunks
from tradesieve.pipelines.steps.sealing import shown_chunks
from tradesieve.pipelines.steps.without_trades import explain_no_trades
from tradesieve.strategies.statistics.duplicates import digest_instances
from tradesieve.strategies.trades import is_closed, pool_trades


@click.command(cls=HelpPage)
@trades_options
@trade_set_option
@max_option
@click.option("--bars", "n_bars", type=click.IntRange(50, 5000), default=1000, show_default=True,
              metavar="N", help="Show at most the last N bars.")  # fmt: skip
@click.option("--last-trades", "n_trades", type=click.IntRange(1, 1000), default=100, show_default=True,
              metavar="N", help="Show at most the last N trades.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), default=Path("plot.html"), show_default=True,
              help="The page to write (.html).")  # fmt: skip
@with_holdout
@as_json
def plot(n_bars: int, n_trades: int, output: Path, with_holdout: bool, as_json: bool, **given: Any) -> None:
    """Plot candles, the lines that a rule uses, and its most recent trades.

    \b
        tradesieve trades plot --strategies donchian_channel --timeframe 5m
    """
    console, settings = Console(as_json=as_json), read_settings()
    if output.suffix != ".html":
        raise BadInput(f"{output}: a plot is written to a file ending in .html")
    experiment = assemble_experiment(settings, **given)
    seen = shown_chunks(
        experiment, load_chunks(experiment, settings), settings, with_holdout=with_holdout, reason="trades plot"
    )
    chunks, strategies = seen.chunks, count_chosen(experiment)
    with console.progress() as progress:
        trades = pool_trades([generate_trades(chunk, settings, progress=progress) for chunk in chunks])
    shown = write_plot(chunks, trades, output, n_trades=n_trades, n_bars=n_bars, notes=seen.describe())
    n_open = int((~is_closed(trades)).sum())
    without_trades = explain_no_trades(chunks, digest_instances(trades, instance_names(chunks)))
    counts = {"n_trades": len(trades), "n_open": n_open, "n_shown": shown}
    console.json(
        {"output": str(output), **counts, "strategies": strategies, "without_trades": without_trades, **seen.as_dict()}
    )
    notes = (*describe_open(n_open, counted="plotted up to there"), *describe_no_trades(without_trades))
    for line in (*seen.describe(), *describe_limit(strategies), *notes):
        console.say(line)
    console.say(f"{shown:,} of {len(trades):,} trades plotted, written to {output}: open it in a browser")
