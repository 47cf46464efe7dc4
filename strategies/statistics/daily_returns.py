"""Daily returns: what trades did to the capital, day by day, and the ratios of such days.

A trade's effect is stake x net_return, as a fraction of its instance's capital; every instance holds an equal share of
the whole. The effect lands on the UTC day of the exit. Days without exits count as zero. This is the one place of that
arithmetic: trade statistics and `models.fitness` both call it.

NaN rules: a ratio that is undefined (no downside, no variance, no fall, fewer than two days) is NaN, never a magic
number; NaN in `returns` makes every ratio NaN, it is never skipped.
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
    """Locate each exit among the trading days.

    An exit on a day that does not trade counts on the next trading day, or on the last one when none follows.

    Parameters
    ----------
    exit_time : int64 ns UTC (n_trades,).
    period : (start_time, end_time), int64 ns UTC, the time that the days cover.

    Returns
    -------
    day : int64 (n_trades,), position of the exit in the period's trading days.
    n_days : the number of trading days in the period.

    Raises
    ------
    BadInput : if no day of the period trades.
    BadData : if a row ends before the period.
    """
    first_day, table, n_days = _day_table(calendar, period)
    offset = exit_time // DAY - first_day
    if len(offset) and offset.min() < 0:
        row = int(np.argmax(offset < 0))
        raise BadData(f"row {row} ends at {exit_time[row]}, before its period begins at {period[0]}")
    return table[np.minimum(offset, len(table) - 1)], n_days


def capital_effect(stake: np.ndarray, net_return: np.ndarray, *, n_instances: int | np.ndarray) -> np.ndarray:
    """Value each trade as a fraction of the whole capital.

    Parameters
    ----------
    stake, net_return : float64 (n_trades,), fractions of the instance's capital and of entry notional.
    n_instances : how many instances share the capital, one number for all or one a trade.

    Returns
    -------
    float64 (n_trades,), stake x net_return x share of the instance.

    Raises
    ------
    BadData : if an outcome or a stake is not finite.
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
    # For every calendar day the position of the next trading day: a look-up is far faster than a search for each trade.
    table = np.minimum(np.searchsorted(days, np.arange(first, last + 1)), len(days) - 1)
    table.setflags(write=False)
    return first, table, len(days)


def sortino(returns: np.ndarray, *, days_per_year: float, minimum_return: float = 0.0) -> float:
    """Divide the mean excess return by the downside deviation, annualised (Sortino and Price, 1994).

    ``mean(R - MAR) / sqrt(mean(min(R - MAR, 0) ** 2)) * sqrt(days_per_year)``: the downside is averaged over all days.

    Parameters
    ----------
    returns : float (n_days,), one a trading day.
    days_per_year : from the market's calendar.
    minimum_return : the minimum acceptable return (MAR) of one day.

    Returns
    -------
    NaN when no day falls short of `minimum_return`, with fewer than two days, or with NaN in `returns`.

    Equals: ``empyrical.sortino_ratio(returns, minimum_return, annualization=days_per_year)``.

    >>> round(sortino(np.array([0.02, -0.01, 0.01, 0.0]), days_per_year=365), 6)
    19.104973
    """
    _check_year(days_per_year)
    if len(returns) < 2:
        return math.nan
    excess = returns - minimum_return
    downside = math.sqrt(np.mean(np.minimum(excess, 0.0) ** 2))
    return float(excess.mean()) / downside * math.sqrt(days_per_year) if downside > 0 else math.nan


def sharpe(returns: np.ndarray, *, days_per_year: float) -> float:
    """Divide the mean return by its standard deviation, annualised (Sharpe, 1994); the risk-free rate is zero.

    Returns
    -------
    NaN when all returns are equal, with fewer than two days, or with NaN in `returns`.

    Equals: ``empyrical.sharpe_ratio(returns, annualization=days_per_year)``.
    """
    _check_year(days_per_year)
    # Equal returns can have a deviation of one rounding error, which would make a ratio of 1e16.
    if len(returns) < 2 or np.ptp(returns) == 0:
        return math.nan
    return float(np.mean(returns) / np.std(returns, ddof=1)) * math.sqrt(days_per_year)


def calmar(returns: np.ndarray, *, days_per_year: float) -> float:
    """Divide the compounded return of a year by the deepest fall (Young, 1991).

    Returns
    -------
    NaN when the curve never falls, without a day, or with NaN in `returns`.

    Equals: ``empyrical.calmar_ratio(returns, annualization=days_per_year)``.
    """
    _check_year(days_per_year)
    fall = -max_drawdown(returns)
    if not fall > 0:
        return math.nan
    yearly = float(equity(returns)[-1]) ** (days_per_year / len(returns)) - 1.0
    return yearly / fall


def equity(returns: np.ndarray) -> np.ndarray:
    """Compound the returns of one unit of capital: float64 (n_days,). A day that loses all of it ends it at 0."""
    return np.cumprod(np.maximum(1.0 + returns, 0.0))


def drawdowns(returns: np.ndarray) -> np.ndarray:
    """Measure how far the compounded curve is below its highest point so far, the start included.

    Returns
    -------
    float64 (n_days,), each between -1 and 0.
    """
    curve = equity(returns)
    return curve / np.maximum(np.maximum.accumulate(curve), 1.0) - 1.0


def max_drawdown(returns: np.ndarray) -> float:
    """Find the deepest fall of the compounded curve below its highest point so far, the start included.

    Returns
    -------
    At most 0, at least -1. NaN without a day.

    Equals: ``empyrical.max_drawdown(returns)``.
    """
    return float(np.min(drawdowns(returns))) if len(returns) else math.nan


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall of a curve; the first one where two are equally deep.

    Parameters
    ----------
    depth : as `max_drawdown`.
    n_days : trading days from the peak to the day that is back at it, or to the last day; 0 without a fall.
    recovered : whether the curve came back to the peak; True without a fall.
    """

    depth: float
    n_days: int
    recovered: bool


def deepest_drawdown(returns: np.ndarray) -> Drawdown:
    """Describe the deepest fall of the compounded curve. NaN in `returns`, or no day, gives a depth of NaN."""
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


def _check_year(days_per_year: float) -> None:
    if not 0 < days_per_year < math.inf:
        raise BadInput(f"days_per_year is {days_per_year}: take it from the market's calendar, such as 365 or 252")
