"""Information coefficients: how well the ranks of a feature predict the ranks of the trades' results.

The information coefficient (IC) is Spearman's rank correlation of a feature with the net return (Grinold and Kahn,
"Active portfolio management", 1999). Trades of one day overlap and share closes, so they are not independent draws: the
error is estimated from days. Of many features some look good by luck: p-values are adjusted for that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradesieve.features.profiling.clusters import average_ranks
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.timeframes import DAY

MINIMUM_ROWS = 30
"""A coefficient of fewer trades is NaN."""


@dataclass(frozen=True, eq=False)
class InformationCoefficients:
    """Rank correlations of features with the results of trades. Float64 (n_features,) unless noted.

    Parameters
    ----------
    coefficient : over all trades at which the feature has a value.
    standard_error : from daily sums, see `information_coefficients`.
    t_statistic, p_value : of the coefficient against zero, two-sided.
    p_adjusted : the p-value adjusted for the number of features (Benjamini and Hochberg, 1995): among the features at
        or below a level, the expected share of false discoveries is at most that level.
    mean, ratio : of the coefficients of the periods: mean, and mean over standard deviation (ICIR).
    sign_rate : fraction of the periods with a coefficient whose sign is that of the whole.
    by_period : float64 (n_periods, n_features); NaN where a period has fewer than `MINIMUM_ROWS` trades with a value.
    n_lags : int, days over which daily sums may be autocorrelated.
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
) -> InformationCoefficients:
    """Correlate the ranks of features with the ranks of the trades' results (Spearman, 1904).

    1. Standardise the ranks of feature and result; the coefficient is the mean of their product over the trades.
    2. Sum the products by day of the decision. The error is that of these sums, with days up to `n_lags` apart
       correlated (Newey and West, 1987, Bartlett weights). `n_lags` is their rule of 1994 plus the days within which
       95 % of the trades have ended.
    3. The p-value is Student's t, with one degree of freedom less than there are stretches of ``n_lags + 1`` days with
       a decision.
    4. Adjust the p-values for the number of features (Benjamini and Hochberg, 1995).
    5. Repeat step 1 within each period.

    Parameters
    ----------
    ranks : float64 (n_features, n_trades), of the features, see `features.profiling.clusters.rank_features`.
    net_return : float64 (n_trades,).
    decision_time, exit_time : int64 ns UTC (n_trades,).
    period : int64 (n_trades,), of each trade, from 0.

    Returns
    -------
    NaN where a feature is constant or has fewer than `MINIMUM_ROWS` values, or all results are equal. Everything but
    the coefficients is NaN where there are fewer than two stretches.

    Raises
    ------
    BadInput : if an argument does not hold one value a trade.
    BadData : if a result is not finite.

    Notes
    -----
    The error is right for features that follow the results of single days or weeks. Where a feature and the results of
    all trades drift over months, few stretches of time are all the evidence there is: look at the periods.

    Examples
    --------
    A feature that predicts a little of the result, and one that predicts nothing:

    >>> from tradesieve.features.profiling.clusters import rank_features
    >>> random = np.random.default_rng(1)
    >>> X, time = random.normal(size=(500, 2)), np.arange(500) * DAY
    >>> net_return = 0.004 * X[:, 0] + random.normal(0.0, 0.02, 500)
    >>> found = information_coefficients(
    ...     rank_features(X), net_return, decision_time=time, exit_time=time + DAY // 2, period=time // (100 * DAY))
    >>> found.coefficient.round(3), found.p_adjusted.round(3)
    (array([0.115, 0.028]), array([0.023, 0.572]))
    """
    n_features, n = ranks.shape
    _check(n, net_return, decision_time=decision_time, exit_time=exit_time, period=period)
    day = decision_time // DAY
    day = day - day.min()
    n_lags = _lags(day, exit_time - decision_time)
    trades = _ranked(net_return, day, period)
    coefficient, error, freedom = np.full((3, n_features), np.nan)
    by_period = np.full((int(period.max()) + 1, n_features), np.nan)
    for column, values in enumerate(ranks):
        known = ~np.isnan(values)
        if np.count_nonzero(known) < MINIMUM_ROWS:
            continue
        own, own_ranks = trades.take(known), values[known]
        coefficient[column], error[column], freedom[column] = _estimate(own_ranks, own, n_lags)
        if np.isfinite(coefficient[column]):
            found = _correlations(average_ranks(own_ranks, own.period), own.rank_in_period, own.period)
            by_period[: len(found), column] = found
    with np.errstate(divide="ignore", invalid="ignore"):
        t_statistic = np.where(error > 0, coefficient / error, np.nan)
    p_value = _p_values(t_statistic, freedom)
    mean, ratio = _over_periods(by_period)
    return InformationCoefficients(
        coefficient,
        error,
        t_statistic,
        p_value,
        _adjusted(p_value),
        mean,
        ratio,
        _sign_rate(by_period, coefficient),
        by_period,
        n_lags,
    )


