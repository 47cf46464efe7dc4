"""The pipeline of the engines that fit scikit-learn's estimators: imputer, scaler, estimator."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from tradesieve.market.errors import Unknown
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.training_rows import SelectedRows
from tradesieve.models.fitted.model import ScikitModel

CONTROLS = ("random_state", "n_jobs")
"""Parameters that an engine sets itself: seed and threads."""


def check_parameters(candidate: Candidate, known: Collection[str]) -> None:
    """Raise Unknown if the candidate names a parameter that its estimator lacks."""
    for name in candidate.parameters:
        if name not in known:
            raise Unknown(f"parameter of {candidate.estimator}", name, tuple(known))


def set_controls(estimator: Any, seed: int) -> None:
    """Set the seed, and one thread, where the estimator has parameters for them."""
    values, known = {"random_state": seed, "n_jobs": 1}, set(estimator.get_params())
    if type(estimator).__name__ == "LogisticRegression":
        known.discard("n_jobs")  # it has no effect, and scikit-learn warns of it
    estimator.set_params(**{name: values[name] for name in CONTROLS if name in known})


def fit_pipeline(fit_estimator: Callable[[np.ndarray], Any], rows: SelectedRows) -> ScikitModel:
    """Fit a median imputer with indicators, a scaler and the estimator on these rows alone.

    Parameters
    ----------
    fit_estimator : returns the estimator, fitted on what imputer and scaler make of the features of `rows`.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    # A factor that is unknown on every row of a fold is kept as a constant.
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    scaler = StandardScaler()
    estimator = fit_estimator(scaler.fit_transform(imputer.fit_transform(rows.X)))
    pipeline = Pipeline([("imputer", imputer), ("scaler", scaler), ("estimator", estimator)])
    return ScikitModel(pipeline, rows.columns, rows.n_features)
