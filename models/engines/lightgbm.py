"""LightGBM: boosted trees that handle NaN natively."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tradesieve.market.errors import Unknown
from tradesieve.models.engines.base import Candidate, Engine
from tradesieve.models.fitted.model import LightGBMModel

_KINDS: dict[str, dict[str, Any]] = {
    "gbdt": {"boosting": "gbdt"},
    "extra": {"boosting": "gbdt", "extra_trees": True},
    "forest": {"boosting": "rf"},
    "dart": {"boosting": "dart"},
}
"""Boosting, boosting with random thresholds, random forest, and boosting with dropout."""

_START: dict[str, Any] = {
    "n_trees": 150,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "lambda_l2": 1.0,
}
"""Small trees and strong regularisation, because trades are few and their outcomes mostly noise."""

_SPACE: dict[str, tuple[float, float, str]] = {
    "n_trees": (40, 300, "whole"),
    "learning_rate": (0.01, 0.2, "log"),
    "num_leaves": (3, 48, "whole log"),
    "min_data_in_leaf": (10, 300, "whole log"),
    "feature_fraction": (0.2, 1.0, "even"),
    "bagging_fraction": (0.4, 0.95, "even"),
    "lambda_l2": (0.01, 100.0, "log"),
}


class LightGBMEngine(Engine):
    """Four kinds of LightGBM boosters, deterministic and on one thread."""

    name: ClassVar[str] = "lightgbm"

    def estimators(self) -> tuple[str, ...]:
        return tuple(_KINDS)

    def _start(self, estimator: str) -> dict[str, Any]:
        return dict(_START)

    def _draw(self, estimator: str, generator: np.random.Generator) -> dict[str, Any]:
        drawn: dict[str, Any] = {}
        for name, (low, high, scale) in _SPACE.items():
            bounds = (math.log(low), math.log(high)) if "log" in scale else (low, high)
            value = float(generator.uniform(*bounds))
            value = math.exp(value) if "log" in scale else value
            drawn[name] = round(value) if "whole" in scale else float(f"{value:.4g}")
        return drawn

    def _fit(
        self,
        candidate: Candidate,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        seed: int,
        columns: np.ndarray,
        n_features: int,
    ) -> LightGBMModel:
        import lightgbm

        for name in candidate.parameters:
            if name not in _SPACE:
                raise Unknown("parameter of lightgbm", name, _SPACE)
        parameters = _START | candidate.parameters
        n_trees = parameters.pop("n_trees")
        parameters |= _KINDS[candidate.estimator]
        parameters |= {
            "objective": "binary",
            "bagging_freq": 1,
            "seed": seed,
            "deterministic": True,
            # Otherwise LightGBM times two layouts and takes the faster, so another run may sum in another order.
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        rows = lightgbm.Dataset(X, label=y, weight=weight, params={"verbosity": -1, "num_threads": 1})
        booster = lightgbm.train(parameters, rows, num_boost_round=n_trees)
        return LightGBMModel(booster.model_to_string(), columns, n_features)
