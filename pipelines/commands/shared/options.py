"""Options that several commands share, in the panels of their help pages. A command takes those that it uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from tradesieve.models.protocol.aims import AIMS
from tradesieve.pipelines.commands.shared.completion import complete_strategies, complete_symbols, complete_trade_sets
from tradesieve.pipelines.help_pages import OPTIONS, option_in

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
    help="Also show the sealed hold-out; the look is recorded.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")

_bars, _strategies, _search = option_in("Bars"), option_in("Strategies"), option_in("Search")
_costs = option_in("Costs, fractions of the price (0.0005 is 5 bp)")

_PERIOD = "Bars after, and up to, this time, ISO 8601."
_FEES = "Fees: resting, market, any order."
_MARKET_ORDERS = "Bid to ask; further cost of an order."
_CARRY = "Carry of longs, shorts, per 24 hours."

bars_options = add_options(
    [
        _bars(
            "--config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="YAML of an experiment; options override it.",
        ),
        _bars(
            "--symbols",
            metavar="A,B,...",
            help="Symbols; every stored one by default.",
            shell_complete=complete_symbols,
        ),
        _bars("--timeframe", "--timeframes", "timeframes", metavar="5m,1h,...", help="Timeframes.  [default: 5m]"),
        _bars("--from", "start", metavar="TIME", help=_PERIOD),
        _bars("--to", "end", metavar="TIME", help=_PERIOD),
    ]
)
"""Which bars: of every command that reads an experiment."""

settle_option = _bars("--settle-with", metavar="1m", help="Shorter bars, to settle the order within a bar.")

modules_option = _strategies(
    "--module",
    "--modules",
    "modules",
    metavar="FILE,...",
    help="Factors, rules, labels of your own.",
)

_chosen_strategies = [
    _strategies(
        "--strategies",
        metavar="A,B,...|all",
        help="Rules, strategies, files; see `strategies list`.",
        shell_complete=complete_strategies,
    ),
    _strategies(
        "--num-strategies",
        type=int,
        metavar="N",
        help="How many, each of another rule.  [default: 5]",
    ),
    _strategies("--sampling", metavar="grid|random", help="How grids are sampled.  [default: grid]"),
]

trade_set_option = _strategies(
    "--trades", metavar="SET", shell_complete=complete_trade_sets, help="Imported trades, instead of strategies."
)

costs_options = add_options(
    [
        _costs("--maker", type=float, metavar="X", help=_FEES),
        _costs("--taker", type=float, metavar="X", help=_FEES),
        _costs("--commission", type=float, metavar="X", help=_FEES),
        _costs("--spread", type=float, metavar="X", help=_MARKET_ORDERS),
        _costs("--slippage", type=float, metavar="X", help=_MARKET_ORDERS),
        _costs("--funding", type=float, metavar="X", help=_CARRY),
        _costs("--borrow", type=float, metavar="X", help=_CARRY),
        _costs(
            "--wait-for-trades/--fill-without-trades",
            "wait_for_trades",
            default=None,
            help="Orders wait for bars with trades.",
        ),
    ]
)
"""What trades cost."""


def features_option(panel: str = OPTIONS) -> Decorator:
    """Return the option of the features."""
    features: Decorator = option_in(panel)(
        "--features", metavar="A,B,...", help="Sets, features.  [default: aligned,other_symbols]"
    )
    return features


def label_option(panel: str = OPTIONS) -> Decorator:
    """Return the option of the training targets."""
    label: Decorator = option_in(panel)(
        "--label", metavar="A,B,...", help="Training targets.  [default: scaled_return]"
    )
    return label


def seed_option(panel: str, help_text: str) -> Decorator:
    """Return the option of the random seed, with what it is used for."""
    seed: Decorator = option_in(panel)("--seed", type=int, metavar="N", help=f"{help_text}.  [default: 7]")
    return seed


trades_options = add_options(
    [bars_options, settle_option, *_chosen_strategies, seed_option("Strategies", "Seed of --sampling random"),
     modules_option, costs_options]
)  # fmt: skip
"""Which trades: bars, strategies and costs."""

experiment_options = add_options(
    [
        bars_options,
        settle_option,
        *_chosen_strategies,
        modules_option,
        features_option("Search"),
        _search("--aim", metavar="|".join(AIMS), help="What the filter is for.  [default: smooth]"),
        label_option("Search"),
        _search("--fitness", metavar="NAME", help="The score of a filter.  [default: sortino]"),
        _search("--applications", metavar="A,B,...", help="How scores become sizes.  [default: the aim's]"),
        _search("--candidates", type=int, metavar="N", help="Candidates that each engine tries.  [default: 3]"),
        _search("--budget", metavar="10m|N", help="Time, or number of trials.  [default: no limit]"),
        seed_option("Search", "Random seed"),
        costs_options,
    ]
)
"""Everything of an experiment, named as the values of `pipelines.experiment_assembly.assemble_experiment`."""
