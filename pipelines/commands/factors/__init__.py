"""tradesieve factors: list, compute, check and describe factors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pandas as pd

from tradesieve.features.factor import FACTORS, Factor
from tradesieve.features.feature_names import example_of, parse_feature, parse_features
from tradesieve.features.feature_sets import MOST_SYMBOLS, SETS, SETS_OF_SYMBOLS, expand
from tradesieve.features.invariants.features import INVARIANTS
from tradesieve.features.requirements import other_symbols
from tradesieve.features.user_modules import default_features, load_user_modules
from tradesieve.features.volume_features import reads_volume
from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput, Refused
from tradesieve.market.storage.files import atomic_write
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.pipelines.commands.factors.describe import describe
from tradesieve.pipelines.commands.shared.options import (
    add_options,
    as_json,
    bars_options,
    features_option,
    modules_option,
    seed_option,
    trades_options,
    with_holdout,
)
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment, split_commas
from tradesieve.pipelines.help_pages import OPTIONS, HelpGroup
from tradesieve.pipelines.runs.factor_checks import check_on
from tradesieve.pipelines.settings import Settings, read_settings
from tradesieve.pipelines.steps.chunk_features import (
    ChunkFeatures,
    describe_left_out,
    describe_other_symbols,
    features_of,
)
from tradesieve.pipelines.steps.chunk_trades import TradedChunk, generate_trades
from tradesieve.pipelines.steps.chunks import load_chunks, load_others
from tradesieve.pipelines.steps.dataset import compute_features
from tradesieve.pipelines.steps.sealing import shown_chunks


@click.group(cls=HelpGroup)
def factors() -> None:
    """List, compute, check and describe factors."""


@factors.command("list")
@click.argument("search", required=False)
@click.option("--module", "--modules", "modules", metavar="FILE,...", help="Python files with factors of your own.")
@click.option("--timeframe", default="5m", show_default=True, help="Bars that lookbacks are counted in.")
@as_json
def list_(search: str | None, modules: str | None, timeframe: str, as_json: bool) -> None:
    """List the factors and the feature sets, or the factors with SEARCH in their name, formula or source."""
    console = Console(as_json=as_json)
    load_user_modules(split_commas(modules))
    bars = parse_timeframe(timeframe)
    rows = [_listed(factor, bars) for factor in FACTORS.values()]
    if search:
        rows = [row for row in rows if search.lower() in " ".join(map(str, row.values())).lower()]
    sets = {name: list(names) for name, names in (SETS | SETS_OF_SYMBOLS).items()}
    console.json({"factors": rows, "sets": sets})
    shown = ("feature", "family", "lookback", "formula", "source")
    console.table(
        f"{len(rows)} of {len(FACTORS)} factors, each with an example feature and its lookback in bars of {bars}",
        [{key: row[key] for key in shown} for row in rows],
    )
    console.say("at a higher timeframe, or of another symbol: close_1h__..., bars_1d_so_far__..., close_of_SPY__...")
    console.say("from the side of the trade: close_aligned__..., bars_1h_aligned__..., close_aligned_of_SPY__...")
    console.say("also any tsfresh calculator: close__tsfresh_autocorrelation__lag_1__window_50")
    console.say("of another symbol at the same close, such as each of the experiment: close_beside_each__...")
    for name, names in SETS.items():
        console.say(f"set {name}: {len(names)} features")
    for name in SETS_OF_SYMBOLS:
        n = len(expand([name], symbols=["A", "B"])) // 2
        console.say(f"set {name}: {n} features for each symbol of an experiment with several, up to {MOST_SYMBOLS}")


def _listed(factor: Factor, timeframe: Timeframe) -> dict[str, Any]:
    example = example_of(factor)
    return {
        "factor": factor.name, "feature": example.name if example else factor.name, "family": factor.family,
        "looks_at": factor.kind, "parameters": ", ".join(factor.parameters),
        "lookback": example.lookback(timeframe) if example else None,
        "reads_volume": example is not None and reads_volume(example, timeframe),
        "formula": factor.formula, "equals": factor.equals, "source": factor.source,
    }  # fmt: skip


@factors.command("compute")
@trades_options
@features_option()
@click.option("--output", type=click.Path(path_type=Path), required=True, help="A .parquet or .csv file.")
@with_holdout
@as_json
def compute_(output: Path, with_holdout: bool, as_json: bool, **given: Any) -> None:
    """Compute the features of every trade, and write them next to the columns of the trade."""
    settings, console = read_settings(), Console(as_json=as_json)
    if output.suffix not in (".parquet", ".csv"):
        raise BadInput(f"{output}: the output file has to end in .parquet or .csv")
    experiment = assemble_experiment(settings, **given)
    chunks = load_chunks(experiment, settings)
    features = features_of(experiment, chunks)
    names = list(features.names)
    seen = shown_chunks(experiment, chunks, settings, with_holdout=with_holdout, reason="factors compute")
    tables = []
    with console.progress() as progress:
        for chunk in seen.chunks:
            traded = TradedChunk(chunk, generate_trades(chunk, settings, progress=progress))
            matrix = compute_features(traded, names, settings, progress=progress)
            tables.append(pd.concat([traded.trades, pd.DataFrame(matrix, columns=names)], axis=1))
    table = pd.concat(tables, ignore_index=True)
    with atomic_write(output) as temporary:
        table.to_csv(temporary, index=False) if output.suffix == ".csv" else table.to_parquet(temporary, index=False)
    left_out = dict(features.left_out)
    result = {"output": str(output), "n_trades": len(table), "features": names, "features_left_out": left_out}
    console.json(result | seen.as_dict())
    console.say(f"{len(names)} features of {len(table):,} trades, written to {output}")
    for line in (*seen.describe(), *describe_left_out(left_out), *describe_other_symbols(experiment, names)):
        console.say(line)


@factors.command()
@add_options([bars_options, modules_option, features_option(), seed_option(OPTIONS, "Seed of the times")])
@click.option(
    "--times", type=click.IntRange(min=4), default=24, show_default=True, help="Number of decisions to check at."
)
@as_json
def check(times: int, as_json: bool, **given: Any) -> None:
    """Check that features neither look ahead nor depend on more than their lookback, and name those that do.

    With --module and without --features, checks the factors of the module. At many times the future is removed and
    replaced, the past before the lookback is replaced and removed, and everything is computed again, alone and in
    another order: no value may change. Without stored bars, checks on a synthetic market.
    """
    settings, console = read_settings(), Console(as_json=as_json)
    histories, features, seed = _to_check(settings, given)
    names = features.names
    rows: list[dict[str, Any]] = []
    sentences: list[str] = []
    with console.progress() as progress:
        for done, bars in enumerate(histories):
            chunk = f"{bars.symbol} {bars.timeframe}"
            progress("check", done, len(histories), chunk)
            others = load_others(other_symbols(parse_features(names), bars.symbol), bars, settings)
            found = check_on(bars, names, others=others, times=times, seed=seed)
            sentences += [f"{chunk}: {violation}" for violation in found]
            broken = {(violation.feature, violation.invariant): format_time(violation.time) for violation in found}
            rows += [
                {"feature": name, "bars": chunk, "lookback": parse_feature(name).lookback(bars.timeframe),
                 **{invariant: broken.get((name, invariant), "holds") for invariant in INVARIANTS}}
                for name in names
            ]  # fmt: skip
    culprits = list(
        dict.fromkeys(row["feature"] for row in rows if any(row[invariant] != "holds" for invariant in INVARIANTS))
    )
    left_out = dict(features.left_out)
    console.json(
        {
            "passed": not culprits, "culprits": culprits, "violations": sentences, "features": rows,
            "features_left_out": left_out,
        }
    )  # fmt: skip
    console.table("invariants of the features: holds, or the first time at which it is broken", rows)
    for sentence in (*sentences, *describe_left_out(left_out)):
        console.say(sentence)
    if culprits:
        raise Refused(f"{len(culprits)} of {len(names)} features break an invariant: {', '.join(culprits)}")


def _to_check(settings: Settings, given: dict[str, Any]) -> tuple[list[Bars], ChunkFeatures, int]:
    """Return the bars to check on, the features to check, and the seed."""
    if given["config"] is None and given["symbols"] is None and not settings.bars.list():
        given["symbols"] = "SYNTHETIC"
        market = [SyntheticMarket(n_days=60).generate("SYNTHETIC")[0]]
    else:
        market = []
    whole_module = given["features"] is None and given["modules"] is not None
    if whole_module:
        modules = load_user_modules(split_commas(given["modules"]))
        given["features"] = ",".join(feature.name for module in modules for feature in default_features(module))
    experiment = assemble_experiment(settings, **given)
    chunks = [] if market else load_chunks(experiment, settings)
    bars = market or [chunk.bars for chunk in chunks]
    return bars, features_of(experiment, chunks, refuse=not whole_module), experiment.plan.seed


factors.add_command(describe)
