"""The MLflow run of an experiment: parameters, metrics, one child run per trial, figures, tables and the artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tradesieve.models.protocol.holdout import HoldoutResult
from tradesieve.models.protocol.leaderboard import leaderboard
from tradesieve.models.protocol.search import SearchResult
from tradesieve.models.tracking.runs import EXPERIMENT_TAG, track_experiment
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.reports.experiment_report import experiment_html
from tradesieve.pipelines.settings import Settings


def track_run(
    result: Mapping[str, Any],
    experiment: Experiment,
    settings: Settings,
    searched: SearchResult,
    judged: HoldoutResult | None,
    artifact: Path | None,
) -> str:
    """Record a result in MLflow and return the id of its run; the model of an open gate becomes champion."""
    gate_open = judged is not None and judged.gate.open
    trials = leaderboard(searched)
    return track_experiment(
        settings.tracking,
        {**result, **_run_fields(result, experiment, gate_open=gate_open)},
        children=[_child_run(trial) for trial in trials],
        artifact_folder=artifact,
        tables={
            "leaderboard": [{key: _cell(value) for key, value in trial.items()} for trial in trials],
            "gate": [] if judged is None else judged.gate.as_dict()["conditions"],
            "joined": [
                {"instance": name, "same_trades_as": first} for name, first in searched.dataset.same_trades_as.items()
            ],
        },
        files={"experiment.yaml": experiment.to_yaml(), "equity.html": experiment_html(searched, judged)},
        register=gate_open,
        tags={
            EXPERIMENT_TAG: experiment.hash,
            "tradesieve.gate": "sealed" if judged is None else "open" if gate_open else "closed",
        },
    )


def _run_fields(result: Mapping[str, Any], experiment: Experiment, *, gate_open: bool) -> dict[str, Any]:
    metrics = {
        f"{group}_{part}_{measure}": value
        for group in ("baseline", "filtered", "random")
        for part, measures in result[group].items()
        if measures is not None
        for measure, value in measures.items()
    }
    return {
        "name": f"{'+'.join(experiment.symbols)} {'+'.join(experiment.timeframes)} {experiment.hash}",
        "params": experiment.as_dict() | {"winner": (result["winner"] or {}).get("name")},
        "metrics": metrics
        | {
            "coverage": result["coverage"],
            "n_trials": result["n_trials"],
            "n_joined": len(result["data"]["same_trades_as"]),
            "gate_open": float(gate_open),
        },
    }


def _child_run(trial: Mapping[str, Any]) -> dict[str, Any]:
    metrics = ("fitness", "sortino", "random_sortino", "n_trades", "coverage", "win_rate", "expectancy",
               "random_expectancy", "max_drawdown")  # fmt: skip
    return {
        "name": f"{trial['candidate']} {trial['application']}",
        "params": {
            "engine": trial["engine"],
            "estimator": trial["estimator"],
            "selection": trial["selection"],
            "application": trial["application"],
            **trial["parameters"]["estimator"],
        },
        "metrics": {name: trial[name] for name in metrics if trial[name] is not None},
        "tags": {"tradesieve.error": trial["error"]} if trial["error"] else {},
    }


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
