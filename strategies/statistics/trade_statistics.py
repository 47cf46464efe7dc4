"""Trade statistics: the performance of groups of trades, by trade and by day.

Daily returns are those of `strategies.statistics.daily_returns`. Every measure of money weighs a trade by its capital,
which is its stake: so expectancy, profit factor and win rate of a group are of one kind, and agree with its returns.

Trades that ended only because the data did are excluded, as they are from training: their outcome is unknown. Grouped
by exit reason, they form a group.

NaN rule: a measure that is undefined for a group (no trade, no winner, no loser, no drawdown, no exit) is NaN, never a
magic number. NaN in a column (an `r_multiple` without a stop) is excluded from the measures of that column.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tradesieve.strategies.statistics.daily_returns import (
    calmar,
    capital_effect,
    deepest_drawdown,
    equity,
    exit_days,
    sharpe,
    sortino,
)
from tradesieve.strategies.statistics.grouping import Backtest, TradeGroups, group_trades
from tradesieve.strategies.statistics.profitable_spans import SPANS, count_spans, share_intervals, span_of
from tradesieve.strategies.trades import is_closed

MEASURES = {
    "n_trades": "closed trades",
    "win_rate": "share of the capital in trades with a net return above zero",
    "expectancy": "net return per unit of capital",
    "average_win_return": "net return per unit of capital in the winners",
    "average_loss_return": "net return per unit of capital in the trades that did not win",
    "profit_factor": "capital won by the winners over capital lost by the losers",
    "payoff_ratio": "average win over average loss",
    "sortino": "mean daily return over downside deviation, annualised",
    "sharpe": "mean daily return over standard deviation, annualised",
    "calmar": "compounded return of a year over the deepest fall",
    "total_return": "compounded daily returns over the whole period",
    "max_drawdown": "deepest fall of the compounded capital below its highest point so far",
    "drawdown_days": "trading days from the peak before the deepest fall until its recovery, or until the end",
    "drawdown_recovered": "1 when the deepest fall was recovered, 0 when not",
    "n_weeks": "weeks (Monday to Sunday) with an exit",
    "profitable_weeks_rate": "weeks with a gain, as a fraction of the weeks with an exit",
    "profitable_weeks_low": "lower end of its 95 % interval, as if each week were a draw of its own",
    "profitable_weeks_high": "upper end of its 95 % interval",
    "n_months": "months with an exit",
    "profitable_months_rate": "months with a gain, as a fraction of the months with an exit",
    "profitable_months_low": "lower end of its 95 % interval, as if each month were a draw of its own",
    "profitable_months_high": "upper end of its 95 % interval",
    "exposure_rate": "bars in a position, as a fraction of all bars; simultaneous positions add up",
    "turnover": "entry notional in a year, as a multiple of the capital",
    "cost": "cost per unit of capital",
    "cost_share": "cost over the absolute gross result, both in capital; above 1 the cost exceeds it",
    "r_multiple": "mean net return in units of the risk to the initial stop, of the trades that had one",
    "system_quality": "system quality number (SQN): mean over standard deviation of r_multiple, times the root of n",
    "mae_mean": "mean maximum adverse excursion, at most 0, as a fraction of the entry price",
    "mae_median": "median maximum adverse excursion",
    "mae_worst_5": "5th percentile of the maximum adverse excursion: one trade in twenty is worse",
    "mfe_mean": "mean maximum favourable excursion, at least 0, as a fraction of the entry price",
    "mfe_median": "median maximum favourable excursion",
    "mfe_best_5": "95th percentile of the maximum favourable excursion: one trade in twenty is better",
    "bars_held": "mean number of bars a trade was open in",
    "n_untraded_fills": "fills in bars in which nothing traded",
}
"""The measures with their meanings, in display order."""

_MAX_QUALITY_TRADES = 100
"""`system_quality` counts at most this many trades (Van Tharp, 2008), so that many poor trades make no good system."""


def trade_statistics(trades: pd.DataFrame, backtest: Backtest, *, by: str) -> pd.DataFrame:
    """Measure the performance of each group of trades.

    Parameters
    ----------
    trades : the trades table, all of instances of `backtest`.
    by : one of `strategies.statistics.grouping.GROUPINGS`.

    Returns
    -------
    One row per group: its key in the column `by`, then the columns `MEASURES`, float64 except the int64 ``n_trades``,
    ``n_weeks`` and ``n_months``. Groups of whole instances have a row even without a trade.

    A group of whole instances has the capital of its instances, in equal shares; any other group has the capital of all
    instances, so that its daily returns are those of its trades alone. A month has only its own days.

    Raises
    ------
    Unknown : if there is no such grouping.
    BadData : if a trade is of an instance that was not run, ends before the period, or has an outcome that is not
        finite.

    Examples
    --------
    >>> from tradesieve.market.instruments import Instrument
    >>> from tradesieve.market.synthetic import SyntheticMarket
    >>> from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
    >>> from tradesieve.strategies.backtest.simulator import simulate
    >>> bars, _ = SyntheticMarket(n_days=60, seed=7).generate("BTC-USD")
    >>> rule, instrument = VolatilityBreakout(), Instrument("BTC-USD")
    >>> period = (int(bars.close_time[0]), int(bars.close_time[-1]))
    >>> backtest = Backtest((f"{rule.id}|BTC-USD|5m",), (len(bars),), period, instrument.trading_calendar)
    >>> trade_statistics(simulate(rule, bars, instrument), backtest, by="side")[["side", "n_trades"]].values.tolist()
    [['long', 136], ['short', 95]]
    """
    if by != "exit_reason":
        trades = trades[is_closed(trades)]
    groups = group_trades(trades, backtest, by=by)
    measures = _by_trade(trades, groups, backtest) | _by_day(trades, groups, backtest) | _excursions(trades, groups)
    ordered = {name: measures[name] for name in MEASURES}
    return pd.DataFrame({by: pd.Series(list(groups.keys), dtype=None if groups.keys else "str"), **ordered})


def pooled_returns(trades: pd.DataFrame, backtest: Backtest) -> np.ndarray:
    """Sum the capital effects of all closed trades on each trading day: float64 (n_days,)."""
    trades = trades[is_closed(trades)]
    day, n_days = exit_days(trades["exit_time"].to_numpy(), period=backtest.period, calendar=backtest.calendar)
    stake, net = trades["stake"].to_numpy(), trades["net_return"].to_numpy()
    effect = capital_effect(stake, net, n_instances=len(backtest.instance_names))
    return np.bincount(day, weights=effect, minlength=n_days)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below != 0)


def _by_trade(trades: pd.DataFrame, groups: TradeGroups, backtest: Backtest) -> dict[str, np.ndarray]:
    code, n_groups = groups.code, len(groups.keys)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(code, weights=values, minlength=n_groups)

    net, stake, cost = (trades[name].to_numpy() for name in ("net_return", "stake", "cost"))
    n, won = np.bincount(code, minlength=n_groups), net > 0
    effect, capital, winning = stake * net, total(stake), total(np.where(won, stake, 0.0))
    average_win = _ratio(total(np.where(won, effect, 0.0)), winning)
    average_loss = _ratio(total(np.where(won, 0.0, effect)), total(np.where(won, 0.0, stake)))
    mean_r, system_quality = _r_multiples(trades, groups)
    held = trades["bars_held"].to_numpy()
    years = groups.n_days / backtest.calendar.days_per_year
    return {
        "n_trades": n,
        "win_rate": _ratio(winning, capital),
        "expectancy": _ratio(total(effect), capital),
        "average_win_return": average_win,
        "average_loss_return": average_loss,
        "profit_factor": _ratio(total(np.maximum(effect, 0.0)), -total(np.minimum(effect, 0.0))),
        "payoff_ratio": _ratio(average_win, -average_loss),
        "exposure_rate": _ratio(total(held), groups.n_bars),
        "turnover": capital / groups.n_instances / years,
        "cost": _ratio(total(stake * cost), capital),
        "cost_share": _ratio(total(stake * cost), np.abs(total(stake * trades["gross_return"].to_numpy()))),
        "r_multiple": mean_r,
        "system_quality": system_quality,
        "bars_held": _ratio(total(held), n),
        "n_untraded_fills": total(trades["n_untraded_fills"].to_numpy()),
    }


def _r_multiples(trades: pd.DataFrame, groups: TradeGroups) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean r_multiple and the system quality number of each group."""
    values = trades["r_multiple"].to_numpy()
    known = np.isfinite(values)

    def total(of_known: np.ndarray) -> np.ndarray:
        return np.bincount(groups.code, weights=np.where(known, of_known, 0.0), minlength=len(groups.keys))

    n = total(known)
    mean = _ratio(total(values), n)
    deviation = np.sqrt(_ratio(total((values - mean[groups.code]) ** 2), np.maximum(n - 1, 0)))
    deviation[deviation <= 1e-12 * np.abs(mean)] = 0.0  # equal values can have a deviation of one rounding error
    return mean, _ratio(mean, deviation) * np.sqrt(np.minimum(n, _MAX_QUALITY_TRADES))


