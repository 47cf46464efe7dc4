"""tradesieve trades optimise: walk-forward optimisation of a strategy's parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.commands.shared.completion import complete_strategies
from tradesieve.pipelines.commands.shared.costs import costs_by_symbol, show_costs
from tradesieve.pipelines.commands.shared.options import (
    add_options,
    as_json,
    bars_options,
    costs_options,
    modules_option,
    seed_option,
    settle_option,
    with_holdout,
)
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment, load_named_modules
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.reports.walk_forward_report import write_walks
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.rule_checks import require_rule_invariants
from tradesieve.pipelines.steps.sealing import shown_chunks
from tradesieve.strategies.search.search_space import STAGES, SearchSpace, search_space
from tradesieve.strategies.search.walk_forward import walk_forward

_WINDOWS = {
    "border": "searched until", "traded_until": "traded until", "strategy": "strategy",
    "in_sample": "Sortino before", "out_of_sample": "Sortino after", "n_trades": "trades after",
}  # fmt: skip
_PATHS = {"path": "path", "sortino": "Sortino", "total_return": "return", "n_days": "days"}


optimised_options = add_options(
    [bars_options, settle_option, seed_option("Strategies", "Seed of the search"), modules_option, costs_options]
)


@click.command(cls=HelpPage)
@click.argument("strategy", shell_complete=complete_strategies)
@optimised_options
@click.option("--windows", default=6, show_default=True, metavar="N", help="Windows; the first is not traded.")
@click.option("--trials", default=40, show_default=True, metavar="N", help="Sets tried of entries, and of exits.")
@click.option("--min-trades", default=30, show_default=True, metavar="N", help="Fewer trades are never chosen.")
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    help="Also write a page that works offline, with both paths.",
)
@with_holdout
@as_json
def optimise(
    strategy: str,
    windows: int,
    trials: int,
    min_trades: int,
    html: Path | None,
    with_holdout: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Optimise STRATEGY walk-forward, each window on the bars before it.

    The out-of-sample path is the result. The in-sample path is that of the best parameters in hindsight on the same
    days; the difference is overfitting. Of the parameters, one value is fixed, several are searched between, and an
    omitted one is searched over its default range.

    \b
        tradesieve trades optimise 'donchian_channel+trailing(ranges=2|6)'
    """
    settings, console = read_settings(), Console(as_json=as_json)
    if html is not None and html.suffix != ".html":
        raise BadInput(f"{html}: the page is written to a file ending in .html")
    load_named_modules(given)
    space = search_space(strategy)
    given |= {"strategies": space.make({}).id, "num_strategies": 1}
    experiment = assemble_experiment(settings, **given)
    space = search_space(strategy, session=experiment.session(experiment.symbols[0]))
    seen = shown_chunks(
        experiment, load_chunks(experiment, settings), settings,
        with_holdout=with_holdout, reason=f"trades optimise {strategy}",
    )  # fmt: skip
    walks = {}
    with console.progress() as progress:
        as_written = space.make({})
        require_rule_invariants(((chunk.bars, [as_written]) for chunk in seen.chunks), progress=progress)
        for chunk in seen.chunks:
            walks[chunk.name] = walk_forward(
                search_space(strategy, session=experiment.session(chunk.symbol)), chunk.bars, chunk.instrument,
                n_windows=windows, n_trials=trials, minimum_trades=min_trades, seed=experiment.plan.seed,
                finer=chunk.aligned_finer,
                on_progress=partial(progress, "optimise"),
            )  # fmt: skip
    if html is not None:
        write_walks(walks, html, title=f"{strategy} walked forward", notes=seen.describe())
    found = [
        {"symbol": name.split()[0], "timeframe": name.split()[1], **walk.as_dict()} for name, walk in walks.items()
    ]
    searched = {stage: [str(parameter) for parameter in space.of_stage(stage)] for stage in STAGES}
    costs = costs_by_symbol(experiment.all_instruments())
    written = html and str(html)
    result = {"rule": strategy, "searched": searched, "html": written, "costs": costs, "walks": found}
    console.json(result | seen.as_dict())
    console.say(_searched_line(space, searched))
    for walked in found:
        name = f"{strategy} on {walked['symbol']} {walked['timeframe']}"
        console.table(f"{name}: chosen before each border, traded after it", walked["windows"], _WINDOWS)
        paths = [{"path": path.replace("_", " "), **measures} for path, measures in walked["paths"].items()]
        console.table(f"{name}: all days after the first border", paths, _PATHS)
        console.say(f"best parameters in hindsight: {walked['hindsight']}")
        for line in _describe_edges(walked["windows"]):
            console.say(line)
    show_costs(console, experiment.all_instruments())
    for line in seen.describe():
        console.say(line)
    if html is not None:
        console.say(f"paths plotted in {html}: open it in a browser")


def _describe_edges(windows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line on parameters that were chosen at an end of the searched range, or none."""
    counts = Counter(name for window in windows for name in window["at_edge"])
    if not counts:
        return []
    chosen = ", ".join(f"{name} in {count}" for name, count in counts.items())
    return [f"chosen at an end of the searched range, so a better value may lie beyond: {chosen} of {len(windows)}"]


def _searched_line(space: SearchSpace, searched: dict[str, list[str]]) -> str:
    stages = "; ".join(f"{stage}: {', '.join(names) or 'nothing'}" for stage, names in searched.items())
    fixed = f"; as written: {', '.join(space.fixed)}" if space.fixed else ""
    return f"searched, {stages}{fixed}"
