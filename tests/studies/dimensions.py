"""Dimensions of a study: what each value of each of them adds, and how often the widest search opens on nothing.

A dimension is what the YAML of an experiment may list. Each value takes the place of the default's, all else as in the
default plan without its choice of models, on the same markets. They are shorter than those of the other parts, since
there are many values. Engines have a table of their own, see `tests.studies.engines`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.studies.market_kinds import KINDS, Kind
from tests.studies.plans import ONE, REFERENCE
from tests.studies.runs import open_for_study
from tradesieve.models.applications.registry import APPLICATIONS
from tradesieve.models.dataset import Dataset
from tradesieve.models.feature_selection.registry import NAMED, SELECTIONS
from tradesieve.models.fitness.measures import measure
from tradesieve.models.fitness.registry import FITNESS
from tradesieve.models.fitted.calibration import CALIBRATIONS
from tradesieve.models.json_values import json_safe
from tradesieve.models.labels.base import REGRESSION
from tradesieve.models.labels.registry import LABELS
from tradesieve.models.protocol.aims import AIMS
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints
from tradesieve.models.protocol.search import SearchResult, search
from tradesieve.models.scopes.registry import SCOPES
from tradesieve.models.splits import FOLDS, split_holdout
from tradesieve.models.weights import WEIGHTS
from tradesieve.pipelines.experiment import Experiment

PLANTED = ("trend 0.1", "trend 0.15")
NOTHING, FOUND = "random walk without costs", "trend 0.2"
"""Where the widest search must find nothing, and where it must find something."""
FEATURES = ("aligned",)
"""Those of the default but for the other symbols', without which the same candidate would be tried twice."""
N_DAYS, N_DAYS_WIDEST, N_FRESH = 270, 180, 3
THREE = "three models"
"""What other measures that choose are compared with: where there is one model, there is nothing to choose."""
_FIRST_FRESH = 20_000


@dataclass(frozen=True)
class Value:
    """A value of a dimension: the plan and the features of its experiment, and what it is compared with."""

    dimension: str
    plan: Plan
    features: tuple[str, ...] = FEATURES
    against: str = REFERENCE


def _values() -> dict[str, Value]:
    """List every value but the default's own, by name."""
    won = replace(ONE, label="won")
    found = {REFERENCE: Value("", ONE)}
    found |= {f"label {name}": Value("label", replace(ONE, label=name)) for name in LABELS if name != ONE.label}
    found |= {
        f"factors {', '.join(names)}": Value("factor set", ONE, names)
        for names in (("minimal",), ("standard",), ("wide",), (*FEATURES, "trade"), (*FEATURES, "other_symbols"))
    }
    found |= {
        f"selection {name}": Value("selection", replace(ONE, selections=(name,)))
        for name in (*SELECTIONS, *NAMED)
        if name != "all"
    }
    found |= {
        f"weights {name}": Value("weights", replace(ONE, weights=name)) for name in WEIGHTS if name != ONE.weights
    }
    found |= {
        f"label won, calibration {name}": Value("calibration", replace(won, calibration=name), against="label won")
        for name in CALIBRATIONS
        if name != ONE.calibration
    }
    found |= {f"scope {name}": Value("scope", replace(ONE, scope=name)) for name in SCOPES if name != ONE.scope}
    found |= {
        f"application {name}": Value("application", replace(ONE, applications=(name,)))
        for name, kind in APPLICATIONS.items()
        if REGRESSION in kind.tasks and name != AIMS[ONE.aim].application
    }
    found["label won, application kelly"] = Value(
        "application", replace(won, calibration="sigmoid", applications=("kelly",)), against="label won"
    )
    found[THREE] = Value("choice", Plan())
    found |= {
        f"{THREE}, chosen by {name}": Value("choice", Plan(selected_by=name), against=THREE)
        for name in FITNESS
        if name != AIMS[ONE.aim].selected_by
    }
    found |= {
        f"{THREE}, folds {name}": Value("splits", Plan(folds=name), against=THREE)
        for name in FOLDS
        if name != ONE.folds
    }
    return found


