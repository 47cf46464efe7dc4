"""What only the search knows of its winner, as JSON values: kept beside the result, so that pages need no model.

Which features the winner rests on, what its scores are worth, and what luck would show of as many trials.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.fitness.filtered_returns import improvement_returns
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.json_values import json_safe
from tradesieve.models.labels.base import CLASSIFICATION
from tradesieve.models.protocol.feature_effects import FeatureEffects, measure_effects
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import SearchResult
from tradesieve.models.protocol.trials import Trial
from tradesieve.strategies.statistics.daily_returns import sharpe

_SHARES = np.linspace(0.0, 0.95, 20)
_N_TENTHS = 10


def gather_evidence(searched: SearchResult, plan: Plan) -> dict[str, Any]:
    """Measure what a search says about its winner; all of it on the development part.

    Returns
    -------
    JSON values: ``importance``, None without a winner, with ``skill``, ``n_rows`` and ``features``, the most important
    first, each with ``name``, ``loss``, ``error``, ``direction`` and ``shap``, see `models.protocol.feature_effects`;
    ``scores``, None without a winner, with ``thresholds`` (``score``, ``fitness`` and ``coverage`` of the trades from
    each on) and ``tenths`` (``score``, ``outcome``, ``error`` and ``n_trades`` of each tenth of the scores);
    ``trials``, with ``added_sharpe``, the Sharpe ratio of one day of what each trial adds, best trial first, and
    ``n_days``, the days that it is measured on.
    """
    winner = searched.winner
    effects = measure_effects(searched, plan.split(searched.dataset), seed=plan.seed)
    evidence = {
        "importance": None if effects is None else _importance(effects),
        "scores": None if winner is None else _scores(searched, winner, plan),
        "trials": _trials(searched),
    }
    return dict(json_safe(evidence))


def write_evidence(path: Path, evidence: Mapping[str, Any]) -> None:
    """Write evidence to a file.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(evidence, indent=1, allow_nan=False))


def read_evidence(path: Path) -> dict[str, Any]:
    """Read the evidence of a run.

    Raises
    ------
    BadInput : if there is none, or it cannot be read.
    """
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: the evidence of the run cannot be read ({error}): run the experiment again") from error


def score_tenths(scores: np.ndarray, outcomes: np.ndarray) -> dict[str, np.ndarray]:
    """Average the outcomes of each tenth of the scores, the lowest tenth first.

    Parameters
    ----------
    scores, outcomes : float (n_trades,), finite.

    Returns
    -------
    ``score`` and ``outcome``, the means; ``error``, the standard error of the outcome; ``n_trades``.
    """
    order = np.argsort(scores, kind="stable")
    tenths = [part for part in np.array_split(order, _N_TENTHS) if len(part) > 1]
    return {
        "score": np.array([scores[part].mean() for part in tenths]),
        "outcome": np.array([outcomes[part].mean() for part in tenths]),
        "error": np.array([outcomes[part].std(ddof=1) / np.sqrt(len(part)) for part in tenths]),
        "n_trades": np.array([len(part) for part in tenths]),
    }


def _importance(effects: FeatureEffects) -> dict[str, Any]:
    shap = [None] * len(effects.names) if effects.shap is None else effects.shap.tolist()
    columns = (effects.names, effects.loss.tolist(), effects.error.tolist(), effects.direction.tolist(), shap)
    names = ("name", "loss", "error", "direction", "shap")
    features = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return {"skill": effects.skill, "n_rows": effects.n_rows, "features": features}


def _scores(searched: SearchResult, winner: Trial, plan: Plan) -> dict[str, Any]:
    known = np.isfinite(searched.scores)
    dataset, scores = searched.dataset.take(known), searched.scores[known]
    fitness, candidate = fitness_named(plan.selection), winner.candidate
    thresholds = np.unique(np.quantile(scores, _SHARES))
    kept = [(scores >= threshold).astype(np.float64) for threshold in thresholds]
    is_probability = candidate.task == CLASSIFICATION
    outcomes = dataset.targets(candidate.label) if is_probability else dataset.net_return
    labelled = np.isfinite(outcomes)
    return {
        "thresholds": {
            "score": thresholds,
            "fitness": [fitness(dataset, sizes, minimum_trades=plan.minimum_trades) for sizes in kept],
            "coverage": [sizes.mean() for sizes in kept],
        },
        "tenths": score_tenths(scores[labelled], outcomes[labelled]),
    }


def _trials(searched: SearchResult) -> dict[str, Any]:
    added = [improvement_returns(searched.judged, trial.sizes) for trial in searched.trials if trial.error is None]
    ratios = [sharpe(own, days_per_year=1.0) for own in added]
    return {"added_sharpe": ratios, "n_days": len(added[0]) if added else 0}
