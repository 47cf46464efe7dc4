"""Where a filter helps and where it hurts, and what its mistakes cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import capital_effects, effective_number
from tradesieve.models.significance.verdicts import NOT_WORTH, UNTOLD, WORTH_ALONE, Outcomes, judge_outcomes
from tradesieve.pipelines.steps.run_records import PartRecord
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.statistics.market_conditions import CONDITIONS

_WORDS = {WORTH_ALONE: "helps", NOT_WORTH: "hurts", UNTOLD: UNTOLD}


def judge_effects(record: PartRecord, *, seed: int) -> dict[str, Any]:
    """Judge in which groups of trades the filter helps: by rule, symbol, timeframe and market condition.

    In each group, the trades that it keeps are compared with all of them, per unit of capital. So keeping less adds
    nothing by itself. False discoveries are controlled over all groups together.

    Returns
    -------
    As `models.significance.verdicts.judge_outcomes`; the rows have ``by``, ``group``, ``n_trades``, ``n_kept``,
    ``expectancy`` of all and ``kept_expectancy``, the difference with its interval as ``gain``, ``low`` and ``high``,
    ``found`` (``helps``, ``hurts`` or ``cannot be told``) and ``reason``.
    """
    rows: list[dict[str, Any]] = []
    outcomes: list[Outcomes] = []
    for by, group, kept in _groups(record):
        own = record.take(np.flatnonzero(kept))
        capital = own.sizes * own.dataset.stake
        rows.append(
            {
                "by": by,
                "group": group,
                "n_trades": len(own.dataset),
                "n_kept": int(np.count_nonzero(own.sizes)),
                "expectancy": _mean(own.dataset.net_return, own.dataset.stake),
                "kept_expectancy": _mean(own.dataset.net_return, capital),
            }
        )
        outcomes.append(_improvement(own.dataset, own.sizes))
    judged = judge_outcomes([row["group"] for row in rows], outcomes, seed=seed)
    judged["rows"] = [
        {
            **row,
            "gain": own["expectancy"],
            "low": own["low"],
            "high": own["high"],
            "found": _WORDS[own["verdict"]],
            "reason": own["reason"],
        }
        for row, own in zip(rows, judged["rows"], strict=True)
    ]
    return judged


def count_mistakes(record: PartRecord) -> dict[str, dict[str, float]]:
    """Count what the filter refused and kept, and what this earned.

    Returns
    -------
    ``losers_refused``, ``winners_refused``, ``losers_kept`` and ``winners_kept``: the number of ``trades`` and their
    ``effect``, the sum of what they earned or would have earned at full size, as a fraction of the whole capital.
    """
    dataset = record.dataset
    _, effect, _ = capital_effects(dataset)
    won, kept = dataset.net_return > 0, record.sizes > 0
    cells = {
        "losers_refused": ~won & ~kept,
        "winners_refused": won & ~kept,
        "losers_kept": ~won & kept,
        "winners_kept": won & kept,
    }
    taken = np.where(kept, record.sizes, 1.0) * effect
    return {
        name: {"trades": int(np.count_nonzero(rows)), "effect": float(taken[rows].sum())}
        for name, rows in cells.items()
    }


def worst_mistakes(record: PartRecord, *, most: int = 5) -> list[dict[str, Any]]:
    """List the dearest mistakes of both kinds: winners that were refused, and losers that were kept, dearest first."""
    dataset = record.dataset
    _, effect, _ = capital_effects(dataset)
    cost = np.where(record.sizes > 0, -record.sizes * effect, effect)
    order = np.argsort(-cost, kind="stable")[:most]
    return [
        {
            "decision_time": int(dataset.decision_time[row]),
            "instance": dataset.instance_names[dataset.instance[row]],
            "mistake": "kept a loser" if record.sizes[row] > 0 else "refused a winner",
            "net_return": float(dataset.net_return[row]),
            "size": float(record.sizes[row]),
            "cost": float(cost[row]),
        }
        for row in order
        if cost[row] > 0
    ]


def _groups(record: PartRecord) -> Iterator[tuple[str, str, np.ndarray]]:
    instances = [Instance.parse(name) for name in record.dataset.instance_names]
    for by in ("rule", "symbol", "timeframe"):
        labels = np.array([getattr(instance, by) for instance in instances])[record.dataset.instance]
        for label in dict.fromkeys(getattr(instance, by) for instance in instances):
            yield by, str(label), labels == label
    for condition, states in CONDITIONS.items():
        for code, state in enumerate(states):
            yield condition, state, record.conditions[condition] == code


def _improvement(dataset: Dataset, sizes: np.ndarray) -> Outcomes:
    """Sum by day what the filter adds to the same capital in every trade; its expectancy is kept less all."""
    day, _, n_days = capital_effects(dataset)
    capital = sizes * dataset.stake
    total = float(dataset.stake.sum())
    share = float(capital.sum()) / total if total > 0 else 0.0
    average = _mean(dataset.net_return, dataset.stake)
    added = (capital - share * dataset.stake) * (dataset.net_return - average)
    return Outcomes(
        np.bincount(day, weights=added, minlength=n_days),
        np.bincount(day, weights=capital, minlength=n_days),
        int(np.count_nonzero(capital)),
        effective_number(capital),
    )


def _mean(values: np.ndarray, capital: np.ndarray) -> float:
    total = float(capital.sum())
    return float((capital * values).sum()) / total if total > 0 else float("nan")
