"""The MLflow run of an experiment: parameters, metrics, its best trials as child runs, figures, tables, the model."""

from __future__ import annotations

import itertools
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.models.dataset import Dataset
from tradesieve.models.protocol.holdout import HoldoutResult
from tradesieve.models.protocol.leaderboard import leaderboard
from tradesieve.models.protocol.search import SearchResult
from tradesieve.models.protocol.trials import Trial
from tradesieve.models.tracking.run_records import TrackedDataset
from tradesieve.models.tracking.runs import EXPERIMENT_TAG, GATE_TAG
from tradesieve.models.tracking.tracking_process import TrackedRun
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.fingerprints import code_fingerprint
from tradesieve.pipelines.runs.run_artifact import RUN_CODE, model_features
from tradesieve.pipelines.runs.run_metrics import FoldMetrics, run_metrics, trial_metrics
from tradesieve.pipelines.runs.run_note import run_note
from tradesieve.pipelines.settings import Settings

REPORT_FILE = "report.html"
_N_EXAMPLES = 3
_LONGEST_PARAM = 6000


def track_run(
    result: Mapping[str, Any],
    experiment: Experiment,
    settings: Settings,
    searched: SearchResult,
    judged: HoldoutResult | None,
    artifact: Path | None,
    *,
    evidence: Mapping[str, Any],
    report: str,
    started: float,
    source: str | None = None,
    track: Callable[..., TrackedRun],
) -> TrackedRun:
    """Record a result in MLflow; the model of an open gate becomes champion.

    Parameters
    ----------
    evidence : see `pipelines.steps.search_evidence.gather_evidence`.
    report : the page of the run, see `pipelines.reports.run_report`.
    started : when the run began, seconds since 1970.
    source : what started it; the command line of this process if None.
    track : see `models.tracking.tracking_process`.
    """
    gate_open = judged is not None and judged.gate.open
    plan, parts = experiment.plan, experiment.plan.split(searched.dataset)
    trials, folds = leaderboard(searched), FoldMetrics(searched, parts)
    shared = _params(result, experiment)
    source_tags = {"mlflow.source.name": source or _command(), "mlflow.source.type": "LOCAL"}
    children = [
        _child_run(row, shared, trial, folds, started) | {"tags": source_tags | _error_tag(row)}
        for row, trial in zip(trials, searched.trials[: settings.child_runs], strict=False)
    ]
    steps = {} if searched.winner is None else folds.of_trial(searched.winner)
    winner = {} if searched.winner is None else _trial_params(trials[0])
    return track(
        {
            **result,
            "name": f"{'+'.join(experiment.symbols)} {'+'.join(experiment.timeframes)} {experiment.hash}",
            "params": shared | winner,
            "metrics": run_metrics(result, searched, judged, seed=plan.seed),
            "steps": steps | folds.unfiltered(),
            "start_time": started,
        },
        children=children,
        artifact_folder=artifact,
        tables=_tables(result, trials, searched, judged) | _features_table(evidence["importance"]),
        files={"experiment.yaml": experiment.to_yaml(), REPORT_FILE: report},
        register=gate_open and artifact is not None,
        tags={
            EXPERIMENT_TAG: experiment.hash,
            GATE_TAG: "sealed" if judged is None else "open" if gate_open else "closed",
            "mlflow.note.content": run_note(result, experiment),
            **source_tags,
            **_system_tags(),
        },
        datasets=_datasets(result, settings, searched.dataset, judged),
        example=None if artifact is None else _example(searched),
    )


def _params(result: Mapping[str, Any], experiment: Experiment) -> dict[str, Any]:
    """Flatten the experiment: lists become text, the keys of the plan stand beside the others."""
    values = experiment.as_dict()
    values |= values.pop("plan")
    # What was run, rather than the words that chose it.
    strategies = result["data"]["strategies"]
    values |= {"experiment": experiment.hash, "strategies": strategies, "n_strategies": len(strategies)}
    return {name: _text(value) if isinstance(value, list) else value for name, value in values.items()}


