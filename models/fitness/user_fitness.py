"""A fitness of one's own: a plain function with a decorator, in a module that an experiment names.

    from tradesieve import fitness

    @fitness
    def calm_gain(returns, days_per_year):
        # The return of a year, less ten times the worst day.
        return returns.mean() * days_per_year + 10 * returns.min()

``fitness: calm_gain`` in the plan of an experiment then ranks its trials and chooses the parameters of applications.
The function names what it reads, see `READ`, and returns one number, the higher the better, or NaN where it is
undefined. It is called only where enough trades are kept, many times in a search, and has to depend on its arguments
alone.
"""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from tradesieve.features.user_definitions import define
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.fitness.registry import FITNESS, KIND, Fitness

READ: dict[str, Callable[[Dataset, np.ndarray], Any]] = {
    "returns": daily_returns,
    "days_per_year": lambda dataset, sizes: dataset.calendar.days_per_year,
    "net_return": lambda dataset, sizes: dataset.net_return,
    "capital": lambda dataset, sizes: sizes * dataset.stake,
    "exit_time": lambda dataset, sizes: dataset.exit_time,
}
"""What a function may read. ``returns``: float64 (n_days,), the return of the whole capital on each day of the
calendar. ``days_per_year``: of the calendar. ``net_return``, ``capital`` and ``exit_time``: of every trade; the capital
is the share of its instance's that it takes, 0 where the filter refuses it."""


def fitness(function: Callable[..., float]) -> Callable[..., float]:
    """Register a function as a fitness under its own name.

    Raises
    ------
    Unknown : if it has an argument that is not in `READ`.
    BadInput : if it has no argument, or its name is taken.
    """
    name, read = function.__name__, tuple(inspect.signature(function).parameters)
    if not read:
        raise BadInput(f"fitness {name} reads nothing: name at least one of its arguments: {', '.join(READ)}")
    for argument in read:
        if argument not in READ:
            raise Unknown(f"argument of fitness {name}:", argument, READ)

    def statistic(dataset: Dataset, sizes: np.ndarray) -> float:
        values = {argument: _read_only(READ[argument](dataset, sizes)) for argument in read}
        try:
            value = float(function(**values))
        except Exception as error:
            line = traceback.extract_tb(error.__traceback__)[-1].lineno
            raise BadInput(f"fitness {name}, line {line}: {type(error).__name__}: {error}") from error
        return value if math.isfinite(value) else math.nan

    define(KIND, name, Fitness(name, statistic), taken=FITNESS)
    return function


def _read_only(value: Any) -> Any:
    """Protect the trades: a function that sorts its arguments in place would change them for all that follow."""
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view
