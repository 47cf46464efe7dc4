"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tradesieve.features.feature_sets import SETS
from tradesieve.market.errors import BadInput
from tradesieve.market.symbols import normalise_symbol
from tradesieve.pipelines.commands.shared.tables import counted
from tradesieve.pipelines.experiment import Experiment, experiment_from, experiment_from_yaml, usual_count, words
from tradesieve.pipelines.settings import Settings
from tradesieve.strategies.registry import count_strategies

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")


def experiment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose an experiment."""
    options = [
        click.option("--config", type=click.Path(path_type=Path), help="YAML of an experiment; the options change it."),
        click.option(
            "--strategies",
            help="Rules or whole strategies, separated by commas, such as "
            "'dip_buying,volatility_breakout(window=20|50)+trailing(ranges=3)'; 'all' is every rule.",
        ),
        click.option("--num-strategies", type=int, help="How many strategies, one of each rule in turn.  [default: 5]"),
        click.option("--sampling", help="How they are chosen from the grids: grid or random.  [default: grid]"),
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
            help=f"Sets ({', '.join(SETS)}) and features, separated by commas, such as "
            "'minimal,close|close_1h__slope__window_20|50'.",
        ),
        click.option(
            "--module",
            "--modules",
            "modules",
            help="Python files with factors of your own, separated by commas, such as my_factors.py.",
        ),
        click.option("--fitness", help="What ranks the trials: sortino, sharpe, expectancy, profit_factor."),
        click.option("--applications", help="How scores become sizes, separated by commas, such as threshold,kelly."),
        click.option("--candidates", type=int, help="Candidates that each engine tries.  [default: 6]"),
        click.option("--seed", type=int, help="Seed of every draw.  [default: 7]"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def chosen_experiment(settings: Settings, **given: Any) -> Experiment:
    """Make the experiment that the options ask for.

    Parameters
    ----------
    given : the options by name. ``most``, of commands that have it, bounds the number of instances: as many strategies
        are taken as fit, one of each rule in turn.

    Raises
    ------
    BadInput : if an option is wrong, or no symbol was named and no bars are stored.
    """
    most = given.pop("most", None)
    config = given.pop("config", None)
    values = experiment_from_yaml(config).as_dict() if config else {}
    plan = values.setdefault("plan", {})
    if given.get("strategies") is not None:
        values["strategies"] = [] if given["strategies"] == "all" else words(given["strategies"])
        if usual_count(values["strategies"]) is None:
            values["num_strategies"] = None
    for name in ("num_strategies", "sampling", "start", "end", "settle_with"):
        if given.get(name) is not None:
            values[name] = given[name]
    for name in ("symbols", "timeframes"):
        if given.get(name) is not None:
            values[name] = words(given[name])
    if given.get("symbols") is not None:
        values["symbols"] = [normalise_symbol(symbol) for symbol in values["symbols"]]
    if "symbols" not in values:
        values["symbols"] = list(dict.fromkeys(symbol for symbol, _ in settings.bars.list()))
    if given.get("modules") is not None:
        values["modules"] = words(given["modules"])
    if given.get("features") is not None:
        values["features"] = words(given["features"])
    for name in ("fitness", "seed"):
        if given.get(name) is not None:
            plan[name] = given[name]
    if given.get("applications") is not None:
        plan["applications"] = words(given["applications"])
    if given.get("candidates") is not None:
        plan["engines"] = dict.fromkeys(plan.get("engines", ("lightgbm", "pycaret")), given["candidates"])
    if not values["symbols"]:
        raise BadInput("no bars are stored: import some with `tradesieve data import FILE --symbol S --timeframe T`")
    if most is not None:
        values["num_strategies"] = _fitting(most, values)
    return experiment_from(values)


def _fitting(most: int, values: dict[str, Any]) -> int:
    """Count the strategies that fit into a number of instances."""
    pairs = len(values["symbols"]) * len(values.get("timeframes", ("5m",)))
    if most < pairs:
        raise BadInput(
            f"--max is {most}, but one strategy on every symbol and timeframe makes {counted(pairs, 'instance')}"
        )
    return count_strategies(values.get("strategies", ()), at_most=most // pairs)
