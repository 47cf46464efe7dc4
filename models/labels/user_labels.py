"""A label of one's own: a plain function with a decorator, in a module that an experiment names.

    from tradesieve import label

    @label(task="regression")
    def return_per_day(trades):
        # The net return of a day in the market.
        days = (trades["exit_time"] - trades["decision_time"]) / 86_400e9
        return trades["net_return"] / days.clip(lower=1 / 24)

``label: return_per_day`` in the plan of an experiment then trains its models. The function gets the trades table, see
`strategies.trades.TRADE_COLUMNS`, of all trades that closed, in decision order, and returns one number for each, NaN
where unknown. A classification is 0 or 1. It is known at the trade's exit, so it may read its own trade, and others
that had exited by then: `models.labels.laws` refuses it otherwise. One that compares a trade with others names a later
time, as in ``@label(task="classification", known_time=week_end)``.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tradesieve.features.user_definitions import define
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.labels.base import TASKS, Label, known_at_exit
from tradesieve.models.labels.registry import KIND, LABELS

if TYPE_CHECKING:
    import pandas as pd

Function = Callable[..., Any]


def label(
    *, task: str, features: Sequence[str] = (), known_time: Callable[[pd.DataFrame], Any] = known_at_exit
) -> Callable[[Function], Function]:
    """Register a function as a label under its own name.

    Parameters
    ----------
    task : ``classification`` or ``regression``.
    features : names of features at the decision that the function reads, as further arguments, float64 (n_trades,)
        each, in their order.
    known_time : function (trades table) -> int64 ns UTC (n_trades,), when each target is known: at the exit or later.

    Raises
    ------
    Unknown : if there is no such task.
    BadInput : if the name is taken.
    """
    if task not in TASKS:
        raise Unknown("task of @label", task, TASKS)

    def register(function: Function) -> Function:
        name = function.__name__

        def targets(trades: pd.DataFrame, columns: np.ndarray) -> np.ndarray:
            return _called(name, function, trades.copy(), *columns.T.copy())

        def known(trades: pd.DataFrame) -> np.ndarray:
            return _called(name, known_time, trades.copy())

        define(KIND, name, Label(name, task, targets, tuple(features), known), taken=LABELS)
        return function

    return register


def _called(name: str, function: Function, *arguments: Any) -> np.ndarray:
    try:
        return np.asarray(function(*arguments))
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1].lineno
        raise BadInput(f"label {name}, line {line}: {type(error).__name__}: {error}") from error
