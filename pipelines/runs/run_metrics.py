"""The metrics of a run in MLflow, named so that its alphabetical list begins with what people look for first.

    fitness                what ranked the winner
    gate_open              1 or 0, with gate_failed, the number of conditions that failed
    holdout.*              the sealed part: measures, intervals of 90 %, and what the filter adds
    luck.*                 p-value, deflated Sharpe ratio, probabilities of loss and overfitting
    out_of_fold.*          the development part, on which the winner was chosen
    per_fold.*             the folds of the development part, one step each
    system.*               seconds and memory

``unfiltered`` is the same without the filter. Trials have the same names, so that a column holds the same of each.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import daily_returns, improvement_returns
from tradesieve.models.fitness.measures import measure
from tradesieve.models.protocol.holdout import HoldoutResult
from tradesieve.models.protocol.search import SearchResult
from tradesieve.models.protocol.trials import Trial
from tradesieve.models.significance.intervals import ratio_interval
from tradesieve.models.splits import Fold
from tradesieve.strategies.statistics.daily_returns import sharpe

_PARTS = {"development": "out_of_fold", "holdout": "holdout"}
_OF_FOLDS = ("sortino", "expectancy", "coverage", "n_trades")
_OF_LUCK = {
    "beats_random_filter": "p_value",
    "deflated_sharpe": "deflated_sharpe",
    "probability_of_loss": "probability_of_loss",
}
"""Conditions of the gate whose value tells of luck, and the names of their metrics."""


def run_metrics(
    result: Mapping[str, Any], searched: SearchResult, judged: HoldoutResult | None, *, seed: int
) -> dict[str, Any]:
    """Return the metrics of a whole run; those of a sealed hold-out are missing.

    Parameters
    ----------
    result : see `models.protocol.leaderboard.summarise`, with ``data`` and ``seconds``.
    seed : of the intervals.
    """
    metrics: dict[str, Any] = {
        "fitness": searched.winner.fitness if searched.winner else None,
        "n_trials": result["n_trials"],
        "n_joined": len(result["data"]["same_trades_as"]),
        "luck.probability_of_overfitting": result["probability_of_overfitting"],
        "system.seconds": result["seconds"],
        "system.peak_memory_gb": _peak_memory() / 1e9,
    }
    for part, name in _PARTS.items():
        if result["filtered"][part] is not None:
            metrics |= _measures(name, result, part)
    if judged is not None:
        conditions = {condition.name: condition for condition in judged.gate.conditions}
        metrics |= _of_luck(conditions) | _bounds("holdout", judged.dataset, judged.sizes, seed)
        metrics |= {
            "gate_open": float(judged.gate.open),
            "gate_failed": sum(not condition.passed for condition in conditions.values()),
            "holdout.opening": judged.opening,
        }
    return metrics


def trial_metrics(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics of a trial from its row of the leaderboard: every number in it."""
    numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
    whole = {name: numbers.pop(name) for name in ("fitness", "rank") if name in numbers}
    renamed = {"baseline_sortino": "unfiltered.sortino"}
    return whole | {f"out_of_fold.{renamed.get(name, name)}": value for name, value in numbers.items()}


class FoldMetrics:
    """Measures of each fold's test rows, for any trial of a search.

    Parameters
    ----------
    searched : the search.
    folds : on which its trials were scored.
    """

    def __init__(self, searched: SearchResult, folds: Sequence[Fold]) -> None:
        tested = np.unique(np.concatenate([fold.test for fold in folds]))
        self._rows = [np.searchsorted(tested, fold.test) for fold in folds]
        parts = zip(folds, self._rows, strict=True)
        self._parts = [searched.judged.take(rows, period=fold.test_period) for fold, rows in parts]

    def of_trial(self, trial: Trial) -> dict[str, list[float | None]]:
        """Return the series of a trial: measures of its sizes, and the parameters chosen for each fold."""
        if trial.error is not None:
            return {}
        series = self._series([trial.sizes[rows] for rows in self._rows])
        chosen = [entry.get("parameters") or {} for entry in trial.chosen]
        numbers = dict.fromkeys(name for own in chosen for name, value in own.items() if isinstance(value, float))
        series |= {f"per_fold.{name}": [own.get(name) for own in chosen] for name in numbers}
        return series

    def unfiltered(self) -> dict[str, list[float | None]]:
        """Return the series of every trade."""
        series = self._series([np.ones(len(part)) for part in self._parts])
        return {name.replace("per_fold.", "per_fold.unfiltered."): values for name, values in series.items()}

    def _series(self, sizes: Sequence[np.ndarray]) -> dict[str, list[float | None]]:
        measured = [measure(part, own).as_dict() for part, own in zip(self._parts, sizes, strict=True)]
        return {f"per_fold.{name}": [each[name] for each in measured] for name in _OF_FOLDS}


def _measures(name: str, result: Mapping[str, Any], part: str) -> dict[str, Any]:
    random = result["random"][part]
    return (
        {f"{name}.{measure}": value for measure, value in result["filtered"][part].items()}
        | {f"{name}.unfiltered.{measure}": value for measure, value in result["baseline"][part].items()}
        | {f"{name}.random_{measure}": random[measure] for measure in ("sortino", "expectancy")}
    )


def _bounds(name: str, dataset: Dataset, sizes: np.ndarray, seed: int) -> dict[str, float]:
    per_year = dataset.calendar.days_per_year
    filtered, added = daily_returns(dataset, sizes), improvement_returns(dataset, sizes)
    low, high = ratio_interval(filtered, days_per_year=per_year, seed=seed)
    added_low, added_high = ratio_interval(added, ratio="sharpe", days_per_year=per_year, seed=seed)
    return {
        f"{name}.sortino_lower": low,
        f"{name}.sortino_upper": high,
        f"{name}.added_sharpe": sharpe(added, days_per_year=per_year),
        f"{name}.added_sharpe_lower": added_low,
        f"{name}.added_sharpe_upper": added_high,
    }


def _of_luck(conditions: Mapping[str, Any]) -> dict[str, float]:
    found = {name: conditions[name].value if name in conditions else math.nan for name in _OF_LUCK}
    return {f"luck.{_OF_LUCK[name]}": value for name, value in found.items()}


def _peak_memory() -> float:
    """Return the most bytes that this process held at once."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
