"""Methods of weights: shares of the capital from the past daily returns of strategy instances.

Only instances with enough closed trades and a return that varies get capital, whatever the method; ``equal`` alone
looks at nothing. Weights are at least 0 and sum to 1, or to 0 where no instance qualifies: then nothing is traded.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tradesieve.market.errors import BadInput, lookup
from tradesieve.strategies.allocation.skfolio_methods import SKFOLIO_METHODS, check_installed

EQUAL = "equal"
MINIMUM_TRADES = 20
"""Closed trades below which the past of an instance says too little, unless told otherwise."""


def zero_one(history: np.ndarray) -> np.ndarray:
    """Share the capital equally among the instances that earned.

    Parameters
    ----------
    history : float64 (n_days, n_instances), daily returns, each column with some variance.

    Examples
    --------
    >>> zero_one(np.array([[0.02, -0.01, 0.0], [-0.01, 0.0, 0.01]])).tolist()
    [0.5, 0.0, 0.5]
    """
    return _shares((history.sum(axis=0) > 0).astype(np.float64))


def inverse_volatility(history: np.ndarray) -> np.ndarray:
    """Weigh by one over the standard deviation of the daily returns, days without an exit included.

    Parameters
    ----------
    history : as `zero_one`.

    Examples
    --------
    >>> inverse_volatility(np.array([[0.02, -0.01], [-0.02, 0.01]])).round(4).tolist()
    [0.3333, 0.6667]
    """
    return _shares(1.0 / history.std(axis=0))


METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "zero_one": zero_one,
    EQUAL: lambda history: _shares(np.ones(history.shape[1])),
    "inverse_volatility": inverse_volatility,
    **SKFOLIO_METHODS,
}
"""Name: what it makes of the returns of the instances that qualify."""


def check_method(name: str) -> None:
    """Refuse a method that does not exist, or whose library is missing.

    Raises
    ------
    Unknown : if there is none of that name; suggests the nearest one.
    BadInput : if its library is not installed.
    """
    lookup("method", name, METHODS)
    if name in SKFOLIO_METHODS:
        check_installed()


def estimate_weights(
    name: str, history: np.ndarray, n_closed: np.ndarray, *, minimum_trades: int = MINIMUM_TRADES
) -> np.ndarray:
    """Estimate the weight of every instance.

    Parameters
    ----------
    name : of `METHODS`.
    history : float64 (n_days, n_instances), daily returns of the past alone.
    n_closed : int64 (n_instances,), closed trades behind them.
    minimum_trades : an instance with fewer gets no capital, unless the method is ``equal``.

    Returns
    -------
    float64 (n_instances,), at least 0, of sum 1 or 0.

    Raises
    ------
    Unknown : if there is no such method.
    BadInput : if its library is missing, or `minimum_trades` is below 1.
    BadData : if a solver finds no weights.
    """
    method = lookup("method", name, METHODS)
    if minimum_trades < 1:
        raise BadInput(f"minimum trades are {minimum_trades}: ask for at least 1")
    if name == EQUAL:
        return method(history)
    known = np.flatnonzero((n_closed >= minimum_trades) & (np.ptp(history, axis=0) > 0 if len(history) else False))
    found = np.zeros(history.shape[1])
    if len(known):
        found[known] = method(history[:, known])
    return found


def _shares(values: np.ndarray) -> np.ndarray:
    total = values.sum()
    return values / total if total > 0 else np.zeros(len(values))
