"""tradesieve trades: generate, import and measure trades, plot them, tell markets apart, optimise rules, weigh them."""

from __future__ import annotations

import click

from tradesieve.pipelines.commands.trades.conditions import conditions
from tradesieve.pipelines.commands.trades.generate import generate
from tradesieve.pipelines.commands.trades.import_ import import_
from tradesieve.pipelines.commands.trades.list_ import list_
from tradesieve.pipelines.commands.trades.optimise import optimise
from tradesieve.pipelines.commands.trades.plot import plot
from tradesieve.pipelines.commands.trades.stats import stats
from tradesieve.pipelines.commands.trades.weights import weights
from tradesieve.pipelines.help_pages import HelpGroup


@click.group(cls=HelpGroup)
def trades() -> None:
    """Backtest rules, and inspect their trades."""


for command in (generate, import_, list_, stats, conditions, plot, optimise, weights):
    trades.add_command(command)
