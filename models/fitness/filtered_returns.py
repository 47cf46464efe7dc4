"""Daily returns of filtered trades: those of `strategies.statistics.daily_returns`, each trade times its size.

Days without exits count as zero, for the baseline (sizes of ones) and for the filtered trades alike, so both are judged
over the same calendar. Every measure weighs a trade by its capital, which is size x stake.

NaN in sizes or trades is refused.
"""

from __future__ import annotations

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.strategies.statistics.daily_returns import capital_effect, exit_days


def daily_returns(dataset: Dataset, sizes: np.ndarray) -> np.ndarray:
    """Sum the effects on capital by the trading day of the exit.

    An exit on a day without trading counts on the next trading day, or on the last one when none follows.

    Parameters
    ----------
    sizes : float (n_trades,), finite, at least 0: multiples of each row's stake. 0 refuses the trade. Negative sizes
        are not allowed, because they would turn costs into gains.

    Returns
    -------
    float64 (n_days,), for each trading day in ``dataset.period``, as a fraction of the whole capital.

    Raises
    ------
    BadInput : if `sizes` has another shape or a value that is not allowed, or if no day of the period trades.
    BadData : if a row ends before the period, or its outcome or stake is not finite.
    """
    sizes = checked_sizes(dataset, sizes)
    day, effect, n_days = capital_effects(dataset)
    return np.bincount(day, weights=sizes * effect, minlength=n_days)


def capital_effects(dataset: Dataset) -> tuple[np.ndarray, np.ndarray, int]:
    """Locate each exit among the trading days and compute its effect on capital at size one.

    Returns
    -------
    day : int64 (n_trades,), position of the exit in the period's trading days.
    effect : float64 (n_trades,), stake x net_return x share of the instance.
    n_days : the number of trading days in the period.

    Raises
    ------
    BadInput, BadData : as `daily_returns`.
    """
    day, n_days = exit_days(dataset.exit_time, period=dataset.period, calendar=dataset.calendar)
    effect = capital_effect(dataset.stake, dataset.net_return, n_instances=len(dataset.instance_names))
    return day, effect, n_days


def checked_sizes(dataset: Dataset, sizes: np.ndarray) -> np.ndarray:
    """Return `sizes` as float64, or refuse them.

    Raises
    ------
    BadInput : if there is not one size a row, or a size is negative, NaN or infinite.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    if sizes.shape != (len(dataset),):
        raise BadInput(f"sizes has shape {sizes.shape}, expected {(len(dataset),)}: one for each trade")
    # NaN compares false, so it is caught here too.
    allowed = (sizes >= 0) & (sizes < np.inf)
    if not allowed.all():
        row = int(np.argmin(allowed))
        raise BadInput(f"sizes[{row}] is {sizes[row]}: a size is a finite number of at least 0")
    return sizes


def check_finite(name: str, values: np.ndarray) -> None:
    """Refuse values that are not finite.

    Raises
    ------
    BadInput : with the position of the first such value.
    """
    if not np.all(np.isfinite(values)):
        raise BadInput(f"{name} has a value that is not finite at {np.argwhere(~np.isfinite(values))[0].tolist()}")


def effective_number(weights: np.ndarray) -> float:
    """Count what carries the weight: ``sum(w) ** 2 / sum(w ** 2)`` (Kish, 1965, Survey Sampling).

    Equal weights count fully; one large weight beside many tiny ones counts as one.

    Parameters
    ----------
    weights : float (n,), finite, at least 0.

    Returns
    -------
    Between 1 and n; 0 if no weight is above zero.

    Examples
    --------
    >>> effective_number(np.array([1.0, 1.0, 0.0])), round(effective_number(np.array([1.0] + [1e-9] * 29)), 6)
    (2.0, 1.0)
    """
    largest = weights.max(initial=0.0)
    if largest == 0:
        return 0.0
    scaled = weights / largest  # squares of tiny weights would underflow
    return float(scaled.sum() ** 2 / np.sum(scaled**2))


def effective_trades(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the effective number of trades, weighted by capital."""
    return effective_number(checked_sizes(dataset, sizes) * dataset.stake)


def effective_days(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the effective number of days on which trades exit, weighted by the capital of their trades."""
    day, _, n_days = capital_effects(dataset)
    return effective_number(np.bincount(day, weights=checked_sizes(dataset, sizes) * dataset.stake, minlength=n_days))


def excess_effects(dataset: Dataset) -> np.ndarray:
    """Return the effect on capital of each trade at size one beyond that of the average trade: float64 (n_trades,).

    The average weighs trades by their capital, so the effects sum to zero.
    """
    capital = dataset.stake / len(dataset.instance_names)
    whole = float(np.sum(capital))
    average = float(np.sum(capital * dataset.net_return)) / whole if whole > 0 else 0.0
    return capital * (dataset.net_return - average)


def improvement_returns(dataset: Dataset, sizes: np.ndarray) -> np.ndarray:
    """Compute what the filter adds each day to the same capital spread evenly over every trade.

    1. Take from each trade's size the share of the capital that the filter uses: what it invests more or less in this
       trade.
    2. Multiply it by what the trade earned more or less than the average trade, and sum by the day of the exit.

    Over all days this is the return at `sizes` less the return of the same capital in every trade. So trading less adds
    nothing by itself, neither when trades win nor when they lose, and neither does a day of many trades.

    Returns
    -------
    float64 (n_days,).

    Raises
    ------
    BadInput, BadData : as `daily_returns`.
    """
    sizes = checked_sizes(dataset, sizes)
    day, _, n_days = capital_effects(dataset)
    capital = float(np.sum(dataset.stake))
    share = float(np.sum(sizes * dataset.stake)) / capital if capital > 0 else 0.0
    return np.bincount(day, weights=(sizes - share) * excess_effects(dataset), minlength=n_days)
