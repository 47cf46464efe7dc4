"""The small trees that selections judge columns by: LightGBM, on one thread, the same for the same rows and seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_COMMON: dict[str, Any] = {
    "objective": "regression",
    "bagging_freq": 1,
    "max_bin": 63,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_BOOSTED: dict[str, Any] = {
    "learning_rate": 0.05, "num_leaves": 4, "feature_fraction": 0.5, "bagging_fraction": 0.55, "lambda_l2": 20.0,
}  # fmt: skip
_FOREST: dict[str, Any] = {"boosting": "rf", "num_leaves": 16, "feature_fraction": 0.3, "bagging_fraction": 0.63}
_LARGEST_LEAF = 200
_LEAVES_PER_FIT = 20


def boosted_trees(X: np.ndarray, y: np.ndarray, *, seed: int) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """Fit boosted trees by squared loss, which for 0 and 1 is Brier's.

    Returns
    -------
    predict : function of rows, float64 (n, n_features), to float64 (n,).
    used : bool (n_features,), which columns a tree splits on.
    """
    booster = _train(X, y, _BOOSTED, n_trees=100, seed=seed)
    return lambda rows: booster.predict(rows, num_threads=1), booster.feature_importance("split") > 0


def forest_gains(X: np.ndarray, y: np.ndarray, *, seed: int) -> np.ndarray:
    """Fit a random forest and return how much each column reduced the squared loss: float64 (n_features,)."""
    forest = _train(X, y, _FOREST, n_trees=50, seed=seed)
    return np.asarray(forest.feature_importance("gain"))


def _train(X: np.ndarray, y: np.ndarray, settings: dict[str, Any], *, n_trees: int, seed: int) -> Any:
    import lightgbm

    leaf = min(_LARGEST_LEAF, max(1, len(y) // _LEAVES_PER_FIT))
    parameters = _COMMON | settings | {"seed": seed, "min_data_in_leaf": leaf}
    rows = lightgbm.Dataset(X, label=y, params=parameters)
    return lightgbm.train(parameters, rows, num_boost_round=n_trees)
