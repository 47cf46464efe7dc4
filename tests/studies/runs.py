"""Runs of a study: plans on one market, judged on its hold-out and on fresh markets of the same law."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.studies.bayes import bayes_sizes, oracle_sizes
from tests.studies.market_kinds import KINDS, N_DAYS, SYMBOLS, TREND
from tests.studies.plans import EVERY_FEATURE, PLANS, Planned
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.measures import measure
from tradesieve.models.json_values import json_safe
from tradesieve.models.protocol.holdout import HoldoutResult, open_holdout
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import SearchResult, search
from tradesieve.models.significance.gate import CERTIFICATES
from tradesieve.models.splits import split_holdout

N_FRESH = 3
"""Fresh markets of the same law on which a model is judged; the hold-out alone is too short to tell."""
_FIRST_FRESH = 10_000


def run_market(kind_name: str, seed: int, plan_names: Sequence[str]) -> list[dict[str, Any]]:
    """Search one market by each plan, open its hold-out, and judge the winners on fresh markets too."""
    kind = KINDS[kind_name]
    features = tuple(name for name in EVERY_FEATURE if any(name in PLANS[plan].features for plan in plan_names))
    with tempfile.TemporaryDirectory() as folder:
        made = kind.dataset(seed, Path(folder) / "own", Plan(), features)
        results, rows = {}, []
        for name in plan_names:
            results[name], row = _searched(made, PLANS[name], Path(folder) / f"{len(rows)}.db")
            rows.append({"kind": kind_name, "seed": seed, "plan": name} | row)
        if kind.has_edge:
            fresh = [_fresh(kind_name, seed, number, features, results, Path(folder)) for number in range(N_FRESH)]
            for row in rows:
                each = [by_plan[row["plan"]] for by_plan in fresh]
                row |= {key: float(np.mean([one[key] for one in each])) for key in each[0]}
    return [json_safe(row) for row in rows]


def _searched(made: Dataset, planned: Planned, ledger: Path) -> tuple[SearchResult, dict[str, Any]]:
    plan = planned.plan
    development, holdout = split_holdout(planned.dataset(made), fraction=plan.holdout_fraction)
    started = time.process_time()
    with planned.applied():
        result = search(development, plan, n_jobs=1)
    seconds = time.process_time() - started
    opened = open_for_study(holdout, result, plan, Ledger(ledger))
    filtered, every = measure(holdout, opened.sizes), measure(holdout, np.ones(len(holdout)))
    return result, {
        "open": opened.gate.open,
        "failed": [condition.name for condition in opened.gate.conditions if not condition.passed],
        "holdout_sortino": filtered.sortino,
        "holdout_expectancy": filtered.expectancy,
        "every_trade_sortino": every.sortino,
        "n_trades": len(development),
        "search_seconds": round(seconds, 1),
    }


def open_for_study(
    holdout: Dataset, result: SearchResult, plan: Plan, ledger: Ledger, *, experiment: str = "study"
) -> HoldoutResult:
    """Open a hold-out with certificates as if earned, since they do not depend on the outcome."""
    return open_holdout(
        holdout, result, plan, ledger=ledger, experiment=experiment, symbols=list(SYMBOLS),
        certificates=dict.fromkeys(CERTIFICATES, True),
    )  # fmt: skip


def _fresh(
    kind_name: str, seed: int, number: int, features: tuple[str, ...], results: dict[str, SearchResult], home: Path
) -> dict[str, dict[str, float]]:
    """Judge the winner of each plan on a market of the same law; one without a winner trades nothing."""
    kind, other = KINDS[kind_name], _FIRST_FRESH + 100 * seed + number
    made = kind.dataset(other, home / f"fresh{number}", Plan(), features)
    known = {"oracle": _judged(made, oracle_sizes(kind_name, made, other))}
    if kind.group == TREND:
        known["bayes"] = _judged(made, bayes_sizes(kind_name, made, other))
    bounds = {f"{name}_{key}": value for name, each in known.items() for key, value in each.items()}
    found = {}
    for name, result in results.items():
        dataset = PLANS[name].dataset(made)
        sizes = np.zeros(len(dataset))
        if result.model is not None and result.application is not None:
            sizes = result.application.sizes(result.model.predict(dataset.X), dataset.instance)
        found[name] = {f"fresh_{key}": value for key, value in _judged(dataset, sizes).items()} | bounds
    return found


def _judged(dataset: Dataset, sizes: np.ndarray) -> dict[str, float]:
    """Measure the Sortino ratio, 0 where nothing is traded, and the growth of the capital in basis points a day."""
    measured = measure(dataset, sizes)
    return {
        "sortino": measured.sortino if measured.n_trades else 0.0,
        "basis_points": 1e4 * float(np.log1p(measured.total_return)) / N_DAYS,
    }
