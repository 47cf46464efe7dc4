"""Scores of a fitted scikit-learn pipeline, with the same bits for one row as for many.

`Pipeline.predict_proba` differs in the last bits where an estimator multiplies matrices, because BLAS sums one row in
another order than a block of rows. Here a linear decision is a product followed by numpy's sum along C-ordered rows,
whose order depends on the length of the row alone; every other step works element by element. Scikit-learn's checks,
which cost more than the scores of a single row, are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_FARTHEST = 1e15
"""Standard deviations at which inputs are clipped, far beyond training rows; more would overflow a tree's float32."""


def scorer(pipeline: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Build the scoring function of a fitted pipeline with the steps imputer, scaler and estimator.

    Equals: ``pipeline.predict_proba(X)[:, 1]``, and ``pipeline.predict(X)`` of a regressor, to the bit for trees and to
    rounding for the others, for values within 1e15 standard deviations.

    Parameters
    ----------
    pipeline : a `sklearn.pipeline.Pipeline` of a median `SimpleImputer` with indicators, a `StandardScaler` and a
        classifier of the classes 0 and 1, or a regressor.

    Returns
    -------
    function of a float64 (n_rows, n_features) array in C order, NaN allowed, to float64 (n_rows,) probabilities of 1,
    or predictions.
    """
    from sklearn.base import is_regressor

    prepare = _preparation(pipeline.named_steps["imputer"], pipeline.named_steps["scaler"])
    estimator = pipeline.named_steps["estimator"]
    score = _estimator_scores(estimator)
    if is_regressor(estimator):
        return lambda X: score(prepare(X))
    # A sum of probabilities over trees may exceed 1 by a rounding error.
    return lambda X: np.clip(score(prepare(X)), 0.0, 1.0)


def _preparation(imputer: Any, scaler: Any) -> Callable[[np.ndarray], np.ndarray]:
    medians, indicated = imputer.statistics_, imputer.indicator_.features_
    mean, scale = scaler.mean_, scaler.scale_
    n_columns = len(medians)

    def prepare(X: np.ndarray) -> np.ndarray:
        missing = np.isnan(X)
        prepared = np.empty((len(X), len(mean)))
        prepared[:, :n_columns] = np.where(missing, medians, X)
        prepared[:, n_columns:] = missing[:, indicated]
        with np.errstate(over="ignore"):
            prepared -= mean
            prepared /= scale
        return np.clip(prepared, -_FARTHEST, _FARTHEST, out=prepared)

    return prepare


def _estimator_scores(estimator: Any) -> Callable[[np.ndarray], np.ndarray]:
    from sklearn.base import is_regressor

    kind = type(estimator).__name__
    if kind in ("LogisticRegression", "LinearDiscriminantAnalysis"):
        return _linear_scores(estimator)
    if kind == "Ridge":
        return _linear_predictions(estimator)
    if kind in ("RandomForestClassifier", "ExtraTreesClassifier", "RandomForestRegressor", "ExtraTreesRegressor"):
        return _tree_scores([member.tree_ for member in estimator.estimators_])
    if kind in ("DecisionTreeClassifier", "DecisionTreeRegressor"):
        return _tree_scores([estimator.tree_])
    # The others (boosted trees, naive Bayes) multiply no matrices, which the tests of the engines check.
    return estimator.predict if is_regressor(estimator) else lambda Z: estimator.predict_proba(Z)[:, 1]


def _linear_scores(estimator: Any) -> Callable[[np.ndarray], np.ndarray]:
    from scipy.special import expit

    coefficients, intercept = np.ascontiguousarray(estimator.coef_[0]), float(estimator.intercept_[0])
    return lambda Z: expit((Z * coefficients).sum(axis=1) + intercept)


def _linear_predictions(estimator: Any) -> Callable[[np.ndarray], np.ndarray]:
    coefficients, intercept = np.ascontiguousarray(estimator.coef_), float(estimator.intercept_)
    return lambda Z: (Z * coefficients).sum(axis=1) + intercept


def _tree_scores(trees: list[Any]) -> Callable[[np.ndarray], np.ndarray]:
    def scores(Z: np.ndarray) -> np.ndarray:
        rows = Z.astype(np.float32)  # as scikit-learn's trees were fitted
        total = np.zeros(len(rows))
        for tree in trees:
            total += tree.predict(rows)[:, -1]  # the second class, or the only output of a regression
        return total / len(trees)

    return scores
