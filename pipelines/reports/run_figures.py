"""The figures of a run, as one page: capital, drawdown, months, scores, features, strategies and trials."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import daily_returns, improvement_returns
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.labels.base import CLASSIFICATION
from tradesieve.models.protocol.feature_effects import FeatureEffects
from tradesieve.models.protocol.holdout import HoldoutResult
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import SearchResult
from tradesieve.models.significance.deflated_sharpe import expected_best_sharpe
from tradesieve.pipelines.reports.figures.equity_charts import filter_chart, monthly_chart
from tradesieve.pipelines.reports.figures.filter_charts import deflation_chart, drawdown_chart, paths_chart
from tradesieve.pipelines.reports.figures.importance_chart import effects_chart
from tradesieve.pipelines.reports.figures.score_charts import (
    calibration_chart,
    score_distribution_chart,
    threshold_chart,
)
from tradesieve.pipelines.reports.figures.verdict_charts import intervals_chart
from tradesieve.pipelines.reports.html import render
from tradesieve.pipelines.short_names import labels_of
from tradesieve.strategies.statistics.daily_returns import sharpe

_SHARES = np.linspace(0.0, 0.95, 20)
_MOST_STRATEGIES = 40


def run_figures_html(
    result: Mapping[str, Any],
    searched: SearchResult,
    judged: HoldoutResult | None,
    plan: Plan,
    effects: FeatureEffects | None,
) -> str:
    """Render the page with every figure of a run, with all that it shows embedded.

    Parameters
    ----------
    result : with ``verdicts``, see `runs.experiment_run.run_experiment`.
    judged : None while the hold-out is sealed, which the page then does not show.
    effects : of the winner's features; None without a winner.
    """
    winner = searched.winner
    sizes = np.zeros(len(searched.judged)) if winner is None else winner.sizes
    periods = [_capital(searched.judged, sizes)]
    if judged is not None:
        periods.append(_capital(judged.dataset, judged.sizes))
    part = "development" if judged is None else "holdout"
    return render(
        "run_figures",
        title="No winner" if winner is None else f"{winner.candidate.name}, {winner.application}",
        equity_figure=filter_chart(periods),
        drawdown_figure=drawdown_chart(periods),
        months_figure=monthly_chart(*_joined(periods)),
        uplift_figure=_strategies(result, part),
        deflation_figure=_deflation(searched, judged),
        paths_figure=_paths(result, searched, plan),
        scores=None if winner is None else _score_figures(searched, plan),
        importance_figure=None if effects is None else effects_chart(effects),
        effects=effects,
        n_strategies=len(result["verdicts"][part]["rows"]),
        part={"development": "development part, out of fold", "holdout": "hold-out"}[part],
        judged=judged is not None,
        n_trials=len(searched.trials),
    )


def _capital(dataset: Dataset, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the days, and the daily returns of every trade and of the filtered trades."""
    days = dataset.calendar.days(*dataset.period).astype("datetime64[D]")
    return days, daily_returns(dataset, np.ones(len(dataset))), daily_returns(dataset, sizes)


def _joined(periods: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the days of all parts and the returns of the filtered trades on them."""
    return np.concatenate([days for days, _, _ in periods]), np.concatenate([kept for _, _, kept in periods])


def _score_figures(searched: SearchResult, plan: Plan) -> dict[str, Any]:
    """Draw what the winner's out-of-fold scores are worth."""
    known = np.isfinite(searched.scores)
    dataset, scores = searched.dataset.take(known), searched.scores[known]
    winner, fitness = searched.winner, fitness_named(plan.selection)
    candidate = None if winner is None else winner.candidate
    is_probability = candidate is not None and candidate.task == CLASSIFICATION
    thresholds = np.unique(np.quantile(scores, _SHARES))
    sizes = [(scores >= threshold).astype(np.float64) for threshold in thresholds]
    values = [fitness(dataset, own, minimum_trades=plan.minimum_trades) for own in sizes]
    chosen = {} if searched.application is None else searched.application.parameters()
    outcomes = dataset.targets(candidate.label if candidate else "") if is_probability else dataset.net_return * 1e4
    labelled = np.isfinite(outcomes)
    return {
        "fitness": plan.selection,
        "threshold": threshold_chart(
            thresholds,
            np.array(values),
            np.array([own.mean() for own in sizes]),
            name=plan.selection,
            chosen=chosen.get("threshold"),
        ),
        "calibration": calibration_chart(
            scores[labelled],
            outcomes[labelled],
            title="share with label 1" if is_probability else "mean net return, bp",
            is_probability=is_probability,
        ),
        "distribution": score_distribution_chart(scores, dataset.net_return > 0),
    }


def _strategies(result: Mapping[str, Any], part: str) -> Any:
    """Draw the strategies with the most trades."""
    rows = sorted(result["verdicts"][part]["rows"], key=lambda row: -row["n_trades"])[:_MOST_STRATEGIES]
    return intervals_chart(rows, labels_of([row["name"] for row in rows]))


def _paths(result: Mapping[str, Any], searched: SearchResult, plan: Plan) -> Any:
    """Draw the paths of the winner; None without any."""
    paths = (result.get("paths") or {}).get("paths")
    if not paths or searched.winner is None:
        return None
    return paths_chart(paths, name=plan.selection, out_of_fold=searched.winner.fitness)


def _deflation(searched: SearchResult, judged: HoldoutResult | None) -> Any:
    """Draw the trials' Sharpe ratios beside that of the best of as many worthless ones."""
    added = [improvement_returns(searched.judged, trial.sizes) for trial in searched.trials if trial.error is None]
    ratios = np.array([sharpe(own, days_per_year=1.0) for own in added])
    known = ratios[np.isfinite(ratios)]
    n_trials = len(searched.trials) if judged is None else judged.n_trials
    benchmark = math.nan
    if len(known) > 1:
        variance = min(float(np.var(known, ddof=1)), 1.0 / (len(added[0]) - 1))
        benchmark = expected_best_sharpe(n_trials=n_trials, sharpe_variance=variance)
    winner = float(ratios[0]) if searched.winner is not None else math.nan
    return deflation_chart(ratios, winner=winner, benchmark=benchmark, n_trials=n_trials)
