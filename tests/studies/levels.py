"""The level of each condition of the gate: how often it passes a filter without skill, and how often one with skill.

`make levels` draws trades of a known law (`trade_laws`), without bars, and asks the conditions themselves. It takes
about twenty minutes of one core, may be stopped and started again at any time, and writes `tests/studies/LEVELS.md`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from tests.studies.levels_table import DAYS, DEVELOPMENT, levels_table
from tests.studies.trade_laws import DRIFTS, EDGE, N_FAMILIES, drifting, sample, skilled, worthless_sizes
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import daily_returns, improvement_returns
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.significance.bootstrap import lower_bound
from tradesieve.models.significance.deflated_sharpe import deflated_sharpe
from tradesieve.models.significance.gate import GateLimits
from tradesieve.models.significance.overfitting import probability_of_loss
from tradesieve.models.significance.random_filters import rotation_test
from tradesieve.strategies.statistics.daily_returns import sharpe

ROOT = Path(__file__).resolve().parents[2]
RESULTS, TABLE = ROOT / "var" / "study" / "levels.jsonl", Path(__file__).with_name("LEVELS.md")
LIMITS = GateLimits()
N_ROTATIONS, N_RESAMPLES = 99, 199
"""Fewer than the gate's 2000 each: the level stays, the power falls a little."""
AT_ONCE = 50
"""Samples of one task."""
N_EXPERIMENTS = 40
COUNTS = {"hold-out": 200, "development": 200, "ledger": 150}
"""Samples of each cell."""


def judge_holdout(n_instances: int, n_days: int, seeds: range) -> Counter[str]:
    """Count what passes on hold-outs."""
    passed: Counter[str] = Counter()
    for seed in seeds:
        drawn = sample(seed, n_instances=n_instances, n_days=n_days)
        for (kind, coverage), sizes in drawn.sizes.items():
            name = f"{kind} {coverage}"
            rotation, improvement = _tests(drawn.dataset, sizes, seed)
            passed[f"{name} rotation"] += rotation
            passed[f"{name} improvement"] += improvement
            for drift in ("zero mean", "losing"):
                passed[f"{name} sortino {drift}"] += _earns(drifting(drawn.dataset, DRIFTS[drift]), sizes, seed)
            better = skilled(drawn.dataset, sizes, EDGE)
            verdicts = (*_tests(better, sizes, seed), _earns(better, sizes, seed))
            for condition, verdict in zip(("rotation", "improvement", "sortino"), verdicts, strict=True):
                passed[f"{name} skilled {condition}"] += verdict
    return passed


def _tests(dataset: Dataset, sizes: np.ndarray, seed: int) -> tuple[bool, bool]:
    p_value, _ = rotation_test(dataset, sizes, n_rotations=N_ROTATIONS, seed=seed)
    return p_value <= LIMITS.significance, _positive(improvement_returns(dataset, sizes), seed)


def _earns(dataset: Dataset, sizes: np.ndarray, seed: int) -> bool:
    return _positive(daily_returns(dataset, sizes), seed)


def _positive(returns: np.ndarray, seed: int) -> bool:
    # Both ratios have bounds of the same sign; the Sharpe ratio's is defined without losing days, too.
    bound = lower_bound(
        returns, ratio="sharpe", days_per_year=365.0, confidence=LIMITS.confidence, n_resamples=N_RESAMPLES, seed=seed
    )
    return bound > 0


def judge_development(n_instances: int, n_days: int, seeds: range) -> Counter[str]:
    """Count what passes on development parts, of which the best of twelve filters is the winner."""
    passed: Counter[str] = Counter()
    for seed in seeds:
        drawn = sample(seed, n_instances=n_instances, n_days=DEVELOPMENT * n_days)
        generator = np.random.default_rng(seed)
        sizes = [*drawn.sizes.values(), *worthless_sizes(drawn, generator).values()]
        knows = drawn.sizes["independent", 0.6]
        cases = {drift: drifting(drawn.dataset, by) for drift, by in DRIFTS.items()}
        for name, dataset in (cases | {"skilled": skilled(drawn.dataset, knows, EDGE)}).items():
            winner, improvements = _search(dataset, sizes)
            value = deflated_sharpe(
                improvement_returns(dataset, sizes[winner]), n_trials=len(sizes), trial_sharpes=improvements
            )
            passed[f"{name} deflated"] += value >= LIMITS.deflated_sharpe
            returns = np.column_stack([daily_returns(dataset, one) for one in sizes])
            passed[f"{name} loss"] += probability_of_loss(returns) < LIMITS.probability_of_loss
    return passed


