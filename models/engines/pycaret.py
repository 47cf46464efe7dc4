"""PyCaret as a registry: scikit-learn's estimators with the search spaces that PyCaret's authors chose for them.

Nothing else of PyCaret is used. Its experiments split, preprocess and rank in ways that leak or mislead, so imputer and
scaler are fitted here, inside the fold, and the search is `models.protocol`. A model is a plain scikit-learn pipeline.

Its estimators, and why some are left out:

- lr, nb, dt, et, rf, gbc: the default. Each takes weights and fits 20,000 x 60 in about two seconds or less.
- ada, lda: by name only. ada takes 6 s, LightGBM's stumps, nearly the same model, 0.3 s; lda takes no weights, so they
  must all be equal.
- For a regression: ridge, dt, et, rf, gbr, of the same families; others fit as slowly or score through BLAS.
- ridge (classifying), svm: no probabilities. knn, qda: take no weights, and a saved knn holds every training trade.
  mlp, rbfsvm: 26 and 23 s at 20,000 x 60, and mlp scores through BLAS. gpc: its kernel alone would take 3 GB.
  lightgbm: has an engine of its own. xgboost, catboost: not installed. dummy: learns nothing. Bagging, Stacking,
  Voting, CalibratedCV: wrap others, and some split on their own; see `models.engines.pycaret_ensemble`.
"""

from __future__ import annotations

import os
import threading
import warnings
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.market.extras import import_extra
from tradesieve.models.engines.base import Candidate, Engine
from tradesieve.models.engines.scikit_pipeline import CONTROLS, check_parameters, fit_pipeline, set_controls
from tradesieve.models.engines.search_spaces import Range, Space, draw
from tradesieve.models.engines.training_rows import SelectedRows
from tradesieve.models.fitted.model import ScikitModel
from tradesieve.models.labels.base import CLASSIFICATION, REGRESSION

_WEAK = {"min_impurity_decrease": (1e-7, 3e-5)}
"""PyCaret draws up to 0.5, but a trade's outcome is nearly noise. On 20,000 rows with a weak signal, 20 trees of et, rf
and gbc: all split at 0.00001, 4, 20 and 10 of them at 0.0001, none, 1 and 2 at 0.001."""
_FEW_FEATURES = {"max_features": ["sqrt", "log2"]}
"""PyCaret draws 40 to 100 % of the features at every split, which takes rf three to eight times as long. Both values
are in PyCaret's own grid."""


@dataclass(frozen=True)
class _Family:
    """A container of PyCaret and what differs from it.

    Parameters
    ----------
    container : PyCaret's class.
    start : the default parameters.
    narrowed : a narrower space, so that fits take seconds.
    """

    container: str
    start: dict[str, Any] = field(default_factory=dict)
    narrowed: dict[str, Any] = field(default_factory=dict)


_SQUARES = {"criterion": ["squared_error"]}
"""PyCaret also draws absolute errors, whose trees take time with the square of the rows."""

_FAMILIES = {
    CLASSIFICATION: {
        "lr": _Family("LogisticRegressionClassifierContainer", start={"C": 0.1}),
        "nb": _Family("GaussianNBClassifierContainer"),
        "dt": _Family("DecisionTreeClassifierContainer", start={"max_depth": 5, "min_samples_leaf": 6}, narrowed=_WEAK),
        "et": _Family(
            "ExtraTreesClassifierContainer",
            start={"n_estimators": 100, "max_depth": 9, "min_samples_leaf": 5, "max_features": "sqrt"},
            narrowed={"n_estimators": (20, 150)} | _WEAK | _FEW_FEATURES,
        ),
        "rf": _Family(
            "RandomForestClassifierContainer",
            start={"n_estimators": 50, "max_depth": 7, "min_samples_leaf": 6, "max_features": "sqrt"},
            narrowed={"n_estimators": (10, 80)} | _WEAK | _FEW_FEATURES,
        ),
        "gbc": _Family(
            "GradientBoostingClassifierContainer",
            start={"n_estimators": 100, "max_depth": 3, "subsample": 0.5, "max_features": "sqrt"},
            narrowed={"n_estimators": (10, 150), "max_depth": (1, 6), "learning_rate": (0.01, 0.3)}
            | _WEAK
            | _FEW_FEATURES,
        ),
        "ada": _Family(
            "AdaBoostClassifierContainer", narrowed={"n_estimators": (10, 60), "learning_rate": (0.01, 0.5)}
        ),
        "lda": _Family("LinearDiscriminantAnalysisContainer"),
    },
    REGRESSION: {
        "ridge": _Family("RidgeRegressionContainer", start={"alpha": 10.0}),
        "dt": _Family(
            "DecisionTreeRegressorContainer",
            start={"max_depth": 3, "min_samples_leaf": 6},
            narrowed={"max_depth": (1, 6)} | _SQUARES | _WEAK,
        ),
        "et": _Family(
            "ExtraTreesRegressorContainer",
            start={"n_estimators": 100, "max_depth": 6, "min_samples_leaf": 5, "max_features": "sqrt"},
            narrowed={"n_estimators": (20, 150)} | _SQUARES | _WEAK | _FEW_FEATURES,
        ),
        "rf": _Family(
            "RandomForestRegressorContainer",
            start={"n_estimators": 50, "max_depth": 5, "min_samples_leaf": 6, "max_features": "sqrt"},
            narrowed={"n_estimators": (10, 80)} | _SQUARES | _WEAK | _FEW_FEATURES,
        ),
        "gbr": _Family(
            "GradientBoostingRegressorContainer",
            start={"n_estimators": 100, "max_depth": 2, "subsample": 0.5, "max_features": "sqrt"},
            narrowed={"n_estimators": (10, 150), "max_depth": (1, 6), "learning_rate": (0.01, 0.3)}
            | _WEAK
            | _FEW_FEATURES,
        ),
    },
}
_BY_NAME_ONLY = ("ada", "lda")
_WITHOUT_WEIGHTS = ("lda",)


