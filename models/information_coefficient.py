"""Information: how well the order of a feature's values foretells the order of the trades' results.

The information coefficient (IC) is Spearman's rank correlation of a feature with the net return (Grinold and Kahn,
"Active portfolio management", 1999). Trades are many a day, at the same closes and overlapping, so they are no
independent draws: the error is that of the days. Many features are looked at, so some will look good by luck: p-values
are adjusted for that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradesieve.features.profiling.clusters import average_ranks
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.timeframes import DAY

MINIMUM_ROWS = 30
"""A coefficient of fewer trades than this is NaN."""


@dataclass(frozen=True, eq=False)
class Information:
    """What each feature tells of the trades' results. All float64 (n_features,) but for the last two.

    Parameters
    ----------
    coefficient : of all trades at which the feature has a value.
    standard_error : by days, see `information_coefficients`.
    t_statistic, p_value : of the coefficient against zero, two-sided.
    p_adjusted : the p-value adjusted for the number of features (Benjamini and Hochberg, 1995): of the features at or
        below a level, no more than that share are expected to tell nothing.
    mean, ratio : of the coefficients of the periods: mean, and mean over standard deviation (ICIR).
    sign_rate : periods whose coefficient has the sign of the whole, as a fraction of those that have one.
    by_period : float64 (n_periods, n_features); NaN where a period has fewer than `MINIMUM_ROWS` trades with a value.
    n_lags : days over which days are taken to hang together.
    """

    coefficient: np.ndarray
    standard_error: np.ndarray
    t_statistic: np.ndarray
    p_value: np.ndarray
    p_adjusted: np.ndarray
    mean: np.ndarray
    ratio: np.ndarray
    sign_rate: np.ndarray
    by_period: np.ndarray
    n_lags: int


def information_coefficients(
    ranks: np.ndarray, net_return: np.ndarray, *, decision_time: np.ndarray, exit_time: np.ndarray, period: np.ndarray
) -> Information:
    """Correlate features with the results of trades.

    The coefficient is the mean over trades of ``u v``, the standardised ranks of the feature and of the result. Its
    error is that of the sums by day of the decision, with days up to `n_lags` apart allowed to hang together (Newey and
    West, 1987, Bartlett weights). `n_lags` is their rule of 1994 and the days within which 19 of 20 trades have ended
    on top. The p-value is Student's with as many degrees of freedom as there are stretches of
    ``n_lags + 1`` days, less one.

    Parameters
    ----------
    ranks : float64 (n_features, n_trades), of the features, as `features.profiling.clusters.rank_features`.
    net_return : float64 (n_trades,).
    decision_time, exit_time : int64 ns UTC (n_trades,).
    period : int64 (n_trades,), of each trade, 0 the first one.

    Returns
    -------
    NaN where a feature is constant or has fewer than `MINIMUM_ROWS` values, or all results are equal; and all but the
    coefficients where there are fewer than two stretches.

    Raises
    ------
    BadInput : if an argument does not hold one value a trade.
    BadData : if a result is not finite.

    Notes
    -----
    The error is of features that follow the results of single days or weeks. Where both a feature and the results of
    all trades drift over months, few stretches of time are the only evidence there is: look at the periods.
    """
    n_features, n = ranks.shape
    for name, values in (("net_return", net_return), ("decision_time", decision_time), ("exit_time", exit_time),
                         ("period", period)):  # fmt: skip
        if values.shape != (n,):
            raise BadInput(f"{name} has shape {values.shape}, expected one value for each of the {n} trades")
    if not np.isfinite(net_return).all():
        row = int(np.argmin(np.isfinite(net_return)))
        raise BadData(f"net_return[{row}] is {net_return[row]}, which is no result")
    day = decision_time // DAY
    day = day - day.min()
    n_lags = _lags(day, exit_time - decision_time)
    results = average_ranks(net_return)
    results_of_period = average_ranks(net_return, period)
    coefficient, error, freedom = np.full((3, n_features), np.nan)
    by_period = np.full((int(period.max()) + 1, n_features), np.nan)
    for column, values in enumerate(ranks):
        known = ~np.isnan(values)
        every = bool(known.all())
        own = values if every else values[known]
        u = _standardised(own)
        v = _standardised(results if every else average_ranks(net_return[known]))
        if len(own) < MINIMUM_ROWS or u is None or v is None:
            continue
        product = u * v
        coefficient[column] = product.mean()
        own_day = day if every else day[known]
        n_stretches = np.count_nonzero(np.bincount(own_day)) // (n_lags + 1)
        if n_stretches > 1:
            daily = np.bincount(own_day, weights=product - coefficient[column])
            error[column] = _long_run_deviation(daily, n_lags) / len(own)
            freedom[column] = n_stretches - 1
        own_period = period if every else period[known]
        theirs = results_of_period if every else average_ranks(net_return[known], own_period)
        found = _correlations(average_ranks(own, own_period), theirs, own_period)
        by_period[: len(found), column] = found
    with np.errstate(divide="ignore", invalid="ignore"):
        t_statistic = np.where(error > 0, coefficient / error, np.nan)
    p_value = _chances(t_statistic, freedom)
    mean, ratio = _over_periods(by_period)
    agree = np.sign(by_period) == np.sign(coefficient)
    n_periods = np.sum(~np.isnan(by_period), axis=0)
    sign_rate = np.divide(agree.sum(axis=0), n_periods, out=np.full(len(coefficient), np.nan), where=n_periods > 0)
    return Information(
        coefficient, error, t_statistic, p_value, _adjusted(p_value), mean, ratio, sign_rate, by_period, n_lags
    )


def _standardised(ranks: np.ndarray) -> np.ndarray | None:
    """Bring ranks to mean 0 and variance 1; None for those of a constant."""
    centred = ranks - (ranks.mean() if len(ranks) else 0.0)
    spread = math.sqrt(float(np.mean(centred**2))) if len(ranks) else 0.0
    return centred / spread if spread > 1e-9 else None


def _correlations(first: np.ndarray, second: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Correlate two rankings within each period: float64 (n_periods,)."""
    n = np.bincount(period)
    first, second = (ranks - ((n + 1) / 2)[period] for ranks in (first, second))
    shared, of_first, of_second = (np.bincount(period, pair) for pair in (first * second, first**2, second**2))
    spread = np.sqrt(of_first * of_second)
    return np.divide(shared, spread, out=np.full(len(n), np.nan), where=(n >= MINIMUM_ROWS) & (spread > 0))


