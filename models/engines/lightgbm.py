"""LightGBM: boosted trees that handle NaN natively."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.engines.base import Candidate, Engine
from tradesieve.models.engines.training_rows import SelectedRows
from tradesieve.models.fitted.model import LightGBMMeanModel, LightGBMModel, Model
from tradesieve.models.labels.base import CLASSIFICATION, REGRESSION

if TYPE_CHECKING:
    import lightgbm

_KINDS: dict[str, dict[str, Any]] = {
    "gbdt": {"boosting": "gbdt"},
    "extra": {"boosting": "gbdt", "extra_trees": True},
    "forest": {"boosting": "rf"},
    "dart": {"boosting": "dart"},
}
"""Boosting, boosting with random thresholds, random forest, and boosting with dropout."""

_MEAN = "mean"
"""The mean of boosting and of boosting with random thresholds, each divided by the deviation of its scores."""

_START: dict[str, dict[str, Any]] = {
    CLASSIFICATION: {
        "n_trees": 150,
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.7,
        "lambda_l2": 1.0,
    },
    REGRESSION: {
        "n_trees": 200,
        "learning_rate": 0.03,
        "num_leaves": 4,
        "min_data_in_leaf": 200,
        "feature_fraction": 0.3,
        # Up to a half, LightGBM copies the rows that each tree reads, which costs a quarter of the time.
        "bagging_fraction": 0.55,
        "lambda_l2": 20.0,
    },
}
"""Small trees and strong regularisation, because trades are few and their outcomes mostly noise."""

OBJECTIVES = {CLASSIFICATION: "binary", REGRESSION: "regression"}

BINNING: dict[str, Any] = {
    "bagging_freq": 1,
    "deterministic": True,
    # Otherwise LightGBM times two layouts and takes the faster, so another run may sum in another order.
    "force_col_wise": True,
    # Rows are binned once for candidates of any `min_data_in_leaf`.
    "feature_pre_filter": False,
    "num_threads": 1,
    "verbosity": -1,
}
"""The settings that all candidates share, by which rows are also sorted into bins."""
BINNED_BY = (*BINNING, "max_bin")
"""The settings of a fit by which its rows are sorted into bins."""

_FEW_ROWS = 1500
"""With fewer rows, most of a fit is overhead: of each tree, and of going over bins that hold two or three rows each."""
_FEW_BINS = 31

SPACE: dict[str, tuple[float, float, str]] = {
    "n_trees": (40, 300, "whole"),
    "learning_rate": (0.01, 0.2, "log"),
    "num_leaves": (3, 48, "whole log"),
    "min_data_in_leaf": (10, 300, "whole log"),
    "feature_fraction": (0.2, 1.0, "even"),
    "bagging_fraction": (0.4, 0.95, "even"),
    "lambda_l2": (0.01, 100.0, "log"),
}
"""Parameter to (low, high, scale)."""

_LEAVES_PER_FIT = 20
"""A leaf needs no more than this part of the rows, or few trades would allow no split at all."""


class LightGBMEngine(Engine):
    """Kinds of LightGBM boosters, deterministic and on one thread."""

    name: ClassVar[str] = "lightgbm"

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        # Dropout also drops the mean of the targets, which is part of the first tree of a regression.
        return tuple(_KINDS) if task == CLASSIFICATION else (_MEAN, "gbdt", "extra", "forest")

    def default_estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return tuple(_KINDS) if task == CLASSIFICATION else (_MEAN, "gbdt", "extra")

    def members(self, candidate: Candidate) -> tuple[Candidate, ...]:
        if candidate.estimator != _MEAN:
            return ()
        parameters = _START[candidate.task] | candidate.parameters
        return (
            replace(candidate, estimator="gbdt", parameters=parameters),
            replace(candidate, estimator="extra", parameters=_with_random_thresholds(parameters)),
        )

    def quick(self, candidate: Candidate, n_rows: int) -> Candidate:
        """Return a candidate with fewer bins and, where trees are boosted, half of them at twice the learning rate."""
        if n_rows >= _FEW_ROWS:
            return candidate
        parameters = self._start(candidate.estimator, candidate.task) | candidate.parameters
        if candidate.estimator in (_MEAN, "gbdt", "extra"):
            parameters["n_trees"] = math.ceil(parameters["n_trees"] / 2)
            parameters["learning_rate"] *= 2.0
        return replace(candidate, parameters=parameters | {"max_bin": _FEW_BINS})

    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        start = dict(_START[task])
        return _with_random_thresholds(start) if task == REGRESSION and estimator == "extra" else start

    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        drawn: dict[str, Any] = {}
        for name, (low, high, scale) in SPACE.items():
            bounds = (math.log(low), math.log(high)) if "log" in scale else (low, high)
            value = float(generator.uniform(*bounds))
            value = math.exp(value) if "log" in scale else value
            drawn[name] = round(value) if "whole" in scale else float(f"{value:.4g}")
        return drawn

    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> Model:
        settings, n_trees = training_settings(candidate, len(rows), seed=seed)
        booster = train_booster(rows, settings, n_trees)
        return LightGBMModel(booster.model_to_string(), rows.columns, rows.n_features, deviation=_deviation(booster))

    def _combine(self, members: Sequence[Any]) -> Model:
        scales = [member.deviation for member in members]
        if min(scales) == 0.0:
            raise BadInput("the features of the training rows tell no good trade from a bad one")
        return LightGBMMeanModel(members, scales)


def training_settings(candidate: Candidate, n_rows: int, *, seed: int) -> tuple[dict[str, Any], int]:
    """Return what `lightgbm.train` is given for a candidate on so many rows, and the number of trees.

    Rows are sorted into bins before, by those of the settings that `BINNED_BY` names.

    Raises
    ------
    Unknown : if LightGBM has no such parameter, or it is not searched.
    """
    for name in candidate.parameters:
        if name not in SPACE and name != "max_bin":
            raise Unknown("parameter of lightgbm", name, SPACE)
    parameters = _START[candidate.task] | candidate.parameters
    if candidate.task == REGRESSION:
        fitting = max(1, n_rows // _LEAVES_PER_FIT)
        parameters["min_data_in_leaf"] = min(parameters["min_data_in_leaf"], fitting)
    settings = BINNING | {"objective": OBJECTIVES[candidate.task], "seed": seed} | _KINDS[candidate.estimator]
    n_trees = int(parameters.pop("n_trees"))
    return settings | parameters, n_trees


def train_booster(rows: SelectedRows, settings: dict[str, Any], n_trees: int) -> lightgbm.Booster:
    """Train on rows whose features are sorted into bins once for all fits: it takes as long as half the trees of one.

    Parameters
    ----------
    settings : LightGBM's, `BINNING` among them.
    """
    import lightgbm

    binning = {name: settings[name] for name in BINNED_BY if name in settings}

    def sort() -> lightgbm.Dataset:
        return lightgbm.Dataset(rows.X, label=rows.y, weight=rows.weight, params=dict(binning)).construct()

    binned = rows.once(("binned by lightgbm", binning.get("max_bin")), sort)
    return lightgbm.train(settings, binned, num_boost_round=n_trees, keep_training_booster=True)


def _deviation(booster: lightgbm.Booster) -> float:
    """Return the deviation of the scores on the training rows, which LightGBM keeps while it trains."""
    found: list[float] = []

    def deviation(scores: np.ndarray, _: lightgbm.Dataset) -> tuple[str, float, bool]:
        found.append(float(np.std(scores)) if np.ptp(scores) > 0.0 else 0.0)
        return "deviation", found[0], True

    booster.eval_train(deviation)
    return found[0]


def _with_random_thresholds(parameters: dict[str, Any]) -> dict[str, Any]:
    """Give trees whose thresholds are drawn at random what they need to learn as much: twice the leaves, more trees."""
    return parameters | {"num_leaves": 2 * parameters["num_leaves"], "n_trees": round(1.5 * parameters["n_trees"])}