def _search(dataset: Dataset, sizes: list[np.ndarray]) -> tuple[int, np.ndarray]:
    """Return the winner by the default measure, and the Sharpe ratios of all improvements."""
    ranks = [fitness_named("expectancy_by_coverage")(dataset, one) for one in sizes]
    improvements = [sharpe(improvement_returns(dataset, one), days_per_year=1.0) for one in sizes]
    return int(np.argmax(np.nan_to_num(ranks, nan=-np.inf))), np.array(improvements)


def judge_ledger(n_instances: int, n_days: int, seeds: range) -> Counter[str]:
    """Count series of forty worthless experiments on one development part of which at least one passes."""
    passed: Counter[str] = Counter()
    for seed in seeds:
        drawn = sample(seed, n_instances=n_instances, n_days=DEVELOPMENT * n_days)
        generator = np.random.default_rng(seed)
        with tempfile.TemporaryDirectory() as folder:
            ledger = Ledger(Path(folder) / "ledger.db")
            passed["any"] += any(
                _experiment(drawn.dataset, list(worthless_sizes(drawn, generator).values()), ledger, number)
                for number in range(N_EXPERIMENTS)
            )
    return passed


def _experiment(dataset: Dataset, sizes: list[np.ndarray], ledger: Ledger, number: int) -> bool:
    winner, improvements = _search(dataset, sizes)
    trials = [
        {"candidate": str(place), "application": "", "fitness": 0.0, "sharpe": 0.0, "improvement": float(improvement)}
        for place, improvement in enumerate(improvements)
    ]
    ledger.record_trials(str(number), "AAA", trials)
    value = deflated_sharpe(
        improvement_returns(dataset, sizes[winner]),
        n_trials=ledger.count_trials(["AAA"]),
        trial_sharpes=ledger.trial_improvements(["AAA"]),
    )
    return value >= LIMITS.deflated_sharpe


PARTS = {"hold-out": judge_holdout, "development": judge_development, "ledger": judge_ledger}


def run_one(part: str, n_instances: int, n_days: int, first: int) -> dict[str, Any]:
    """Run the samples of one task."""
    passed = PARTS[part](n_instances, n_days, range(first, first + AT_ONCE))
    counts = {name: int(count) for name, count in passed.items()}
    return {"task": [part, n_instances, n_days, first], "code": _code(), "n": AT_ONCE, "passed": counts}


def _code() -> str:
    here, models = Path(__file__), ROOT / "models"
    asked = [*sorted((models / "significance").glob("*.py")), models / "fitness.py"]
    content = b"".join(path.read_bytes() for path in [*asked, here, here.with_name("trade_laws.py")])
    return hashlib.sha256(content).hexdigest()[:12]


def _tasks(known: list[dict[str, Any]], scale: float) -> Iterator[tuple[str, int, int, int]]:
    done = {tuple(row["task"]) for row in known}
    for part, count in COUNTS.items():
        days = DAYS if part != "ledger" else (80,)
        tasks = [
            (part, n, d, first) for n in N_FAMILIES for d in days for first in range(0, int(count * scale), AT_ONCE)
        ]
        yield from (task for task in tasks if task not in done)


def main() -> None:
    """Run what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="multiply the numbers of samples")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    given = parser.parse_args()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    known = [row for row in map(json.loads, lines) if row["code"] == _code()]
    tasks = list(_tasks(known, given.scale))
    workers = joblib.Parallel(n_jobs=given.jobs, return_as="generator_unordered")
    with RESULTS.open("a") as file:
        for done, row in enumerate(workers(joblib.delayed(run_one)(*task) for task in tasks), start=1):
            file.write(json.dumps(row) + "\n")
            file.flush()
            known.append(row)
            sys.stderr.write(f"{done} of {len(tasks)}: {row['task']}\n")
    if known:
        text = levels_table(known, f"{N_ROTATIONS} rotations and {N_RESAMPLES} resamples")
        TABLE.write_text(text)
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