def _check(n: int, net_return: np.ndarray, **others: np.ndarray) -> None:
    for name, values in {"net_return": net_return, **others}.items():
        if values.shape != (n,):
            raise BadInput(f"{name} has shape {values.shape}, expected one value for each of the {n} trades")
    if not np.isfinite(net_return).all():
        row = int(np.argmin(np.isfinite(net_return)))
        raise BadData(f"net_return[{row}] is {net_return[row]}: a result is a finite number")


@dataclass(frozen=True, eq=False)
class _Trades:
    """Results of trades and their ranks, over all and within each period."""

    net_return: np.ndarray
    rank: np.ndarray
    rank_in_period: np.ndarray
    day: np.ndarray
    period: np.ndarray

    def take(self, rows: np.ndarray) -> _Trades:
        """Keep the rows of a mask, ranked anew."""
        return self if rows.all() else _ranked(self.net_return[rows], self.day[rows], self.period[rows])


def _ranked(net_return: np.ndarray, day: np.ndarray, period: np.ndarray) -> _Trades:
    return _Trades(net_return, average_ranks(net_return), average_ranks(net_return, period), day, period)


def _estimate(ranks: np.ndarray, trades: _Trades, n_lags: int) -> tuple[float, float, float]:
    """Estimate coefficient, standard error and degrees of freedom of one feature."""
    u, v = _standardised(ranks), _standardised(trades.rank)
    if u is None or v is None:
        return math.nan, math.nan, math.nan
    product = u * v
    coefficient = product.mean()
    n_stretches = int(np.count_nonzero(np.bincount(trades.day))) // (n_lags + 1)
    if n_stretches < 2:
        return coefficient, math.nan, math.nan
    daily = np.bincount(trades.day, weights=product - coefficient)
    return coefficient, _long_run_deviation(daily, n_lags) / len(ranks), n_stretches - 1


def _standardised(ranks: np.ndarray) -> np.ndarray | None:
    """Scale ranks to mean 0 and variance 1; None for those of a constant."""
    centred = ranks - ranks.mean()
    spread = math.sqrt(float(np.mean(centred**2)))
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
    """Estimate the standard deviation of the sum of an autocorrelated series."""
    variance = float(daily @ daily)
    for lag in range(1, n_lags + 1):
        variance += 2.0 * (1.0 - lag / (n_lags + 1)) * float(daily[lag:] @ daily[:-lag])
    return math.sqrt(max(variance, 0.0))


def _p_values(t_statistic: np.ndarray, freedom: np.ndarray) -> np.ndarray:
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


def _sign_rate(by_period: np.ndarray, coefficient: np.ndarray) -> np.ndarray:
    agree = np.sign(by_period) == np.sign(coefficient)
    n_periods = np.sum(~np.isnan(by_period), axis=0)
    return np.divide(agree.sum(axis=0), n_periods, out=np.full(len(coefficient), np.nan), where=n_periods > 0)