def _by_day(trades: pd.DataFrame, groups: TradeGroups, backtest: Backtest) -> dict[str, np.ndarray]:
    """Measure the daily returns of each group; one group's days are in memory at a time."""
    net, stake = trades["net_return"].to_numpy(), trades["stake"].to_numpy()
    effect = capital_effect(stake, net, n_instances=groups.n_instances[groups.code])
    day, _ = exit_days(trades["exit_time"].to_numpy(), period=backtest.period, calendar=backtest.calendar)
    days = backtest.calendar.days(*backtest.period)
    spans = [span_of(days, span) for span in SPANS]
    order, borders = _borders(groups)
    day, effect, per_year = day[order], effect[order], backtest.calendar.days_per_year
    rows = []
    for group in range(len(groups.keys)):
        own = slice(borders[group], borders[group + 1])
        start, n_days = int(groups.first_day[group]), int(groups.n_days[group])
        returns = np.bincount(day[own] - start, weights=effect[own], minlength=n_days)
        traded = np.bincount(day[own] - start, minlength=n_days) > 0
        fall = deepest_drawdown(returns)
        rows.append(
            (
                sortino(returns, days_per_year=per_year),
                sharpe(returns, days_per_year=per_year),
                calmar(returns, days_per_year=per_year),
                equity(returns)[-1] - 1.0,
                fall.depth,
                fall.n_days,
                fall.recovered,
                *(count for span in spans for count in count_spans(returns, traded, span[start : start + n_days])),
            )
        )
    names = ("sortino", "sharpe", "calmar", "total_return", "max_drawdown", "drawdown_days", "drawdown_recovered",
             "n_weeks", "won_weeks", "n_months", "won_months")  # fmt: skip
    found = dict(zip(names, np.array(rows, dtype=np.float64).reshape(-1, len(names)).T, strict=True))
    for span in SPANS:
        n, won = found[f"n_{span}"], found.pop(f"won_{span}")
        found[f"profitable_{span}_rate"] = _ratio(won, n)
        found[f"profitable_{span}_low"], found[f"profitable_{span}_high"] = share_intervals(won, n)
        found[f"n_{span}"] = n.astype(np.int64)
    return found


