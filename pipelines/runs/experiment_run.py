"""Run an experiment: the protocol of `models.protocol` on the steps' dataset, kept, certified and tracked."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.features.decisions import Decisions
from tradesieve.features.feature_names import parse_features
from tradesieve.features.invariants.features import check_features
from tradesieve.features.requirements import requirements_of
from tradesieve.market.bars import format_time
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.artifact.artifact import load_artifact, write_artifact
from tradesieve.models.artifact.golden_vectors import GoldenVector
from tradesieve.models.dataset import Dataset
from tradesieve.models.protocol.holdout import HoldoutResult, open_holdout, record_trials
from tradesieve.models.protocol.leaderboard import leaderboard, summarise
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints
from tradesieve.models.protocol.search import SearchResult, search
from tradesieve.models.splits import split_holdout
from tradesieve.models.tracking.runs import EXPERIMENT_TAG, track_experiment
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.fingerprints import code_fingerprint, identity
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.reports.experiment_report import experiment_html
from tradesieve.pipelines.runs.factor_checks import require_lawful
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk, instance_names, load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset, generate_trades
from tradesieve.strategies.backtest.trade_decisions import decisions_of
from tradesieve.strategies.invariants import check_strategy
from tradesieve.strategies.trades import instance_of

_GOLDEN = 6  # decisions whose answers travel with the model
_NEVER = np.iinfo(np.int64).max
_CODE = ("market", "features", "strategies", "models")


def run_experiment(
    experiment: Experiment, settings: Settings, *, seal: bool = False, progress: Progress = silent
) -> dict[str, Any]:
    """Run an experiment, or read its result when the same experiment ran on the same bars with the same code.

    Parameters
    ----------
    seal : stop before the hold-out, which stays sealed; no gate is judged then and nothing becomes champion.

    Returns
    -------
    The result, JSON-safe: see `models.protocol.leaderboard.summarise`, with ``experiment`` (hash), ``run_id``,
    ``data``, ``certificates``, ``artifact`` (folder or None), ``seconds`` and ``reused``.

    Raises
    ------
    BadInput : if bars are missing or make no trades, or the state folder cannot be written.
    Refused : if a factor of the user's breaks a law; says which, and when it first shows.
    """
    started = time.perf_counter()
    chunks = load_chunks(experiment, settings)
    folder = _folder(experiment, chunks, settings)
    result_path = folder / ("sealed.json" if seal else "result.json")
    kept = _read_result(result_path)
    if kept is not None:
        return kept | {"reused": True}
    require_lawful(experiment, chunks, progress=progress)
    dataset = build_dataset(experiment, chunks, settings, progress=progress)
    development, holdout = split_holdout(dataset, fraction=experiment.plan.holdout_fraction)
    plan = experiment.plan
    developed = search(
        development,
        plan,
        checkpoints=ScoreCheckpoints(folder / "scores" / development.fingerprint),
        n_jobs=os.cpu_count() or 1,
        on_progress=lambda done, total, detail: progress("search", done, total, detail),
    )
    symbols = list(experiment.symbols)
    ledger = settings.ledger
    certificates = certify(experiment, chunks, development, settings, progress=progress)
    if seal:
        record_trials(developed, ledger=ledger, experiment=experiment.hash, symbols=symbols)
        judged = None
    else:
        progress("judge", 0, 1, "opening the hold-out")
        judged = open_holdout(
            holdout, developed, plan,
            ledger=ledger, experiment=experiment.hash, symbols=symbols, certificates=certificates,
        )  # fmt: skip
    summary = summarise(developed, judged, seed=plan.seed)
    artifact = _write_artifact(folder, experiment, chunks, settings, developed, judged, summary)
    result = {
        "experiment": experiment.hash,
        "data": _describe(chunks, development, holdout),
        **summary,
        "certificates": certificates,
        "artifact": None if artifact is None else str(artifact),
        "reused": False,
        "seconds": round(time.perf_counter() - started, 1),
    }
    progress("track", 0, 1, "writing to MLflow")
    result["run_id"] = _track(result, experiment, settings, developed, judged, artifact)
    with atomic_write(result_path) as temporary:
        temporary.write_text(json.dumps(result, indent=1, allow_nan=False))
    progress("track", 1, 1, "done")
    return result


def _read_result(path: Path) -> dict[str, Any] | None:
    """Read a kept result; None when there is none, or when it is damaged and has to be made again."""
    try:
        result = json.loads(path.read_text())
        return result if isinstance(result, dict) else None
    except (OSError, ValueError):
        return None


def certify(
    experiment: Experiment,
    chunks: Sequence[Chunk],
    development: Dataset,
    settings: Settings,
    *,
    progress: Progress = silent,
) -> dict[str, bool | str]:
    """Check on the development part that rules and factors are causal, and that live values are the batch values.

    Returns
    -------
    ``causality`` and ``parity``: True, or the first violation in words.
    """
    border = development.period[1]
    found: dict[str, list[str]] = {"causality": [], "parity": []}
    for done, chunk in enumerate(chunks):
        progress("certify", done, len(chunks), chunk.name)
        own = _closed_decisions(chunk, settings, border)[1]
        own = own[np.unique(own.time, return_index=True)[1]]
        if len(own):
            violations = check_features(
                chunk.bars.between(None, border),
                own,
                experiment.feature_names(),
                others={symbol: bars.between(None, border) for symbol, bars in chunk.others.items()},
                seed=experiment.plan.seed,
            )
            for violation in violations:
                found[violation.certificate].append(str(violation))
        for strategy in chunk.strategies:
            found["causality"] += check_strategy(strategy, chunk.bars.between(None, border), seed=experiment.plan.seed)
    progress("certify", 1, 1, "laws of rules and factors")
    return {name: sentences[0] if sentences else True for name, sentences in found.items()}


def _closed_decisions(chunk: Chunk, settings: Settings, border: int) -> tuple[pd.DataFrame, Decisions]:
    """Give the trades of a chunk that closed up to a time, and their decisions."""
    trades = generate_trades(chunk, settings)
    closed = np.flatnonzero((trades["exit_reason"] != "end_of_data") & (trades["exit_time"] <= border))
    return trades.iloc[closed], decisions_of(trades, instance_names([chunk]))[closed]


def _folder(experiment: Experiment, chunks: Sequence[Chunk], settings: Settings) -> Path:
    own = [module.fingerprint for module in experiment.user_modules()]
    bars = [(chunk.bars_fingerprint, chunk.fingerprints) for chunk in chunks]
    state = identity(bars, code_fingerprint(*_CODE), *own)
    return settings.home / "experiments" / experiment.hash / state


def _describe(chunks: Sequence[Chunk], development: Dataset, holdout: Dataset) -> dict[str, Any]:
    return {
        "symbols": sorted({chunk.symbol for chunk in chunks}),
        "timeframes": sorted({str(chunk.timeframe) for chunk in chunks}),
        "strategies": [strategy.id for strategy in chunks[0].strategies],
        "n_instances": len(development.instance_names),
        "n_bars": sum(len(chunk.bars) for chunk in chunks),
        "development": [format_time(time) for time in development.period],
        "holdout": [format_time(time) for time in holdout.period],
    }


def _write_artifact(
    folder: Path,
    experiment: Experiment,
    chunks: Sequence[Chunk],
    settings: Settings,
    developed: SearchResult,
    judged: HoldoutResult | None,
    summary: Mapping[str, Any],
) -> Path | None:
    if developed.model is None or developed.application is None:
        return None
    path = folder / ("sealed-artifact" if judged is None else "artifact")
    if path.exists():  # written before a crash: the same inputs, so the same artifact
        return load_artifact(path).folder
    winner = summary["winner"]
    write_artifact(
        path,
        model=developed.model,
        features=experiment.feature_names(),
        application=developed.application,
        manifest={
            "experiment": experiment.hash,
            "run_id": None,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "code": code_fingerprint(*_CODE),
            "dataset": developed.dataset.fingerprint,
            "bars": {name: value for chunk in chunks for name, value in chunk.fingerprints.items()}
            | {f"{chunk.symbol}|{chunk.timeframe}": chunk.bars.fingerprint for chunk in chunks},
            "instances": list(developed.dataset.instance_names),
            "data_span": list(developed.dataset.period),
            "n_trials": summary["n_trials"],
            "gate": summary["gate"] or {"open": False, "conditions": []},
            "override": None,
            "model": {"candidate": winner["candidate"]},
            "instruments": {chunk.symbol: chunk.instrument.as_dict() for chunk in chunks},
            "settle_with": experiment.settle_with,
        },
        golden=_golden(chunks, settings, developed.dataset.period[1], experiment),
    )
    return path


def _golden(chunks: Sequence[Chunk], settings: Settings, border: int, experiment: Experiment) -> list[GoldenVector]:
    """Draw late decisions whose whole windows are stored; symbols may begin late, too."""
    every = [_closed_decisions(chunk, settings, border) for chunk in chunks]
    whole = [
        np.flatnonzero(decisions.time >= _first_whole(chunk, experiment.feature_names()))
        for chunk, (_, decisions) in zip(chunks, every, strict=True)
    ]
    place = np.concatenate([np.full(len(rows), number) for number, rows in enumerate(whole)])
    row = np.concatenate(whole)
    order = np.argsort(
        np.concatenate([decisions.time[rows] for (_, decisions), rows in zip(every, whole, strict=True)]), kind="stable"
    )
    late = order[len(order) // 2 :]
    random = np.random.default_rng(experiment.plan.seed)
    golden = []
    for drawn in np.sort(random.choice(len(late), size=min(_GOLDEN, len(late)), replace=False)):
        number, own = place[late[drawn]], row[late[drawn]]
        chunk, (trades, decisions) = chunks[number], every[number]
        name = str(instance_of(trades, own))
        golden.append(GoldenVector(chunk.bars, decisions[own : own + 1], name, chunk.others))
    return golden


def _first_whole(chunk: Chunk, features: Sequence[str]) -> int:
    """Find the time from which on every window that a decision needs is whole."""
    required = requirements_of(parse_features(features), chunk.timeframe, symbol=chunk.symbol)
    bars = {chunk.symbol: chunk.bars, **chunk.others}
    windows = [(bars[symbol], max(1, n)) for symbol, n in required.by_symbol(chunk.symbol).items()]
    return max(int(known.close_time[n - 1]) if n <= len(known) else _NEVER for known, n in windows)


def _track(
    result: dict[str, Any],
    experiment: Experiment,
    settings: Settings,
    developed: SearchResult,
    judged: HoldoutResult | None,
    artifact: Path | None,
) -> str:
    parts = {
        f"{group}_{part}": values
        for group in ("baseline", "filtered", "random")
        for part, values in result[group].items()
        if values is not None
    }
    metrics = {f"{name}_{key}": value for name, values in parts.items() for key, value in values.items()}
    metrics |= {"coverage": result["coverage"], "n_trials": result["n_trials"]}
    gate_open = judged is not None and judged.gate.open
    content = result | {
        "name": f"{'+'.join(experiment.symbols)} {'+'.join(experiment.timeframes)} {experiment.hash}",
        "params": experiment.as_dict() | {"winner": (result["winner"] or {}).get("name")},
        "metrics": metrics | {"gate_open": float(gate_open)},
    }
    rows = leaderboard(developed)
    return track_experiment(
        settings.tracking,
        content,
        children=[_child(row) for row in rows],
        artifact_folder=artifact,
        tables={
            "leaderboard": [{key: _text(value) for key, value in row.items()} for row in rows],
            "gate": [] if judged is None else judged.gate.as_dict()["conditions"],
        },
        files={"experiment.yaml": experiment.to_yaml(), "equity.html": experiment_html(developed, judged)},
        register=gate_open,
        tags={
            EXPERIMENT_TAG: experiment.hash,
            "tradesieve.gate": "sealed" if judged is None else "open" if gate_open else "closed",
        },
    )


def _child(row: Mapping[str, Any]) -> dict[str, Any]:
    metrics = ("fitness", "sortino", "random_sortino", "n_trades", "coverage", "win_rate", "expectancy", "max_drawdown")
    return {
        "name": f"{row['candidate']} {row['application']}",
        "params": {
            "engine": row["engine"],
            "estimator": row["estimator"],
            "selection": row["selection"],
            "application": row["application"],
            **row["parameters"]["estimator"],
        },
        "metrics": {name: row[name] for name in metrics if row[name] is not None},
        "tags": {"tradesieve.error": row["error"]} if row["error"] else {},
    }


def _text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
