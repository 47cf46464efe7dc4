"""tradesieve factors: list, compute and check factors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from features.decisions import Decisions
from features.factor import FACTORS
from features.families import FAMILIES
from features.laws import check_features
from features.names import parse_feature
from features.sets import SETS
from market.errors import BadInput, Refused
from market.store import replacing
from pipelines.chunks import load_chunks
from pipelines.commands.options import as_json, chosen_experiment, experiment_options
from pipelines.console import Console
from pipelines.settings import read_settings
from pipelines.steps import compute_features, generate_trades


@click.group()
def factors() -> None:
    """List, compute and check factors."""


@factors.command("list")
@click.argument("search", required=False)
@as_json
def list_(search: str | None, as_json: bool) -> None:
    """List the factors and the sets, or those that contain SEARCH."""
    console = Console(as_json=as_json)
    rows = [
        {"factor": factor.name, "family": factor.family, "looks_at": factor.kind,
         "parameters": ", ".join(factor.parameters), "formula": factor.formula}
        for factor in FACTORS.values()
        if not search or search in f"{factor.name} {factor.family} {factor.formula}".lower()
    ]  # fmt: skip
    sets = {name: list(names) for name, names in SETS.items()}
    console.json({"factors": rows, "sets": sets})
    console.table(f"factors of {len(FAMILIES)} families", rows)
    console.say("any tsfresh calculator too: close__tsfresh_autocorrelation__lag_1__window_50")
    for name, names in sets.items():
        console.say(f"set {name}: {len(names)} features")


@factors.command("compute")
@experiment_options
@click.option("--output", type=click.Path(path_type=Path), required=True, help="A .parquet or .csv file.")
@as_json
def compute_(output: Path, as_json: bool, **given: Any) -> None:
    """Compute the features of every trade and write them beside the trades' own columns."""
    settings, console = read_settings(), Console(as_json=as_json)
    if output.suffix not in (".parquet", ".csv"):
        raise BadInput(f"{output}: write features to a file ending in .parquet or .csv")
    experiment = chosen_experiment(settings, **given)
    names = list(experiment.feature_names())
    tables = []
    with console.progress() as progress:
        for chunk in load_chunks(experiment, settings):
            trades = generate_trades(chunk, settings, progress=progress)
            matrix = compute_features(chunk, trades, names, settings, progress=progress)
            tables.append(pd.concat([trades, pd.DataFrame(matrix, columns=names)], axis=1))
    table = pd.concat(tables, ignore_index=True)
    with replacing(output) as temporary:
        table.to_csv(temporary, index=False) if output.suffix == ".csv" else table.to_parquet(temporary, index=False)
    console.json({"output": str(output), "n_trades": len(table), "features": names})
    console.say(f"{len(names)} features of {len(table):,} trades, written to {output}")


@factors.command()
@experiment_options
@as_json
def check(as_json: bool, **given: Any) -> None:
    """Check on stored bars that features are causal and that live values equal batch values; name the culprit."""
    settings, console = read_settings(), Console(as_json=as_json)
    experiment = chosen_experiment(settings, **given)
    names = experiment.feature_names()
    rows = []
    with console.progress() as progress:
        for chunk in load_chunks(experiment, settings):
            progress("check", 0, 1, chunk.name)
            random = np.random.default_rng(experiment.plan.seed)
            at = np.sort(random.choice(chunk.bars.close_time, size=min(200, len(chunk.bars)), replace=False))
            found = check_features(chunk.bars, Decisions(at, np.ones(len(at))), names, seed=experiment.plan.seed)
            broken = {(violation.feature, violation.law): str(violation) for violation in found}
            rows += [
                {"feature": name, "bars": chunk.name, "lookback": parse_feature(name).lookback(chunk.timeframe),
                 "causality": broken.get((name, "causality"), "holds"), "parity": broken.get((name, "parity"), "holds")}
                for name in names
            ]  # fmt: skip
    culprits = [row for row in rows if row["causality"] != "holds" or row["parity"] != "holds"]
    console.json({"passed": not culprits, "features": rows})
    console.table("laws of the features", rows)
    if culprits:
        raise Refused(f"{len(culprits)} of {len(rows)} features break a law, the first is {culprits[0]['feature']}")
