"""tradesieve trades: generate trades, look at them, draw them, optimise rules."""

from __future__ import annotations

import click

from pipelines.commands.trades_generate import generate
from pipelines.commands.trades_optimise import optimise
from pipelines.commands.trades_plot import plot
from pipelines.commands.trades_stats import stats


@click.group()
def trades() -> None:
    """Generate the trades that rules would have made, and look at them."""


for command in (generate, stats, plot, optimise):
    trades.add_command(command)