def _excursions(trades: pd.DataFrame, groups: TradeGroups) -> dict[str, np.ndarray]:
    order, borders = _borders(groups)
    measures = {}
    for name, tail, share in (("mae", "worst", 0.05), ("mfe", "best", 0.95)):
        values = trades[name].to_numpy()[order]
        total = np.bincount(groups.code[order], weights=values, minlength=len(groups.keys))
        for group in range(len(groups.keys)):
            values[borders[group] : borders[group + 1]].sort()
        measures[f"{name}_mean"] = _ratio(total, np.diff(borders))
        measures[f"{name}_median"] = _quantile(values, borders, 0.5)
        measures[f"{name}_{tail}_5"] = _quantile(values, borders, share)
    return measures


def _quantile(values: np.ndarray, borders: np.ndarray, share: float) -> np.ndarray:
    """Interpolate a quantile of each run of sorted values. Equals: ``groupby(...).quantile(share)`` of pandas."""
    n = np.diff(borders)
    if not len(values):
        return np.full(len(n), np.nan)
    place = share * np.maximum(n - 1, 0)
    low = np.floor(place).astype(np.int64)
    first = np.minimum(borders[:-1] + low, len(values) - 1)
    second = np.minimum(first + (low < n - 1), len(values) - 1)
    found = values[first] + (place - low) * (values[second] - values[first])
    return np.where(n > 0, found, np.nan)


def _borders(groups: TradeGroups) -> tuple[np.ndarray, np.ndarray]:
    """Order trades by group; return the order and the borders of the groups in it."""
    order = np.argsort(groups.code, kind="stable")
    return order, np.searchsorted(groups.code[order], np.arange(len(groups.keys) + 1))
