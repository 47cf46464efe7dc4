"""Groups of trades: what was run, and which of its trades are looked at together."""

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
"""Groupings whose groups are made of whole instances: a group's capital is that of its instances."""

TRADE_GROUPS = ("side", "exit_reason", "hour", "weekday", "month")
"""Groupings that part the trades of every instance: each group's capital is that of all instances."""

GROUPINGS = INSTANCE_GROUPS + TRADE_GROUPS


@dataclass(frozen=True, eq=False)
class Backtest:
    """What was run, whatever came of it: the ground on which trades are counted.

    Parameters
    ----------
    instance_names : every strategy instance (``strategy|symbol|timeframe``), also those without a trade.
    n_bars : how many bars each of them saw.
    period : (start_time, end_time), int64 ns UTC, the time that the daily returns cover.
    calendar : the trading days within `period`.

    Raises
    ------
    BadInput : if there is no instance, one is named twice, or `n_bars` has another length.
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
class Groups:
    """Trades by group.

    Parameters
    ----------
    keys : one text or number a group, in the order in which they are shown.
    code : int64 (n_trades,), index into `keys`.
    n_instances, n_bars : int64 (n_groups,), the instances that hold the group's capital, and the bars they saw.
    first_day, n_days : int64 (n_groups,), the trading days of the period that belong to the group.
    """

    keys: tuple[str | int, ...]
    code: np.ndarray
    n_instances: np.ndarray
    n_bars: np.ndarray
    first_day: np.ndarray
    n_days: np.ndarray


def group_trades(trades: pd.DataFrame, backtest: Backtest, *, by: str) -> Groups:
    """Part trades into groups.

    Hours and weekdays (UTC) are those of the decision. A month is that of the trading day on which the exit counts, and
    owns its days alone. Groups of whole instances exist without a trade too; the others only where there is one.

    Parameters
    ----------
    trades : the trades table; every one is of an instance of `backtest`.
    by : one of `GROUPINGS`.

    Raises
    ------
    Unknown : if there is no such grouping.
    BadData : if a trade is of an instance that was not run, or ends before the period.
    """
    if by not in GROUPINGS:
        raise Unknown("grouping", by, GROUPINGS)
    day, n_days = exit_days(trades["exit_time"].to_numpy(), period=backtest.period, calendar=backtest.calendar)
    instance = _codes_of(trades, backtest)
    n_bars = np.asarray(backtest.n_bars, dtype=np.int64)
    if by in INSTANCE_GROUPS:
        names = [_group_key(name, by) for name in backtest.instance_names]
        # An instance keeps its place; everything else is sorted.
        shown = names if by == "instance" else sorted(set(names))
        place = {name: number for number, name in enumerate(shown)}
        group_of = np.array([place[name] for name in names], dtype=np.int64)
        n = len(shown)
        return Groups(
            keys=tuple(shown),
            code=group_of[instance],
            n_instances=np.bincount(group_of, minlength=n),
            n_bars=np.bincount(group_of, weights=n_bars, minlength=n).astype(np.int64),
            first_day=np.zeros(n, np.int64),
            n_days=np.full(n, n_days, np.int64),
        )
    keys, code = _parted(trades, day, backtest, by)
    n = len(keys)
    first, count = np.zeros(n, np.int64), np.full(n, n_days, np.int64)
    total = np.full(n, n_bars.sum(), np.int64)
    if by == "month":
        months = _months(backtest)
        first = np.searchsorted(months, np.array(keys, dtype="datetime64[M]"), side="left")
        count = np.searchsorted(months, np.array(keys, dtype="datetime64[M]"), side="right") - first
        total = np.maximum(total * count // n_days, 1)
    return Groups(keys, code, np.full(n, len(backtest.instance_names), np.int64), total, first, count)


def _codes_of(trades: pd.DataFrame, backtest: Backtest) -> np.ndarray:
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


def _parted(
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
    """Give the month of each trading day of the period: datetime64[M] (n_days,)."""
    return backtest.calendar.days(*backtest.period).astype("datetime64[D]").astype("datetime64[M]")