VALUES = _values()

SEARCHED_TOGETHER = ("label", "factor set", "selection", "weights", "calibration", "scope", "application")
"""Dimensions that a plan may list; their values are ranked by one measure on the same rows."""


def dimensions_of(names: Iterable[str]) -> dict[str, list[str]]:
    """Group those of `VALUES` that are among `names` by dimension, in order; the reference has one of its own."""
    known = set(names)
    found: dict[str, list[str]] = {}
    for name, value in VALUES.items():
        if name in known:
            found.setdefault(value.dimension, []).append(name)
    return found


WIDEST = Plan(
    label=tuple(LABELS),
    factor_sets=("minimal", "features", "standard"),
    selections=("all", "variance", "correlation", "mutual_information", "tsfresh_by", "stability"),
    weights=tuple(WEIGHTS),
    calibration=tuple(CALIBRATIONS),
    scope=tuple(SCOPES),
    applications=tuple(APPLICATIONS),
    engines={"lightgbm": 2, "sklearn": 2, "neural_network": 1},
    budget="200 trials",
)
"""Every list of the YAML at once, within a budget; only selections that fit models of their own are left out."""


def run_dimensions(kind_name: str, seed: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """Search one market with each value in turn, and judge the winners on fresh markets of the same law."""
    kind = replace(KINDS[kind_name], n_days=N_DAYS)
    with tempfile.TemporaryDirectory() as folder:
        rows = [_run_value(kind, seed, VALUES[name], Path(folder)) | {"value": name} for name in names]
    return [json_safe({"kind": kind_name, "seed": seed} | row) for row in rows]


def _run_value(kind: Kind, seed: int, value: Value, home: Path) -> dict[str, Any]:
    own = kind.dataset(seed, home / "own", value.plan, value.features)
    development, _ = split_holdout(own, fraction=value.plan.holdout_fraction)
    # Values that change neither rows nor folds have the scores of their candidates in common.
    checkpoints = ScoreCheckpoints(home / f"{development.fingerprint}_{value.plan.folds}")
    result = search(development, value.plan, checkpoints=checkpoints, n_jobs=1)
    fresh = [
        kind.dataset(_FIRST_FRESH + 100 * seed + number, home / f"fresh{number}", value.plan, value.features)
        for number in range(N_FRESH)
    ]
    return {
        "fitness": None if result.winner is None else result.winner.fitness,
        "fresh_sortino": float(np.mean([_sortino(result, dataset) for dataset in fresh])),
    }


def _sortino(result: SearchResult, dataset: Dataset) -> float:
    """Measure the Sortino ratio of the winner, 0 where there is none or nothing is traded."""
    if result.model is None or result.application is None:
        return 0.0
    measured = measure(dataset, result.application.sizes(result.model.predict(dataset.X), dataset.instance))
    return measured.sortino if measured.n_trades else 0.0


def run_widest(kind_name: str, seed: int) -> dict[str, Any]:
    """Search one market with the widest plan and open its hold-out."""
    kind = replace(KINDS[kind_name], n_days=N_DAYS_WIDEST)
    with tempfile.TemporaryDirectory() as folder:
        made = kind.dataset(seed, Path(folder) / "own", WIDEST, tuple(Experiment.features))
        development, holdout = split_holdout(made, fraction=WIDEST.holdout_fraction)
        result = search(development, WIDEST, n_jobs=1)
        opened = open_for_study(holdout, result, WIDEST, Ledger(Path(folder) / "ledger.db"))
    row = {
        "kind": kind_name,
        "seed": seed,
        "trials": result.n_trials,
        "open": opened.gate.open,
        "failed": [condition.name for condition in opened.gate.conditions if not condition.passed],
        "holdout_sortino": measure(holdout, opened.sizes).sortino,
    }
    return json_safe(row)
