"""The methods of skfolio (BSD), an extra: risk is the semi-deviation, the downside only, as in the Sortino ratio.

skfolio's estimators take returns of days; nothing but their weights is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tradesieve.market.errors import BadData
from tradesieve.market.extras import import_extra

_PRECISION = 1e-5
"""Below it, a weight is what a solver leaves of nothing."""


def mean_risk(history: np.ndarray) -> np.ndarray:
    """Maximise the mean over the semi-deviation (Markowitz, 1959); zeros where no instance earned.

    Parameters
    ----------
    history : float64 (n_days, n_instances), daily returns, each column with some variance.

    Returns
    -------
    float64 (n_instances,), at least 0, of sum 1 or 0.

    Raises
    ------
    BadInput : if skfolio is not installed.
    BadData : if the solver finds no weights.
    """
    if not (history.mean(axis=0) > 0).any():
        return np.zeros(history.shape[1])
    skfolio, optimization = _library()
    ratio = optimization.ObjectiveFunction.MAXIMIZE_RATIO
    return _fitted(
        optimization.MeanRisk(objective_function=ratio, risk_measure=skfolio.RiskMeasure.SEMI_DEVIATION), history
    )


def hierarchical_risk_parity(history: np.ndarray) -> np.ndarray:
    """Split capital down a tree of correlations by inverse semi-deviation (Lopez de Prado, 2016); as `mean_risk`."""
    skfolio, optimization = _library()
    return _fitted(optimization.HierarchicalRiskParity(risk_measure=skfolio.RiskMeasure.SEMI_DEVIATION), history)


def risk_budgeting(history: np.ndarray) -> np.ndarray:
    """Let each instance add the same to the semi-deviation (Maillard, Roncalli and Teiletche, 2010); as `mean_risk`."""
    skfolio, optimization = _library()
    return _fitted(optimization.RiskBudgeting(risk_measure=skfolio.RiskMeasure.SEMI_DEVIATION), history)


SKFOLIO_METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean_risk": mean_risk,
    "hierarchical_risk_parity": hierarchical_risk_parity,
    "risk_budgeting": risk_budgeting,
}


def check_installed() -> None:
    """Refuse where skfolio is missing.

    Raises
    ------
    BadInput : says how to install it.
    """
    _library()


def _library() -> tuple[Any, Any]:
    return import_extra("skfolio", "skfolio"), import_extra("skfolio.optimization", "skfolio")


def _fitted(estimator: Any, history: np.ndarray) -> np.ndarray:
    if history.shape[1] == 1:
        return np.ones(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few days: the covariance that starts the search is mended
        try:
            found = np.asarray(estimator.fit(history).weights_, dtype=np.float64)
        except Exception as error:  # the solvers raise errors of their own kinds
            raise BadData(f"skfolio found no weights: {error}") from error
    if not np.isfinite(found).all():
        raise BadData("skfolio found no weights: they are not finite")
    kept = np.where(found > _PRECISION, found, 0.0)
    return kept / kept.sum()
