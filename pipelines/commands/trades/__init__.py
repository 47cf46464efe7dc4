"""tradesieve trades: generate trades, look at them, draw them, optimise rules."""

from __future__ import annotations

import click

from tradesieve.pipelines.commands.trades.generate import generate
from tradesieve.pipelines.commands.trades.optimise import optimise
from tradesieve.pipelines.commands.trades.plot import plot
from tradesieve.pipelines.commands.trades.stats import stats


@click.group()
def trades() -> None:
    """Generate the trades that rules would have made, and look at them."""


for command in (generate, stats, plot, optimise):
    trades.add_command(command)
