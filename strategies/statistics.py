"""Trade statistics: what a group of trades was worth, trade by trade. Ratios over days live in `models.fitness`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from market.errors import Unknown

_DAY = 86_400_000_000_000
_HOUR = 3_600_000_000_000
_WEEKDAYS = ("Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday")  # 1970-01-01 and on

GROUPS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "strategy": lambda trades: trades["strategy"],
    "symbol": lambda trades: trades["symbol"],
    "side": lambda trades: trades["side"].map({1: "long", -1: "short"}),
    "exit_reason": lambda trades: trades["exit_reason"],
    "hour": lambda trades: trades["decision_time"] % _DAY // _HOUR,
    "weekday": lambda trades: (trades["decision_time"] // _DAY % 7).map(dict(enumerate(_WEEKDAYS))),
}


def trade_statistics(trades: pd.DataFrame, *, by: str) -> list[dict[str, Any]]:
    """Describe the trades of each group.

    Parameters
    ----------
    trades : the trades table.
    by : one of `GROUPS`.

    Returns
    -------
    One JSON-safe dict a group, sorted by it: ``n_trades``, ``win_rate``, ``expectancy`` (mean net return),
    ``average_win_return``, ``average_loss_return``, ``profit_factor``, ``cost`` (mean), ``r_multiple`` (mean),
    ``bars_held`` (mean). None where a value is undefined.

    Raises
    ------
    Unknown : if there is no such grouping.
    """
    if by not in GROUPS:
        raise Unknown("grouping", by, GROUPS)
    return [
        {by: key if isinstance(key, str) else int(key)} | _describe(group)
        for key, group in trades.groupby(GROUPS[by](trades))
    ]


def _describe(trades: pd.DataFrame) -> dict[str, Any]:
    net = trades["net_return"]
    won, lost = net[net > 0], net[net <= 0]
    values = {
        "win_rate": float((net > 0).mean()),
        "expectancy": float(net.mean()),
        "average_win_return": float(won.mean()),
        "average_loss_return": float(lost.mean()),
        "profit_factor": float(won.sum() / -lost.sum()) if lost.sum() < 0 else math.nan,
        "cost": float(trades["cost"].mean()),
        "r_multiple": float(trades["r_multiple"].mean()),
        "bars_held": float(trades["bars_held"].mean()),
    }
    return {"n_trades": len(trades)} | {name: value if math.isfinite(value) else None for name, value in values.items()}
