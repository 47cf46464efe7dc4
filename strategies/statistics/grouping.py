"""Groups of trades: the backtest they come from, and the trades that are measured together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradesieve.market.calendars.trading_days import TradingCalendar
from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.timeframes import DAY, HOUR
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.statistics.daily_returns import exit_days
from tradesieve.strategies.trades import instance_codes, instance_of

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

INSTANCE_GROUPS = ("instance", "strategy", "rule", "symbol", "timeframe", "pooled")
"""Groupings by instance: the capital of a group is that of its instances."""

TRADE_GROUPS = ("side", "exit_reason", "hour", "weekday", "month")
"""Groupings by trade: the capital of every group is that of all instances."""

GROUPINGS = INSTANCE_GROUPS + TRADE_GROUPS


@dataclass(frozen=True, eq=False)
class Backtest:
    """What was run, with or without trades.

    Parameters
    ----------
    instance_names : every strategy instance (``strategy|symbol|timeframe``), also those without a trade.
    n_bars : the number of bars of each.
    period : (start_time, end_time), int64 ns UTC, the time that the daily returns cover.
    calendar : the trading days within `period`.

    Raises
    ------
    BadInput : if there is no instance, an instance is repeated, or `n_bars` has another length.
    """

    instance_names: tuple[str, ...]
    n_bars: tuple[int, ...]
    period: tuple[int, int]
    calendar: TradingCalendar

    def __post_init__(self) -> None:
        if not self.instance_names or len(set(self.instance_names)) != len(self.instance_names):
            raise BadInput("a backtest has at least one instance, and each of them a name of its own")
        if len(self.n_bars) != len(self.instance_names):
            raise BadInput(f"n_bars has {len(self.n_bars)} values for {len(self.instance_names)} instances")


@dataclass(frozen=True, eq=False)
class TradeGroups:
    """Trades assigned to groups.

    Parameters
    ----------
    keys : text or number of each group, in display order.
    code : int64 (n_trades,), index into `keys`.
    n_instances, n_bars : int64 (n_groups,), the instances that hold the group's capital, and their bars.
    first_day, n_days : int64 (n_groups,), the trading days of the period that belong to the group.
    """

    keys: tuple[str | int, ...]
    code: np.ndarray
    n_instances: np.ndarray
    n_bars: np.ndarray
    first_day: np.ndarray
    n_days: np.ndarray


def group_trades(trades: pd.DataFrame, backtest: Backtest, *, by: str) -> TradeGroups:
    """Assign trades to groups.

    Hours and weekdays (UTC) are those of the decision. A month is that of the trading day on which the exit counts, and
    has only its own days. Groups of whole instances exist even without a trade, all others only with one.

    Parameters
    ----------
    trades : the trades table; every trade is of an instance of `backtest`.
    by : one of `GROUPINGS`.

    Raises
    ------
    Unknown : if there is no such grouping.
    BadData : if a trade is of an instance that was not run, or exits before the period.

    Examples
    --------
    >>> from tradesieve.market.calendars.trading_days import ALWAYS
    >>> backtest = Backtest(("a()|BTC-USD|1h", "b()|BTC-USD|1h"), (48, 48), (0, 2 * DAY), ALWAYS)
    >>> trades = pd.DataFrame({"strategy": ["b()"], "symbol": ["BTC-USD"], "timeframe": ["1h"], "exit_time": [DAY]})
    >>> groups = group_trades(trades, backtest, by="rule")
    >>> groups.keys, groups.code.tolist(), groups.n_instances.tolist()
    (('a', 'b'), [1], [1, 1])
    """
    if by not in GROUPINGS:
        raise Unknown("grouping", by, GROUPINGS)
    day, n_days = exit_days(trades["exit_time"].to_numpy(), period=backtest.period, calendar=backtest.calendar)
    instance = _instance_codes(trades, backtest)
    if by in INSTANCE_GROUPS:
        return _group_instances(instance, n_days, backtest, by)
    return _group_by_trade(trades, day, n_days, backtest, by)


def _group_instances(instance: np.ndarray, n_days: int, backtest: Backtest, by: str) -> TradeGroups:
    key_of = [_group_key(name, by) for name in backtest.instance_names]
    keys = key_of if by == "instance" else sorted(set(key_of))  # instances keep their order
    position = {key: number for number, key in enumerate(keys)}
    group_of = np.array([position[key] for key in key_of], dtype=np.int64)
    n = len(keys)
    return TradeGroups(
        keys=tuple(keys),
        code=group_of[instance],
        n_instances=np.bincount(group_of, minlength=n),
        n_bars=np.bincount(group_of, weights=backtest.n_bars, minlength=n).astype(np.int64),
        first_day=np.zeros(n, np.int64),
        n_days=np.full(n, n_days, np.int64),
    )


def _group_by_trade(trades: pd.DataFrame, day: np.ndarray, n_days: int, backtest: Backtest, by: str) -> TradeGroups:
    keys, code = _trade_keys(trades, day, backtest, by)
    n = len(keys)
    first_day, days = np.zeros(n, np.int64), np.full(n, n_days, np.int64)
    n_bars = np.full(n, sum(backtest.n_bars), np.int64)
    if by == "month":
        months, own = _months(backtest), np.array(keys, dtype="datetime64[M]")
        first_day = np.searchsorted(months, own, side="left")
        days = np.searchsorted(months, own, side="right") - first_day
        n_bars = np.maximum(n_bars * days // n_days, 1)
    return TradeGroups(
        keys=keys,
        code=code,
        n_instances=np.full(n, len(backtest.instance_names), np.int64),
        n_bars=n_bars,
        first_day=first_day,
        n_days=days,
    )


def _instance_codes(trades: pd.DataFrame, backtest: Backtest) -> np.ndarray:
    codes = instance_codes(trades, backtest.instance_names)
    if codes.min(initial=0) < 0:
        row = int(np.argmin(codes))
        raise BadData(f"trades: row {row} is of {instance_of(trades, row)}, which is no instance of this backtest")
    return codes


def _group_key(name: str, by: str) -> str:
    if by == "instance":
        return name
    if by == "pooled":
        return "all"
    return str(getattr(Instance.parse(name), by))


def _trade_keys(
    trades: pd.DataFrame, day: np.ndarray, backtest: Backtest, by: str
) -> tuple[tuple[str | int, ...], np.ndarray]:
    if by == "exit_reason":
        codes, reasons = pd.factorize(trades["exit_reason"], sort=True)
        return tuple(reasons), codes.astype(np.int64)
    decided = trades["decision_time"].to_numpy()
    if by == "side":
        found, code = np.unique((trades["side"].to_numpy() < 0).astype(np.int64), return_inverse=True)
        return tuple(("long", "short")[value] for value in found), code
    if by == "hour":
        found, code = np.unique(decided % DAY // HOUR, return_inverse=True)
        return tuple(int(value) for value in found), code
    if by == "weekday":
        found, code = np.unique((decided // DAY + 3) % 7, return_inverse=True)  # 1970-01-01 was a Thursday
        return tuple(_WEEKDAYS[value] for value in found), code
    found, code = np.unique(_months(backtest)[day], return_inverse=True)
    return tuple(str(month) for month in found), code


def _months(backtest: Backtest) -> np.ndarray:
    """Return the month of each trading day of the period: datetime64[M] (n_days,)."""
    return backtest.calendar.days(*backtest.period).astype("datetime64[D]").astype("datetime64[M]")