def _lags(day: np.ndarray, held: np.ndarray) -> int:
    n_days = int(day.max()) + 1
    longest = math.ceil(float(np.quantile(held, 0.95)) / DAY)
    return min(int(4 * (n_days / 100) ** (2 / 9)) + longest, n_days - 1)


def _long_run_deviation(daily: np.ndarray, n_lags: int) -> float:
    """Estimate the standard deviation of the sum of a series whose neighbours hang together."""
    variance = float(daily @ daily)
    for lag in range(1, n_lags + 1):
        variance += 2.0 * (1.0 - lag / (n_lags + 1)) * float(daily[lag:] @ daily[:-lag])
    return math.sqrt(max(variance, 0.0))


def _chances(t_statistic: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    from scipy.stats import t

    return 2.0 * t.sf(np.abs(t_statistic), freedom)


def _adjusted(p_value: np.ndarray) -> np.ndarray:
    from scipy.stats import false_discovery_control

    known = ~np.isnan(p_value)
    adjusted = np.full(len(p_value), np.nan)
    if known.any():
        adjusted[known] = false_discovery_control(p_value[known], method="bh")
    return adjusted


def _over_periods(by_period: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(by_period)
    n = known.sum(axis=0)
    nothing = np.full(by_period.shape[1], np.nan)
    mean = np.divide(np.where(known, by_period, 0.0).sum(axis=0), n, out=nothing.copy(), where=n > 0)
    squares = np.where(known, by_period - mean, 0.0) ** 2
    deviation = np.sqrt(np.divide(squares.sum(axis=0), n - 1, out=nothing.copy(), where=n > 1))
    return mean, np.divide(mean, deviation, out=nothing, where=deviation > 0)
