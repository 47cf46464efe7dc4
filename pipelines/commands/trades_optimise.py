"""tradesieve trades optimise: search a rule's parameters on the past, and trade them on what came next."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from pipelines.chunks import load_chunks
from pipelines.commands.options import as_json, chosen_experiment, experiment_options
from pipelines.console import Console
from pipelines.settings import read_settings
from strategies.optimisation import walk_forward
from strategies.registry import rule_named

_WINDOWS = {
    "border": "searched until", "traded_until": "traded until", "strategy": "strategy",
    "in_sample": "Sortino before", "out_of_sample": "Sortino after", "n_trades": "trades after",
}  # fmt: skip
_PATHS = {"path": "path", "sortino": "Sortino", "total_return": "return", "n_days": "days"}


@click.command()
@click.argument("rule")
@experiment_options
@click.option("--windows", default=6, show_default=True, help="Windows of equal time; the first is only searched on.")
@click.option("--trials", default=40, show_default=True, help="Values that each of the two stages tries.")
@click.option("--min-trades", default=30, show_default=True, help="Trades below which a choice does not count.")
@as_json
def optimise(rule: str, windows: int, trials: int, min_trades: int, as_json: bool, **given: Any) -> None:
    """Optimise RULE by walking forward: entries first, then exits, each window on all that came before it.

    The out-of-sample path is that of the walk; the in-sample path is that of the parameters that would have been best
    on the same days. Only the first is a result; the second says how much of it was hindsight.

    \b
        tradesieve trades optimise donchian_channel --symbols BTC-USD --timeframe 1h
    """
    settings, console = read_settings(), Console(as_json=as_json)
    kind = rule_named(rule)
    given |= {"strategies": rule, "num_strategies": 1}
    experiment = chosen_experiment(settings, **given)
    found = []
    with console.progress() as progress:
        for chunk in load_chunks(experiment, settings):
            walk = walk_forward(
                kind, chunk.bars, chunk.instrument,
                n_windows=windows, n_trials=trials, minimum_trades=min_trades, seed=experiment.plan.seed,
                finer=chunk.covering,
                on_progress=partial(progress, "optimise"),
            )  # fmt: skip
            found.append({"symbol": chunk.symbol, "timeframe": str(chunk.timeframe), **walk.as_dict()})
    console.json({"rule": rule, "walks": found})
    for walked in found:
        name = f"{rule} on {walked['symbol']} {walked['timeframe']}"
        console.table(f"{name}: chosen before each border, traded after it", walked["windows"], _WINDOWS)
        paths = [{"path": path.replace("_", " "), **measures} for path, measures in walked["paths"].items()]
        console.table(f"{name}: the days after the first border", paths, _PATHS)
        console.say(f"best in hindsight: {walked['hindsight']}")
