"""tradesieve factors describe: what features look like, whether they last, and what they tell."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from tradesieve.market.bars import format_time
from tradesieve.market.calendars.periods import PERIODS
from tradesieve.models.json_values import json_safe
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.commands.shared.options import as_json, features_option, label_option, trades_options
from tradesieve.pipelines.commands.shared.table_output import (
    Arrangement,
    check_files,
    rows_of,
    table_options,
    write_table,
)
from tradesieve.pipelines.commands.shared.trade_notes import describe_joined
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.chunk_features import describe_left_out, features_of
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset
from tradesieve.pipelines.steps.feature_profile import (
    COLUMNS,
    RESULTS,
    SIGNIFICANCE_LEVEL,
    FeatureProfile,
    profile_features,
)

_SHOWN = {
    "feature": "feature", "nan_rate": "unknown", "median": "median", "psi": "PSI", "drift": "drift",
    "cluster": "cluster", "ic": "IC", "ic_t": "t", "ic_p_adjusted": "adjusted p", "ic_ratio": "ICIR",
    "ic_sign_rate": "same sign",
}  # fmt: skip
"""Columns that a table for people shows, with their headings; the others are shown once they are asked for."""
_DIGITS = {"psi": 2, "ic": 3, "ic_t": 1, "ic_p_adjusted": 4, "ic_ratio": 2}
_CLUSTERS = {"cluster": "cluster", "representative": "representative", "others": "say the same", "weakest": "weakest"}


@click.command(cls=HelpPage)
@trades_options
@features_option()
@label_option()
@click.option("--per", type=click.Choice(PERIODS), metavar="PERIOD", help=f"{', '.join(PERIODS)}; or as fits.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.7, show_default=True,
    metavar="X", help="Correlation within a cluster.",
)  # fmt: skip
@click.option(
    "--against", type=click.Choice(tuple(RESULTS)), default="net_return", show_default=True,
    metavar="RESULT",
    help=f"IC with {' or '.join(RESULTS)}.",
)  # fmt: skip
@table_options("features", "drift==shifted")
@as_json
def describe(
    per: str | None,
    threshold: float,
    against: str,
    where: tuple[str, ...],
    sort: str | None,
    descending: bool,
    limit: int | None,
    output: Path | None,
    html: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Describe features of trades: distribution, drift, clusters, what they tell.

    PSI, the population stability index, tells how far a distribution moved; IC, the information coefficient, is the
    rank correlation with the result.
    """
    console = Console(as_json=as_json)
    check_files(output, html)
    arranged = Arrangement(where, sort, descending, limit)
    arranged.of(_without_features())
    settings = read_settings()
    experiment = assemble_experiment(settings, **given)
    chunks = load_chunks(experiment, settings)
    left_out = dict(features_of(experiment, chunks).left_out)
    with console.progress() as progress:
        dataset = build_dataset(experiment, chunks, settings, progress=progress)
        development, holdout = split_holdout(dataset, fraction=experiment.plan.holdout_fraction)
        description = profile_features(development, per=per, threshold=threshold, against=against, progress=progress)
        if html is not None:
            from tradesieve.pipelines.reports.feature_report import write_feature_report

            progress("draw", 0, 1, str(html))
            write_feature_report(description, html)
    found = arranged.of(description.table)
    if output is not None:
        write_table(found, output)
    written = {name: str(path) for name, path in (("output", output), ("html", html)) if path is not None}
    console.json(_told(description, found, holdout.period[0]) | {"features_left_out": left_out} | written)
    _show(console, description, found, arranged, holdout.period[0])
    for line in describe_left_out(left_out):
        console.say(line)
    if output is not None:
        console.say(f"{len(found):,} features with {len(COLUMNS)} columns each, written to {output}")
    if html is not None:
        console.say(f"the report is written to {html}: open it in a browser")


def _without_features() -> pd.DataFrame:
    kinds = {"feature": "str"} | dict.fromkeys(COLUMNS, "float64") | {"drift": "str", "representative": "str"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def _told(description: FeatureProfile, found: pd.DataFrame, sealed: int) -> dict[str, Any]:
    """Say everything in plain values, the periods of the features that were asked for too."""
    names = description.development.feature_names
    place = {name: number for number, name in enumerate(names)}
    rows = rows_of(found)
    for row in rows:
        at = place[row["feature"]]
        row["psi_by_period"] = json_safe(
            dict(zip(description.later, description.stability.index[:, at].tolist(), strict=True))
        )
        row["ic_by_period"] = json_safe(
            dict(zip(description.periods.names, description.information.by_period[:, at].tolist(), strict=True))
        )
    return {
        "n_trades": len(description.development),
        "same_trades_as": dict(description.development.same_trades_as),
        "development": [format_time(time) for time in description.development.period],
        "sealed_from": format_time(sealed),
        "against": description.against,
        "per": description.periods.per,
        "reference": list(description.reference),
        "n_lags": description.information.n_lags,
        "n_judged": description.n_judged,
        "n_telling": description.n_informative,
        "n_expected_by_luck": SIGNIFICANCE_LEVEL * description.n_judged,
        "features": rows,
        "clusters": [asdict(alike) for alike in description.redundant],
    }


def _show(
    console: Console, description: FeatureProfile, found: pd.DataFrame, arranged: Arrangement, sealed: int
) -> None:
    development, information = description.development, description.information
    first, last = (format_time(time)[:10] for time in development.period)
    console.say(
        f"{len(development):,} trades of the development part, {first} to {last}; the hold-out from "
        f"{format_time(sealed)[:10]} on is sealed, and nothing of it is looked at"
    )
    for line in describe_joined(development.same_trades_as):
        console.say(line)
    asked = {name: name for name in COLUMNS if arranged.uses(name) and name not in _SHOWN}
    short = found.round(_DIGITS).assign(median=[float(f"{value:.3g}") for value in found["median"]])
    console.table("features at the decisions", rows_of(short), _SHOWN | asked)
    alike = [{**asdict(each), "others": ", ".join(each.others)} for each in description.redundant]
    if alike:
        console.table(f"clusters: ranks that correlate by {description.threshold:g} or more", alike, _CLUSTERS)
    below = int(np.sum(information.p_value <= SIGNIFICANCE_LEVEL))
    console.say(
        f"{below:,} of {description.n_judged:,} features have a p-value of at most {SIGNIFICANCE_LEVEL:g}, where "
        f"{SIGNIFICANCE_LEVEL * description.n_judged:.1f} are expected by luck; {description.n_informative:,} tell "
        "something after adjustment for their number"
    )
    console.say(
        f"PSI compares each {description.periods.per} with {description.reference[0]} to {description.reference[-1]}: "
        "below 0.1 nothing has moved, from 0.25 on it is another distribution"
    )
