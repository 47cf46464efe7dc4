"""The leaderboard and the summary of an experiment, as JSON values."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.measures import measure, measure_by_instance
from tradesieve.models.json_values import json_safe
from tradesieve.models.protocol.halving import Finalists
from tradesieve.models.protocol.holdout import HoldoutResult
from tradesieve.models.protocol.search import SearchResult
from tradesieve.models.protocol.trials import Trial
from tradesieve.models.significance.overfitting import probability_of_overfitting
from tradesieve.models.significance.random_filters import random_filter


def leaderboard(result: SearchResult) -> list[dict[str, Any]]:
    """List the trials, best first, each beside the unfiltered baseline and a random filter of its coverage.

    Failed trials come last, with the reason. All numbers are out of fold, on the development part.
    """
    baseline = measure(result.judged, np.ones(len(result.judged))).sortino
    return [_trial_row(place, trial, baseline) for place, trial in enumerate(result.trials, start=1)]


def _trial_row(place: int, trial: Trial, baseline: float) -> dict[str, Any]:
    measures = trial.measures
    return json_safe(
        {
            "rank": place if trial.error is None else None,
            "candidate": trial.candidate.name,
            "engine": trial.candidate.engine,
            "estimator": trial.candidate.estimator,
            "selection": trial.candidate.selection,
            **trial.candidate.dimensions,
            "application": trial.application,
            "parameters": {"estimator": trial.candidate.parameters, "application_by_fold": trial.chosen},
            "fitness": trial.fitness,
            "sortino": measures.sortino,
            "baseline_sortino": baseline,
            "random_sortino": trial.random.sortino if trial.random is not None else None,
            "random_expectancy": trial.random.expectancy if trial.random is not None else None,
            "n_trades": measures.n_trades,
            "coverage": measures.coverage,
            "win_rate": measures.win_rate,
            "expectancy": measures.expectancy,
            "max_drawdown": measures.max_drawdown,
            "error": trial.error,
        }
    )


def summarise(result: SearchResult, holdout: HoldoutResult | None, *, seed: int) -> dict[str, Any]:
    """Compare the filtered trades with the baseline and with random filters, on both parts.

    Parameters
    ----------
    holdout : None while the hold-out is sealed; its entries are None then.
    seed : of the random filters.

    Returns
    -------
    JSON values: ``baseline``, ``filtered``, ``random`` (filters of the same coverage) and ``by_instance``, each with
    ``development`` and ``holdout``; ``coverage``, of the hold-out once it is open; ``winner``, with what of its
    application is ``at_edge`` of its grid; ``leaderboard``, whose ``fitness`` is the measure that selects;
    ``probability_of_overfitting`` of the choice, for information; ``n_trials``, ``holdout_opening``,
    ``holdout_looks`` (how many of the earlier openings were looks) and ``gate``. Where the budget left candidates out,
    ``not_tried`` names them. With successive halving, ``halving`` holds its ``rounds`` and ``early_trials``. Where the
    winner has a model for each group of trades, ``groups`` says for which, see `models.protocol.scope_groups`.
    """
    winner = result.winner
    sizes = np.zeros(len(result.judged)) if winner is None else winner.sizes
    parts: dict[str, tuple[Dataset, np.ndarray] | None] = {
        "development": (result.judged, sizes),
        "holdout": None if holdout is None else (holdout.dataset, holdout.sizes),
    }
    summary: dict[str, Any] = {"baseline": {}, "filtered": {}, "random": {}, "by_instance": {}}
    for name, part in parts.items():
        if part is None:
            for group in summary.values():
                group[name] = None
            continue
        dataset, kept = part
        summary["baseline"][name] = measure(dataset, np.ones(len(dataset))).as_dict()
        summary["filtered"][name] = measure(dataset, kept).as_dict()
        summary["random"][name] = random_filter(dataset, kept, seed=seed).as_dict()
        summary["by_instance"][name] = compare_instances(dataset, kept, seed=seed)
    shown = summary["filtered"]["holdout"] or summary["filtered"]["development"]
    untried = [candidate.name_with_dimensions for candidate in result.untried]
    return {
        **summary,
        **({"not_tried": untried} if untried else {}),
        **({"groups": result.groups} if result.groups else {}),
        **({} if result.finalists is None else {"halving": _halving(result.finalists)}),
        "coverage": shown["coverage"],
        "winner": None if winner is None or result.application is None else _winner(winner, result),
        "leaderboard": leaderboard(result),
        "probability_of_overfitting": json_safe(probability_of_overfitting(result.trial_returns())),
        "n_trials": result.n_trials if holdout is None else holdout.n_trials,
        "holdout_opening": None if holdout is None else holdout.opening,
        "holdout_looks": None if holdout is None else holdout.n_looks,
        "gate": None if holdout is None else holdout.gate.as_dict(),
    }


def _halving(finalists: Finalists) -> dict[str, Any]:
    return json_safe(
        {
            "rounds": [{"n_folds": one.n_folds, "n_candidates": one.n_candidates} for one in finalists.rounds],
            "early_trials": [
                {
                    "candidate": trial.candidate.name_with_dimensions,
                    "application": trial.application,
                    "n_folds": trial.n_folds,
                    "fitness": trial.fitness,
                    "error": trial.error,
                }
                for trial in finalists.trials
            ],
        }
    )


def compare_instances(dataset: Dataset, sizes: np.ndarray, *, seed: int) -> list[dict[str, Any]]:
    """Compare each instance's filtered trades with its baseline and with random filters of the same coverage.

    Returns
    -------
    As `models.fitness.measures.measure_by_instance`, with ``random_sortino`` and ``n_joined``, the number of other
    instances of the same trades that the row stands for.
    """
    rows, joined = measure_by_instance(dataset, sizes), Counter(dataset.same_trades_as.values())
    for code, row in enumerate(rows):
        own = np.flatnonzero(dataset.instance == code)
        random = random_filter(dataset.take(own), sizes[own], seed=seed).as_dict() if len(own) else {}
        row["random_sortino"] = random.get("sortino")
        row["n_joined"] = joined[row["instance"]]
    return rows


def _winner(winner: Trial, result: SearchResult) -> dict[str, Any]:
    application = result.application
    return {
        "candidate": winner.candidate.as_dict(),
        "name": winner.candidate.name,
        "application": winner.application,
        "parameters": {} if application is None else application.parameters(),
        "at_edge": [] if application is None else application.edges(result.scores, result.dataset),
    }
