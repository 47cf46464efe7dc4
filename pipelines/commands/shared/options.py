"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from tradesieve.features.feature_sets import SETS, SETS_OF_SYMBOLS
from tradesieve.models.applications.registry import APPLICATIONS
from tradesieve.models.fitness.registry import FITNESS
from tradesieve.models.labels.registry import LABELS
from tradesieve.models.protocol.aims import AIMS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def add_options(options: Sequence[Decorator]) -> Decorator:
    """Return a decorator that adds options to a command, in their order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


with_holdout = click.option(
    "--with-holdout",
    is_flag=True,
    help="Also show the hold-out, which is sealed otherwise; the look is recorded, and lowers the limits of the gate.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")

experiment_options = add_options(
    [
        click.option("--config", type=click.Path(path_type=Path), help="YAML of an experiment; options override it."),
        click.option(
            "--strategies",
            help="Rules or whole strategies, separated by commas, such as "
            "'dip_buying,volatility_breakout(window=20|50)+trailing(ranges=3)', or files of your own, such as "
            "my_rules.py; 'all' is every strategy of every rule; by default, five, each of another rule.",
        ),
        click.option(
            "--num-strategies",
            type=int,
            help="Number of strategies, one of each rule in turn.  [default: 5; all, if --strategies is 'all' or gives "
            "the parameters of each]",
        ),
        click.option("--sampling", help="How strategies are chosen from the grids: grid or random.  [default: grid]"),
        click.option("--symbols", help="Symbols, separated by commas; every stored one by default."),
        click.option(
            "--timeframe", "--timeframes", "timeframes", help="Timeframes, separated by commas.  [default: 5m]"
        ),
        click.option("--from", "start", help="Use bars after this time, ISO 8601."),
        click.option("--to", "end", help="Use bars up to this time, ISO 8601."),
        click.option(
            "--settle-with",
            help="A shorter timeframe, such as 1m, whose stored bars settle what came first within a bar.",
        ),
        click.option(
            "--features",
            help=f"Sets ({', '.join([*SETS, *SETS_OF_SYMBOLS])}) and features, separated by commas, such as "
            "'minimal,close|close_1h__slope__window_20|50'.  [default: aligned,other_symbols]",
        ),
        click.option(
            "--module",
            "--modules",
            "modules",
            help="Python files with factors and rules of your own, separated by commas, such as my_factors.py.",
        ),
        click.option("--aim", help=f"What the filter is for: {' or '.join(AIMS)}.  [default: smooth]"),
        click.option(
            "--label",
            help=f"The training target: {', '.join(LABELS)}; several, separated by commas, are searched together.  "
            "[default: scaled_return]",
        ),
        click.option("--fitness", help=f"The score: {', '.join(FITNESS)}.  [default: sortino]"),
        click.option(
            "--applications",
            help=f"How scores become sizes, separated by commas: {', '.join(APPLICATIONS)}; by default the aim's.",
        ),
        click.option("--candidates", type=int, help="Number of candidates that each engine tries.  [default: 3]"),
        click.option(
            "--budget",
            help="What the search may spend: a time such as 10m, or a number such as '40 trials'.  [default: no limit]",
        ),
        click.option("--seed", type=int, help="Random seed.  [default: 7]"),
        click.option("--maker", type=float, help="Fee of a resting order, as a fraction: 0.0002 is 2 bp."),
        click.option("--taker", type=float, help="Fee of a market order, as a fraction: 0.0005 is 5 bp."),
        click.option("--commission", type=float, help="Fee of every order, in place of --maker and --taker."),
        click.option("--spread", type=float, help="Bid to ask as a fraction of the price; a market order pays half."),
        click.option("--slippage", type=float, help="Further cost of a market order, as a fraction of the price."),
        click.option(
            "--funding", type=float, help="What a long pays per 24 hours held, as a fraction of its entry notional."
        ),
        click.option(
            "--borrow", type=float, help="What a short pays per 24 hours held, as a fraction of its entry notional."
        ),
        click.option(
            "--wait-for-trades/--fill-without-trades",
            "wait_for_trades",
            default=None,
            help="Whether orders wait while nothing trades, or fill in any bar.  [default: fill]",
        ),
    ]
)
"""The options that choose an experiment, named as the values of `pipelines.experiment_assembly.assemble_experiment`."""