def _text(items: Sequence[Any]) -> str:
    text = " ".join(map(str, items)) if all(isinstance(item, str) for item in items) else json.dumps(items)
    return text if len(text) <= _LONGEST_PARAM else f"{text[: _LONGEST_PARAM - 20]} … {len(items):,} in all"


def _child_run(
    row: Mapping[str, Any], shared: Mapping[str, Any], trial: Trial, folds: FoldMetrics, started: float
) -> dict[str, Any]:
    """Describe a trial; it has the parameters of its parent too, since a filter on those hides runs without them."""
    place = "failed" if row["rank"] is None else f"#{row['rank']:02d}"
    return {
        "name": f"{place} {row['candidate']} {row['application']}",
        "params": {**shared, **_trial_params(row)},
        "metrics": trial_metrics(row) | {"system.seconds": trial.seconds},
        "steps": folds.of_trial(trial),
        # Trials are fitted side by side, so only how long one took is known.
        "start_time": started,
        "end_time": started + trial.seconds,
    }


def _trial_params(row: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: value for name, value in row.items() if isinstance(value, str) and name != "error"}
    return named | row["parameters"]["estimator"]


def _error_tag(row: Mapping[str, Any]) -> dict[str, str]:
    return {"tradesieve.error": row["error"]} if row["error"] else {}


def _tables(
    result: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    searched: SearchResult,
    judged: HoldoutResult | None,
) -> dict[str, list[dict[str, Any]]]:
    tables = {"leaderboard": [{key: _cell(value) for key, value in trial.items()} for trial in trials]}
    if judged is not None:
        tables["gate"] = judged.gate.as_dict()["conditions"]
    for part, rows in result["by_instance"].items():
        if rows is not None:
            tables[f"strategies_{part}"] = [dict(row) for row in rows]
    if searched.dataset.same_trades_as:
        joined = searched.dataset.same_trades_as.items()
        tables["joined"] = [{"instance": name, "same_trades_as": first} for name, first in joined]
    return tables


def _features_table(importance: Mapping[str, Any] | None) -> dict[str, list[dict[str, Any]]]:
    if importance is None:
        return {}
    rows = [{name: value for name, value in row.items() if value is not None} for row in importance["features"]]
    return {"features": [{"feature": row.pop("name"), **row} for row in rows]}


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _datasets(
    result: Mapping[str, Any], settings: Settings, development: Dataset, judged: HoldoutResult | None
) -> list[TrackedDataset]:
    parts = {"development": development} | ({} if judged is None else {"holdout": judged.dataset})
    series = f"{'+'.join(result['data']['symbols'])} {'+'.join(result['data']['timeframes'])}"
    return [
        TrackedDataset(
            name=f"{series} {part}",
            fingerprint=dataset.fingerprint,
            context=part,
            location=str(settings.home / "bars"),
            columns=dataset.feature_names,
            profile={
                "num_rows": len(dataset),
                "num_elements": dataset.X.size,
                "from": format_time(dataset.period[0]),
                "to": format_time(dataset.period[1]),
                "strategy_instances": len(dataset.instance_names),
                "won": round(float(np.mean(dataset.net_return > 0)), 4),
            },
        )
        for part, dataset in parts.items()
    ]


def _example(searched: SearchResult) -> np.ndarray:
    """Return the features of the last decisions, as the artifact reads them."""
    names = set(model_features(searched))
    kept = [column for column, name in enumerate(searched.dataset.feature_names) if name in names]
    return np.ascontiguousarray(searched.dataset.X[-_N_EXAMPLES:][:, kept])


def _system_tags() -> dict[str, str]:
    try:
        own = version("tradesieve")
    except PackageNotFoundError:  # a checkout that is not installed
        own = "not installed"
    return {
        "tradesieve.version": own,
        "tradesieve.code": code_fingerprint(*RUN_CODE),
        "tradesieve.python": platform.python_version(),
        "tradesieve.platform": platform.platform(),
        "tradesieve.cpus": str(os.cpu_count()),
        "tradesieve.tracked": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _command() -> str:
    """Return the words of this process' command before its options; MLflow shows what follows the last slash."""
    words = [Path(sys.argv[0]).name, *sys.argv[1:]]
    return " ".join(itertools.takewhile(lambda word: not word.startswith("-") and "/" not in word, words))
