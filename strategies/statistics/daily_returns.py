"""Daily returns of trades, and performance ratios of daily returns.

1. The effect of a trade is stake x net_return, a fraction of its instance's capital.
2. Every instance holds an equal share of the whole capital.
3. The effect counts on the UTC day of the exit; days without exits are zero.

Trade statistics and `models.fitness` both use this module; the arithmetic is nowhere else.

NaN rule: a ratio that is undefined (no downside, no variance, no drawdown, fewer than two days) is NaN, never a magic
number; NaN in `returns` makes every ratio NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tradesieve.market.calendars.trading_days import TradingCalendar
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.timeframes import DAY


def exit_days(exit_time: np.ndarray, *, period: tuple[int, int], calendar: TradingCalendar) -> tuple[np.ndarray, int]:
    """Find the trading day of each exit.

    An exit on a day that does not trade counts on the next trading day, or on the last one when none follows.

    Parameters
    ----------
    exit_time : int64 ns UTC (n_trades,).
    period : (start_time, end_time), int64 ns UTC, the span of the days.

    Returns
    -------
    day : int64 (n_trades,), position of the exit in the period's trading days.
    n_days : the number of trading days in the period.

    Raises
    ------
    BadInput : if no day of the period trades.
    BadData : if a trade exits before the period.

    Examples
    --------
    >>> from tradesieve.market.calendars.trading_days import WEEKDAYS
    >>> friday, sunday = 1 * DAY, 3 * DAY  # 1970-01-01 was a Thursday
    >>> day, n_days = exit_days(np.array([friday, sunday]), period=(0, 7 * DAY - 1), calendar=WEEKDAYS)
    >>> day.tolist(), n_days
    ([1, 2], 5)
    """
    first_day, table, n_days = _day_table(calendar, period)
    offset = exit_time // DAY - first_day
    if len(offset) and offset.min() < 0:
        row = int(np.argmax(offset < 0))
        raise BadData(f"row {row} exits at {exit_time[row]}, before its period begins at {period[0]}")
    return table[np.minimum(offset, len(table) - 1)], n_days


def capital_effect(stake: np.ndarray, net_return: np.ndarray, *, n_instances: int | np.ndarray) -> np.ndarray:
    """Return the effect of each trade as a fraction of the whole capital.

    Parameters
    ----------
    stake, net_return : float64 (n_trades,), fractions of the instance's capital and of entry notional.
    n_instances : how many instances share the capital, one number for all trades or one per trade.

    Returns
    -------
    float64 (n_trades,), stake x net_return x share of the instance.

    Raises
    ------
    BadData : if an outcome or a stake is not finite.

    Examples
    --------
    >>> capital_effect(np.array([0.5, 1.0]), np.array([0.02, -0.01]), n_instances=2).tolist()
    [0.005, -0.005]
    """
    effect = stake * net_return / n_instances
    if not np.all(np.isfinite(effect)):
        row = int(np.argmin(np.isfinite(effect)))
        raise BadData(f"row {row} has stake {stake[row]} and net_return {net_return[row]}, not finite")
    return effect


@lru_cache(maxsize=64)
def _day_table(calendar: TradingCalendar, period: tuple[int, int]) -> tuple[int, np.ndarray, int]:
    days = calendar.days(*period)
    if not len(days):
        raise BadInput(f"no day between {period[0]} and {period[1]} trades in the calendar {calendar.name!r}")
    first, last = period[0] // DAY, period[1] // DAY
    # The position of the next trading day for every calendar day: looking up is much faster than searching per trade.
    table = np.minimum(np.searchsorted(days, np.arange(first, last + 1)), len(days) - 1)
    table.setflags(write=False)
    return first, table, len(days)


def sortino(returns: np.ndarray, *, days_per_year: float, minimum_return: float = 0.0) -> float:
    """Divide the mean excess return by the downside deviation, annualised (Sortino and Price, 1994).

    ``mean(R - MAR) / sqrt(mean(min(R - MAR, 0) ** 2)) * sqrt(days_per_year)``; the downside is averaged over all days.

    Parameters
    ----------
    returns : float64 (n_days,), one per trading day.
    days_per_year : from the market's calendar.
    minimum_return : the minimum acceptable return (MAR) of one day.

    Returns
    -------
    NaN when no day is below `minimum_return`, with fewer than two days, or with NaN in `returns`.

    Equals: ``empyrical.sortino_ratio(returns, minimum_return, annualization=days_per_year)``.

    Examples
    --------
    >>> round(sortino(np.array([0.02, -0.01, 0.01, 0.0]), days_per_year=365), 6)
    19.104973
    """
    _check_year(days_per_year)
    if len(returns) < 2:
        return math.nan
    excess = returns - minimum_return
    downside = math.sqrt(np.mean(np.minimum(excess, 0.0) ** 2))
    return float(excess.mean()) / downside * math.sqrt(days_per_year) if downside > 0 else math.nan


def ranked_sortino(returns: np.ndarray, *, capital: float, days_per_year: float) -> float:
    """Rank returns by their Sortino ratio where they earn, and by the return per unit of capital where they lose.

    Below zero, a Sortino ratio rises with risk and falls with the number of trades; the return per unit of capital does
    neither. Both are zero where the returns break even, so the order has no gap.

    Parameters
    ----------
    returns : float64 (n_days,), one per trading day.
    capital : what was traded to earn them, in the unit of the returns: entry notionals as a fraction of the capital.
    days_per_year : from the market's calendar.

    Returns
    -------
    The annualised Sortino ratio if the returns add up to more than zero, else their sum over `capital`; NaN where the
    one that applies is undefined, or without capital.

    Examples
    --------
    A calm loss of 1 % of ten units of capital, and a wilder one of 2 %, which has the better Sortino ratio:

    >>> calm, wild = np.array([-0.05, -0.05]), np.array([-1.0, 0.8])
    >>> [round(sortino(returns, days_per_year=365), 2) for returns in (calm, wild)]
    [-19.1, -2.7]
    >>> [ranked_sortino(returns, capital=10.0, days_per_year=365).__round__(6) for returns in (calm, wild)]
    [-0.01, -0.02]
    """
    total = float(returns.sum())
    if total > 0:
        return sortino(returns, days_per_year=days_per_year)
    return total / capital if capital > 0 else math.nan


def sharpe(returns: np.ndarray, *, days_per_year: float) -> float:
    """Divide the mean return by its standard deviation, annualised (Sharpe, 1994); the risk-free rate is zero.

    Returns
    -------
    NaN when all returns are equal, with fewer than two days, or with NaN in `returns`.

    Equals: ``empyrical.sharpe_ratio(returns, annualization=days_per_year)``.

    Examples
    --------
    >>> round(sharpe(np.array([0.02, -0.01, 0.01, 0.0]), days_per_year=365), 6)
    7.399324
    """
    _check_year(days_per_year)
    # Equal returns can have a deviation of one rounding error, and then a ratio of 1e16.
    if len(returns) < 2 or np.ptp(returns) == 0:
        return math.nan
    return float(np.mean(returns) / np.std(returns, ddof=1)) * math.sqrt(days_per_year)


def calmar(returns: np.ndarray, *, days_per_year: float) -> float:
    """Divide the compounded annual return by the maximum drawdown (Young, 1991).

    Returns
    -------
    NaN without a drawdown, without a day, or with NaN in `returns`.

    Equals: ``empyrical.calmar_ratio(returns, annualization=days_per_year)``.

    Examples
    --------
    >>> round(calmar(np.array([0.02, -0.01, 0.01, 0.0]), days_per_year=4), 6)
    1.9898
    """
    _check_year(days_per_year)
    fall = -max_drawdown(returns)
    if not fall > 0:
        return math.nan
    return _annual_return(returns, days_per_year) / fall


def ulcer_performance(returns: np.ndarray, *, days_per_year: float) -> float:
    """Divide the compounded annual return by the ulcer index, the root mean square of the drawdowns (Martin, 1987).

    Returns
    -------
    The Martin ratio; the risk-free rate is zero. NaN without a drawdown, without a day, or with NaN in `returns`.

    Examples
    --------
    >>> round(ulcer_performance(np.array([0.02, -0.01, 0.01, 0.0]), days_per_year=4), 6)
    3.979202
    """
    _check_year(days_per_year)
    ulcer_index = math.sqrt(float(np.mean(drawdowns(returns) ** 2))) if len(returns) else 0.0
    if not ulcer_index > 0:
        return math.nan
    return _annual_return(returns, days_per_year) / ulcer_index


def log_wealth(returns: np.ndarray) -> float:
    """Return the logarithm of what one unit of capital has become (Kelly, 1956).

    Returns
    -------
    Minus infinity after a loss of all of it; NaN with NaN in `returns`.

    Equals: ``np.log(empyrical.cum_returns_final(returns, starting_value=1))``.

    Examples
    --------
    >>> round(log_wealth(np.array([0.02, -0.01])), 6)
    0.009752
    """
    with np.errstate(divide="ignore"):
        return float(np.sum(np.log(np.maximum(1.0 + returns, 0.0))))


def equity(returns: np.ndarray) -> np.ndarray:
    """Compound the returns of one unit of capital: float64 (n_days,). It stays at 0 after a loss of all of it."""
    return np.cumprod(np.maximum(1.0 + returns, 0.0))


def drawdowns(returns: np.ndarray) -> np.ndarray:
    """Measure the relative distance of the equity curve below its highest point so far, the start included.

    Returns
    -------
    float64 (n_days,), each between -1 and 0.

    Examples
    --------
    >>> drawdowns(np.array([-0.5, 1.0, 0.25, -0.2])).round(6).tolist()
    [-0.5, 0.0, 0.0, -0.2]
    """
    curve = equity(returns)
    return curve / np.maximum(np.maximum.accumulate(curve), 1.0) - 1.0


def max_drawdown(returns: np.ndarray) -> float:
    """Return the maximum drawdown: the deepest fall of the equity curve below its highest point so far.

    Returns
    -------
    Between -1 and 0; NaN without a day.

    Equals: ``empyrical.max_drawdown(returns)``.
    """
    return float(np.min(drawdowns(returns))) if len(returns) else math.nan


@dataclass(frozen=True)
class Drawdown:
    """The maximum drawdown of an equity curve; the first one where several are equally deep.

    Parameters
    ----------
    depth : as `max_drawdown`.
    n_days : trading days from the peak to the recovery, or to the last day; 0 without a drawdown.
    recovered : whether the curve returned to the peak; True without a drawdown.
    """

    depth: float
    n_days: int
    recovered: bool


def deepest_drawdown(returns: np.ndarray) -> Drawdown:
    """Measure depth, duration and recovery of the maximum drawdown. NaN in `returns`, or no day: the depth is NaN.

    Examples
    --------
    >>> deepest_drawdown(np.array([0.1, -0.5, 0.5, 0.5]))
    Drawdown(depth=-0.5, n_days=3, recovered=True)
    """
    fall = drawdowns(returns)
    if not len(fall) or np.isnan(fall).any():
        return Drawdown(math.nan, 0, False)
    trough = int(np.argmin(fall))
    if fall[trough] == 0.0:
        return Drawdown(0.0, 0, True)
    peaks = np.flatnonzero(fall[:trough] == 0.0)
    peak = int(peaks[-1]) if len(peaks) else -1  # the start, a day before the first
    back = np.flatnonzero(fall[trough:] == 0.0)
    end = trough + int(back[0]) if len(back) else len(fall) - 1
    return Drawdown(float(fall[trough]), end - peak, bool(len(back)))


def _annual_return(returns: np.ndarray, days_per_year: float) -> float:
    """Return the compounded return of a year like these days."""
    return float(equity(returns)[-1]) ** (days_per_year / len(returns)) - 1.0


def _check_year(days_per_year: float) -> None:
    if not 0 < days_per_year < math.inf:
        raise BadInput(f"days_per_year is {days_per_year}: take it from the market's calendar, such as 365 or 252")
