"""Scikit-learn: one estimator of each family that its users try first, after an imputer and a scaler.

- logistic, ridge: linear models, of a classification and of a regression.
- forest, extra_trees: random forests, the second with random thresholds.
- nearest: the mean outcome of the most similar trades. Scikit-learn's takes no weights, so a neighbour's vote is
  weighted here. Its file holds every training trade, and it scores 300 trades a second among 12,000 of 100 features.
- histogram_boosting: boosted trees on binned features.

Models are plain scikit-learn pipelines, see `models.engines.scikit_pipeline`; PyCaret's choices of parameters for some
of the same estimators are `models.engines.pycaret`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tradesieve.models.engines.base import Candidate, Engine
from tradesieve.models.engines.scikit_pipeline import check_parameters, fit_pipeline, set_controls
from tradesieve.models.engines.search_spaces import Range, Space, draw
from tradesieve.models.engines.training_rows import SelectedRows
from tradesieve.models.fitted.model import ScikitModel
from tradesieve.models.labels.base import CLASSIFICATION


@dataclass(frozen=True)
class _Family:
    """An estimator.

    Parameters
    ----------
    classes : its ``module:class`` by task.
    starts : its default parameters by task.
    space : its search space.
    fixed : parameters that no candidate changes.
    """

    classes: Mapping[str, str]
    starts: Mapping[str, dict[str, Any]]
    space: Space
    fixed: Mapping[str, Any]


def _family(space: Space, fixed: Mapping[str, Any] | None = None, **tasks: tuple[str, dict[str, Any]]) -> _Family:
    classes = {task: f"sklearn.{path}" for task, (path, _) in tasks.items()}
    return _Family(classes, {task: start for task, (_, start) in tasks.items()}, space, fixed or {})


_TREES: Space = {
    "n_estimators": Range(20, 100, whole=True),
    "max_depth": Range(2, 10, whole=True),
    "min_samples_leaf": Range(5, 300, whole=True, logarithmic=True),
    "max_features": ["sqrt", "log2", 0.2],
}
_START_OF_TREES = {"n_estimators": 60, "max_depth": 8, "min_samples_leaf": 40, "max_features": "sqrt"}

_FAMILIES = {
    "logistic": _family(
        {"C": Range(1e-4, 1.0, logarithmic=True)},
        {"max_iter": 500},
        classification=("linear_model:LogisticRegression", {"C": 0.01}),
    ),
    "ridge": _family(
        {"alpha": Range(10.0, 1e5, logarithmic=True)},
        regression=("linear_model:Ridge", {"alpha": 1000.0}),
    ),
    "forest": _family(
        _TREES,
        classification=("ensemble:RandomForestClassifier", _START_OF_TREES),
        regression=("ensemble:RandomForestRegressor", _START_OF_TREES),
    ),
    "extra_trees": _family(
        _TREES,
        classification=("ensemble:ExtraTreesClassifier", _START_OF_TREES),
        regression=("ensemble:ExtraTreesRegressor", _START_OF_TREES),
    ),
    "nearest": _family(
        {"n_neighbors": Range(20, 500, whole=True, logarithmic=True), "metric": ["euclidean", "manhattan"]},
        {"algorithm": "brute"},
        classification=("neighbors:KNeighborsRegressor", {"n_neighbors": 100, "metric": "euclidean"}),
        regression=("neighbors:KNeighborsRegressor", {"n_neighbors": 100, "metric": "euclidean"}),
    ),
    "histogram_boosting": _family(
        {
            "max_iter": Range(20, 150, whole=True),
            "learning_rate": Range(0.01, 0.2, logarithmic=True),
            "max_leaf_nodes": Range(3, 48, whole=True, logarithmic=True),
            "min_samples_leaf": Range(10, 300, whole=True, logarithmic=True),
            "l2_regularization": Range(0.01, 100.0, logarithmic=True),
            "max_features": Range(0.2, 1.0),
        },
        # Its own stopping would split off a part at random, which overlaps in time with the rest. With 255 bins, most
        # of its time goes into bins.
        {"early_stopping": False, "max_bins": 63},
        classification=(
            "ensemble:HistGradientBoostingClassifier",
            {
                "max_iter": 75,
                "learning_rate": 0.1,
                "max_leaf_nodes": 15,
                "min_samples_leaf": 40,
                "l2_regularization": 1.0,
                "max_features": 0.7,
            },
        ),
        regression=(
            "ensemble:HistGradientBoostingRegressor",
            {
                "max_iter": 100,
                "learning_rate": 0.06,
                "max_leaf_nodes": 4,
                "min_samples_leaf": 200,
                "l2_regularization": 20.0,
                "max_features": 0.3,
            },
        ),
    ),
}
"""Strong regularisation, because trades are few and their outcomes mostly noise. Boosting starts as LightGBM does here,
but with half of the trees at twice the learning rate, because it takes several times as long for each."""

_GROUPS_PER_FIT = {"min_samples_leaf": 20, "n_neighbors": 10}
"""A leaf and a neighbourhood hold no more than this part of the rows, or few trades could not be told apart."""


class SklearnEngine(Engine):
    """Scikit-learn's estimators, on one thread each."""

    name: ClassVar[str] = "sklearn"

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return tuple(name for name, family in _FAMILIES.items() if task in family.classes)

    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        return dict(_FAMILIES[estimator].starts[task])

    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        return draw(_FAMILIES[estimator].space, generator)

    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> ScikitModel:
        import threadpoolctl

        family = _FAMILIES[candidate.estimator]
        check_parameters(candidate, family.space)
        parameters = family.starts[candidate.task] | candidate.parameters
        for name, groups in _GROUPS_PER_FIT.items():
            if name in parameters:
                parameters[name] = min(parameters[name], max(1, len(rows) // groups))
        module, _, class_name = family.classes[candidate.task].partition(":")
        estimator = getattr(importlib.import_module(module), class_name)(**family.fixed, **parameters)
        set_controls(estimator, seed)

        def fit(Z: np.ndarray) -> Any:
            if candidate.estimator == "nearest":
                # The mean of the first column over that of the second is the weighted mean of the targets.
                return estimator.fit(Z, np.column_stack([rows.weight * rows.y, rows.weight]))
            return estimator.fit(Z, rows.y, sample_weight=rows.weight)

        # Boosting counts the threads of OpenMP, whose limit is that of the calling thread.
        with threadpoolctl.threadpool_limits(limits=1, user_api="openmp"):
            return fit_pipeline(fit, rows)