class PyCaretEngine(Engine):
    """Scikit-learn's estimators as PyCaret lists them, after a median imputer with indicators and a scaler."""

    name: ClassVar[str] = "pycaret"
    library: ClassVar[str] = "pycaret"
    extra: ClassVar[str] = "pycaret"

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return tuple(_FAMILIES[task])

    def default_estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return tuple(name for name in _FAMILIES[task] if name not in _BY_NAME_ONLY)

    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        return _container(estimator, task).arguments | _FAMILIES[task][estimator].start

    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        return draw(_container(estimator, task).space, generator)

    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> ScikitModel:
        container, weighted = _container(candidate.estimator, candidate.task), {"sample_weight": rows.weight}
        check_parameters(candidate, container.known)
        if candidate.estimator in _WITHOUT_WEIGHTS:
            weighted = {}
            if rows.weight.min() != rows.weight.max():
                raise BadInput(
                    f"{candidate.estimator} takes no weights: pass equal ones, or leave it out of the search"
                )
        estimator = container.build(**candidate.parameters)
        set_controls(estimator, seed)
        return fit_pipeline(lambda Z: estimator.fit(Z, rows.y, **weighted), rows)


@dataclass(frozen=True)
class _Container:
    """What is used of a PyCaret container.

    Parameters
    ----------
    build : the estimator's class.
    known : the parameters of the class.
    arguments : those that PyCaret always sets, except seed and threads.
    space : the search space.
    """

    build: Any
    known: tuple[str, ...]
    arguments: dict[str, Any]
    space: Space


class _MinimalExperiment:
    """What a PyCaret container reads from its experiment: seed, GPU, threads and backend.

    A real experiment would split and preprocess data in its setup.
    """

    seed = 0
    gpu_param = False
    n_jobs_param = 1

    def get_engine(self, estimator: str) -> None:
        return None


_importing = threading.Lock()


def _container(estimator: str, task: str = CLASSIFICATION) -> _Container:
    with _importing:
        return _read_container(estimator, task)


@cache
def _read_container(estimator: str, task: str) -> _Container:
    containers, family = _import_quietly(task), _FAMILIES[task][estimator]
    # The container seeds numpy's global generator, whose state is restored.
    state = np.random.get_state()
    try:
        container = getattr(containers, family.container)(_MinimalExperiment())
    finally:
        np.random.set_state(state)
    known = tuple(sorted(set(container.class_def().get_params()) - set(CONTROLS)))
    # 4.0.0a8 still tunes ada's `algorithm`, which scikit-learn no longer has.
    space = {name: _values(found) for name, found in container.tune_distribution.items() if name in known}
    for name, narrower in family.narrowed.items():
        own = space[name]
        if isinstance(narrower, list) or isinstance(own, list):
            space[name] = narrower
        else:
            space[name] = replace(own, low=narrower[0], high=narrower[1])
    arguments = {name: value for name, value in container.args.items() if name not in CONTROLS}
    return _Container(container.class_def, known, arguments, space)


def _import_quietly(task: str) -> Any:
    """Import PyCaret's containers without their side effects.

    The import opens `logs.log` in the current folder and redirects every warning of the process into it.
    """
    setting = "PYCARET_CUSTOM_LOGGING_PATH"
    chosen, show_warning = os.environ.get(setting), warnings.showwarning
    os.environ[setting] = chosen or os.devnull
    try:
        containers = import_extra(f"pycaret.containers.models.{task}", PyCaretEngine.extra)
    finally:
        warnings.showwarning = show_warning
        if chosen is None:
            del os.environ[setting]
    return containers


def _values(distribution: Any) -> Range | list[Any]:
    """Read a distribution's bounds or choices.

    They are not drawn by PyCaret: its `get_base` passes scipy the upper bound as a width, so that a fraction of 0.4 to
    1 would reach 1.4.
    """
    if hasattr(distribution, "values"):
        return list(distribution.values)
    return Range(distribution.lower, distribution.upper, isinstance(distribution.lower, int), distribution.log)
