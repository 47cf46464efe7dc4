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
_BLOCK = 256
"""Rows that are scored at once where a row takes much memory."""
_DISTANCES = {"euclidean": "sqeuclidean", "manhattan": "cityblock"}
"""Scikit-learn's metrics, by scipy's names of distances of the same order."""


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
    if kind == "KNeighborsRegressor":
        return _neighbour_scores(estimator)
    if kind in ("MLPClassifier", "MLPRegressor"):
        return _network_scores(estimator)
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


def _neighbour_scores(estimator: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Divide the neighbours' sum of weighted targets by that of their weights.

    The sums and distances of scikit-learn run over blocks of rows; those of scipy's distances over one pair of rows.
    """
    from scipy.spatial.distance import cdist

    rows, n_neighbors, metric = estimator._fit_X, estimator.n_neighbors, _DISTANCES[estimator.metric]
    weighted, weight = np.ascontiguousarray(estimator._y.T)

    def scores(Z: np.ndarray) -> np.ndarray:
        totals, weights = np.zeros(len(Z)), np.zeros(len(Z))
        for start in range(0, len(Z), _BLOCK):
            block = slice(start, start + _BLOCK)
            nearest = np.argpartition(cdist(Z[block], rows, metric), n_neighbors - 1, axis=1)[:, :n_neighbors]
            for neighbour in nearest.T:
                totals[block] += weighted[neighbour]
                weights[block] += weight[neighbour]
        return totals / weights

    return scores


def _network_scores(network: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Pass rows through the layers, each a product followed by a sum along its inputs."""
    from scipy.special import expit

    layers = [
        (np.ascontiguousarray(coefficients.T), intercepts)
        for coefficients, intercepts in zip(network.coefs_, network.intercepts_, strict=True)
    ]

    def outputs(values: np.ndarray) -> np.ndarray:
        for number, (coefficients, intercepts) in enumerate(layers, start=1):
            values = (values[:, None, :] * coefficients).sum(axis=2) + intercepts
            if number < len(layers):
                values = np.maximum(values, 0.0)
        return values[:, 0]

    def scores(Z: np.ndarray) -> np.ndarray:
        blocks = [outputs(Z[start : start + _BLOCK]) for start in range(0, len(Z), _BLOCK)]
        values = np.concatenate(blocks)
        return expit(values) if network.out_activation_ == "logistic" else values

    return scores
