"""tradesieve trades optimise: search a strategy's parameters on the past, and trade them on what came next."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.commands.shared.options import as_json, experiment_options
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.reports.walk_forward_report import write_walks
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.strategies.search.search_space import STAGES, SearchSpace, search_space
from tradesieve.strategies.search.walk_forward import walk_forward

_WINDOWS = {
    "border": "searched until", "traded_until": "traded until", "strategy": "strategy",
    "in_sample": "Sortino before", "out_of_sample": "Sortino after", "n_trades": "trades after",
}  # fmt: skip
_PATHS = {"path": "path", "sortino": "Sortino", "total_return": "return", "n_days": "days"}


@click.command()
@click.argument("strategy")
@experiment_options
@click.option("--windows", default=6, show_default=True, help="Windows of equal time; the first is only searched on.")
@click.option("--trials", default=40, show_default=True, help="Values that each of the two stages tries.")
@click.option("--min-trades", default=30, show_default=True, help="Trades below which a choice does not count.")
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    help="Also write a page that works offline: the out-of-sample path beside the in-sample one.",
)
@as_json
def optimise(
    strategy: str, windows: int, trials: int, min_trades: int, html: Path | None, as_json: bool, **given: Any
) -> None:
    """Optimise STRATEGY by walking forward: entries first, then exits, each window on all that came before it.

    The out-of-sample path is that of the walk; the in-sample path is that of the parameters that would have been best
    on the same days. Only the first is a result; the second says how much of it was hindsight.

    STRATEGY is a rule, with modifiers where they are wanted. A parameter with one value is fixed, with several it is
    searched between them, and one that is left out between the usual ones, where there are any; sizes and sessions
    have none.

    \b
        tradesieve trades optimise donchian_channel --symbols BTC-USD --timeframe 1h --html walk.html
        tradesieve trades optimise 'donchian_channel(window=20)+trailing(ranges=2|6)+fixed_fraction(fraction=0.5)'
    """
    settings, console = read_settings(), Console(as_json=as_json)
    if html is not None and html.suffix != ".html":
        raise BadInput(f"{html}: write the page to a file ending in .html")
    space = search_space(strategy)
    given |= {"strategies": space.make({}).id, "num_strategies": 1}
    experiment = assemble_experiment(settings, **given)
    walks = {}
    with console.progress() as progress:
        for chunk in load_chunks(experiment, settings):
            walks[chunk.name] = walk_forward(
                space, chunk.bars, chunk.instrument,
                n_windows=windows, n_trials=trials, minimum_trades=min_trades, seed=experiment.plan.seed,
                finer=chunk.aligned_finer,
                on_progress=partial(progress, "optimise"),
            )  # fmt: skip
    if html is not None:
        write_walks(walks, html, title=f"{strategy} walked forward")
    found = [
        {"symbol": name.split()[0], "timeframe": name.split()[1], **walk.as_dict()} for name, walk in walks.items()
    ]
    searched = {stage: [str(parameter) for parameter in space.of_stage(stage)] for stage in STAGES}
    console.json({"rule": strategy, "searched": searched, "html": html and str(html), "walks": found})
    console.say(_told(space, searched))
    for walked in found:
        name = f"{strategy} on {walked['symbol']} {walked['timeframe']}"
        console.table(f"{name}: chosen before each border, traded after it", walked["windows"], _WINDOWS)
        paths = [{"path": path.replace("_", " "), **measures} for path, measures in walked["paths"].items()]
        console.table(f"{name}: the days after the first border", paths, _PATHS)
        console.say(f"best in hindsight: {walked['hindsight']}")
    if html is not None:
        console.say(f"the paths are drawn in {html}: open it in a browser")


def _told(space: SearchSpace, searched: dict[str, list[str]]) -> str:
    stages = "; ".join(f"{stage}: {', '.join(names) or 'nothing'}" for stage, names in searched.items())
    fixed = f"; as written: {', '.join(space.fixed)}" if space.fixed else ""
    return f"searched, {stages}{fixed}"
