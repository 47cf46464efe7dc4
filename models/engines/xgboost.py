"""XGBoost: boosted trees on binned features that handle NaN natively; of the extra ``engines``."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tradesieve.models.engines.base import Candidate, Engine
from tradesieve.models.engines.scikit_pipeline import check_parameters
from tradesieve.models.engines.search_spaces import Range, Space, draw
from tradesieve.models.engines.training_rows import SelectedRows
from tradesieve.models.fitted.model import XGBoostModel, installed, within_float32
from tradesieve.models.labels.base import CLASSIFICATION, REGRESSION

_START: dict[str, dict[str, Any]] = {
    CLASSIFICATION: {
        "n_trees": 150,
        "learning_rate": 0.05,
        "max_depth": 4,
        "min_child_weight": 10.0,
        "colsample_bytree": 0.7,
        "subsample": 0.7,
        "reg_lambda": 1.0,
    },
    REGRESSION: {
        "n_trees": 200,
        "learning_rate": 0.03,
        "max_depth": 2,
        "min_child_weight": 200.0,
        "colsample_bytree": 0.3,
        "subsample": 0.55,
        "reg_lambda": 20.0,
    },
}
"""As LightGBM starts here, in XGBoost's terms."""
_SPACE: Space = {
    "n_trees": Range(40, 300, whole=True),
    "learning_rate": Range(0.01, 0.2, logarithmic=True),
    "max_depth": Range(1, 6, whole=True),
    "min_child_weight": Range(3.0, 300.0, logarithmic=True),
    "colsample_bytree": Range(0.2, 1.0),
    "subsample": Range(0.4, 0.95),
    "reg_lambda": Range(0.01, 100.0, logarithmic=True),
}
SETTINGS: dict[str, dict[str, Any]] = {
    task: {"objective": objective, "tree_method": "hist", "nthread": 1, "verbosity": 0}
    for task, objective in ((CLASSIFICATION, "binary:logistic"), (REGRESSION, "reg:squarederror"))
}
"""What no candidate changes, by task."""
_LEAVES_PER_FIT = 20
"""A leaf needs no more than this part of the rows, or few trades would allow no split at all."""


class XGBoostEngine(Engine):
    """XGBoost's boosted trees, on one thread."""

    name: ClassVar[str] = "xgboost"
    library: ClassVar[str] = "xgboost"

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return ("gbtree",)

    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        return dict(_START[task])

    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        return draw(_SPACE, generator)

    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> XGBoostModel:
        check_parameters(candidate, _SPACE)
        parameters = _START[candidate.task] | candidate.parameters
        if candidate.task == REGRESSION:
            parameters["min_child_weight"] = min(parameters["min_child_weight"], max(1, len(rows) // _LEAVES_PER_FIT))
        n_trees = parameters.pop("n_trees")
        settings = SETTINGS[candidate.task] | {"seed": seed}
        return train_xgboost(rows, settings | parameters, n_trees)


def train_xgboost(rows: SelectedRows, settings: dict[str, Any], n_trees: int) -> XGBoostModel:
    """Train on rows whose features are sorted into bins once for all fits.

    Parameters
    ----------
    settings : XGBoost's, `SETTINGS` of the task among them.
    """
    xgboost = installed("xgboost")

    def sort() -> Any:
        return xgboost.QuantileDMatrix(within_float32(rows.X), label=rows.y, weight=rows.weight, nthread=1)

    booster = xgboost.train(settings, rows.once("binned by xgboost", sort), num_boost_round=n_trees)
    return XGBoostModel(bytes(booster.save_raw("ubj")), rows.columns, rows.n_features)
