"""tradesieve trades weights: what share of the capital each strategy instance gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.commands.shared.completion import complete_methods
from tradesieve.pipelines.commands.shared.costs import costs_of, show_terms
from tradesieve.pipelines.commands.shared.long_tables import show_long_table
from tradesieve.pipelines.commands.shared.options import as_json, trade_set_option, trades_options, with_holdout
from tradesieve.pipelines.commands.shared.profitable_spans import SPAN_COLUMNS, with_spans
from tradesieve.pipelines.commands.shared.strategy_limit import count_chosen, describe_limit, max_option
from tradesieve.pipelines.commands.shared.table_output import replace_option
from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.reports.weights_report import PATHS, write_weights
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import backtest_of, load_chunks
from tradesieve.pipelines.steps.instance_weights import FoundWeights, find_weights, write_configuration
from tradesieve.pipelines.steps.sealing import shown_chunks
from tradesieve.pipelines.steps.trade_export import refuse_existing
from tradesieve.strategies.allocation.methods import MINIMUM_TRADES, check_method
from tradesieve.strategies.allocation.reestimation import SCHEDULES, Estimation
from tradesieve.strategies.trades import pool_trades

_WRITTEN = "Write weights (.json), a page (.html)."
_SHOWN = {
    "path": "weights", "sortino": "Sortino", "total_return": "return", "max_drawdown": "drawdown", **SPAN_COLUMNS,
    "turnover": "turnover", "reallocated": "reallocated", "n_estimates": "estimates",
}  # fmt: skip


@click.command(cls=HelpPage)
@trades_options
@trade_set_option
@max_option
@click.option("--method", default="inverse_volatility", metavar="NAME", shell_complete=complete_methods,
              help="[default: inverse_volatility]")  # fmt: skip
@click.option("--reestimate", type=click.Choice(SCHEDULES), default="weekly", metavar="WHEN",
              help=f"{', '.join(SCHEDULES)}.  [default: weekly]")  # fmt: skip
@click.option("--window", type=int, metavar="DAYS", help="Last trading days looked at.  [default: all]")
@click.option("--min-trades", type=click.IntRange(min=1), default=MINIMUM_TRADES, metavar="N",
              help=f"Of an instance, in them.  [default: {MINIMUM_TRADES}]")  # fmt: skip
@click.option("--warm-up", type=int, metavar="DAYS", help="First days, not traded.  [default: a quarter]")
@click.option("--output", type=click.Path(path_type=Path), help=_WRITTEN)
@click.option("--html", type=click.Path(path_type=Path), help=_WRITTEN)
@replace_option
@with_holdout
@as_json
def weights(
    method: str,
    reestimate: str,
    window: int | None,
    min_trades: int,
    warm_up: int | None,
    output: Path | None,
    html: Path | None,
    replace: bool,
    with_holdout: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Weigh strategies by their closed trades, re-estimated or not.

    NAME is zero_one (those that earned, alike), equal, inverse_volatility, or of the extra skfolio mean_risk,
    hierarchical_risk_parity or risk_budgeting.

    \b
        tradesieve trades weights --trades my_trades --output weights.json
    """
    settings, console = read_settings(), Console(as_json=as_json)
    for path, what, suffix in ((output, "the configuration", ".json"), (html, "the page", ".html")):
        if path is not None and path.suffix != suffix:
            raise BadInput(f"{path}: write {what} to a file ending in {suffix}")
    if output is not None and not replace:
        refuse_existing(output)
    check_method(method)
    estimation = Estimation(method, window, min_trades)
    experiment = assemble_experiment(settings, **given)
    strategies = count_chosen(experiment)
    shown = shown_chunks(
        experiment, load_chunks(experiment, settings), settings,
        with_holdout=with_holdout, reason=f"trades weights by {method}",
    )  # fmt: skip
    with console.progress() as progress:
        trades = pool_trades([generate_trades(chunk, settings, progress=progress) for chunk in shown.chunks])
        found = find_weights(trades, backtest_of(shown.chunks), estimation, warm_up=warm_up, progress=progress)
    if output is not None:
        write_configuration(found, output, reestimate=reestimate, trades=experiment.trades)
    if html is not None:
        write_weights(found, html, reestimate=reestimate, notes=shown.describe())
    written = {name: str(path) for name, path in (("output", output), ("html", html)) if path is not None}
    result = {
        "method": method, "window_days": window, "minimum_trades": min_trades, "reestimate": reestimate,
        "fingerprint": found.fingerprint, "weights": found.rows(), "paths": found.path_rows(),
        "n_failed": found.n_failed, "strategies": strategies, **shown.as_dict(),
    }  # fmt: skip
    console.json(result | {"costs": costs_of(experiment)} | written)
    days = found.paths[0].days.astype("datetime64[D]")
    console.table(
        f"Weights by {method}, on {len(days):,} trading days from {days[0]} on",
        [{**row, "path": PATHS[row["path"]]} for row in with_spans(found.path_rows())],
        _SHOWN,
    )
    show_long_table(
        console, "Weights from now on, shares of the whole capital",
        [{**row, "weight_rate": row["weight"]} for row in found.rows()],
        {"instance": "strategy", "weight_rate": "weight", "n_trades": "closed trades"},
        name="instance", path=settings.tables / f"weights-by-{method}.csv",
    )  # fmt: skip
    show_terms(console, experiment)
    for line in (*shown.describe(), *describe_limit(strategies), *_describe(found)):
        console.say(line)
    if output is not None:
        console.say(f"configuration written to {output}: each weight is the share of the capital of its instance")
    if html is not None:
        console.say(f"page written to {html}: open it in a browser")


def _describe(found: FoundWeights) -> list[str]:
    lines = ["the best of these ways is flattered by being the best of them on these days"]
    if not found.weights.any():
        lines.append("no instance qualifies, so no weight is above zero: nothing is to be traded")
    if found.n_failed:
        lines.append(f"on {pluralise(found.n_failed, 'day')} the solver found no weights, and those before stayed")
    return lines
