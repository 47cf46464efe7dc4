"""Comparison of runs: paired on the days that all their hold-outs share, so that the market is the same for all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.json_values import json_safe
from tradesieve.models.significance.verdicts import MINIMUM_DAYS, NOT_WORTH, WORTH_ALONE, Outcomes, judge_outcomes
from tradesieve.pipelines.runs.finished_runs import FinishedRun
from tradesieve.pipelines.steps.run_records import PartRecord
from tradesieve.strategies.statistics.daily_returns import equity, max_drawdown, sortino


def compare_runs(runs: Sequence[FinishedRun], *, seed: int = 0) -> dict[str, Any]:
    """Compare the filtered daily returns of runs on the days that all their hold-outs share.

    1. Sum the returns of each run by day, and keep the days that all have.
    2. Subtract those of the first run, day by day.
    3. Give each mean difference an interval that allows for correlation between days; false discoveries are controlled
       over all of them, see `models.significance.verdicts`.

    Returns
    -------
    JSON-safe: ``period`` and ``n_days`` shared; ``runs``, each with ``run``, ``run_id``, ``sortino``, ``daily_return``,
    ``total_return``, ``max_drawdown`` and ``n_trades`` on these days; ``differences`` from the first run, each with
    ``run``, ``difference``, ``low``, ``high`` and ``verdict`` in words; ``error_rate`` of the intervals.

    Raises
    ------
    BadInput : if there are fewer than two runs, one is given twice, a hold-out is sealed, or hold-outs share too few
        days; names them.
    """
    _check(runs)
    shared, by_run = _shared_days(runs)
    if len(shared) < MINIMUM_DAYS:
        raise BadInput(
            f"the hold-outs of these runs share {len(shared)} days of trading, but need {MINIMUM_DAYS}: "
            f"{'; '.join(_described(run) for run in runs)}. Compare runs on the same bars"
        )
    rows = [_row(run, returns, shared) for run, returns in zip(runs, by_run, strict=True)]
    paired = []
    for row, returns in zip(rows[1:], by_run[1:], strict=True):
        n_trades = rows[0]["n_trades"] + row["n_trades"]
        paired.append(Outcomes(returns - by_run[0], np.ones(len(shared)), n_trades, float(n_trades)))
    judged = judge_outcomes([row["run"] for row in rows[1:]], paired, seed=seed)
    differences = [
        {
            "run": own["name"],
            "difference": own["expectancy"],
            "low": own["low"],
            "high": own["high"],
            "verdict": _words(own, rows[0]["run"]),
        }
        for own in judged["rows"]
    ]
    period = [format_time(int(day) * DAY)[:10] for day in (shared[0], shared[-1])]
    found = {"period": period, "n_days": len(shared), "runs": rows, "differences": differences}
    return json_safe({**found, "error_rate": judged["error_rate"]})


def _check(runs: Sequence[FinishedRun]) -> None:
    if len(runs) < 2:
        raise BadInput("a comparison needs at least two runs: name them by their hashes, or by their runs in MLflow")
    paths = [run.path for run in runs]
    for run in runs:
        if paths.count(run.path) > 1:
            raise BadInput(f"run {run.name} is given twice: it would be compared with itself")
    sealed = [run.name for run in runs if "holdout" not in run.parts]
    if sealed:
        raise BadInput(
            f"the hold-out of {', '.join(sealed)} is sealed, so there are no days to compare on: run "
            "`tradesieve model experiment` for it first"
        )


def _shared_days(runs: Sequence[FinishedRun]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the trading days that all hold-outs have, as UTC day numbers, and the returns of each run on them."""
    parts = [run.parts["holdout"] for run in runs]
    days = [part.dataset.calendar.days(*part.dataset.period) for part in parts]
    shared = days[0]
    for _, later in pairwise(days):
        shared = np.intersect1d(shared, later)
    returns = [
        daily_returns(part.dataset, part.sizes)[np.isin(own, shared)] for part, own in zip(parts, days, strict=True)
    ]
    return shared, returns


def _row(run: FinishedRun, returns: np.ndarray, shared: np.ndarray) -> dict[str, Any]:
    part = run.parts["holdout"]
    return {
        "run": run.name,
        "run_id": run.result["run_id"],
        "sortino": sortino(returns, days_per_year=part.dataset.calendar.days_per_year),
        "daily_return": float(returns.mean()),
        "total_return": float(equity(returns)[-1]) - 1.0,
        "max_drawdown": max_drawdown(returns),
        "n_trades": _trades_on(part, shared),
    }


def _trades_on(part: PartRecord, shared: np.ndarray) -> int:
    exits = part.dataset.exit_time[part.sizes > 0] // DAY
    return int(np.count_nonzero((exits >= shared[0]) & (exits <= shared[-1])))


def _described(run: FinishedRun) -> str:
    start, end = (format_time(time)[:10] for time in run.parts["holdout"].dataset.period)
    return f"{run.name} from {start} to {end}"


def _words(own: dict[str, Any], first: str) -> str:
    if own["low"] is None:
        return f"cannot be told: its days are those of {first}, or too few differ"
    if own["verdict"] == WORTH_ALONE:
        return f"earns more than {first}, by more than luck"
    if own["verdict"] == NOT_WORTH:
        return f"earns less than {first}, by more than luck"
    return f"no difference from {first} that luck does not explain"
