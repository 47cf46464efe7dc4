"""The study of the default plan: how often it finds what is planted, and how often it finds what is not.

`make study` runs every market of every kind that `var/study/results.jsonl` lacks, two at a time, and writes the table
`tests/studies/RESULTS.md`. It may be stopped and started again at any time. `--seeds 4` runs fewer.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from tests.studies.market_kinds import KINDS, N_DAYS
from tradesieve.models.fitness import measure
from tradesieve.models.protocol.holdout import open_holdout
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.fingerprints import code_fingerprint

ROOT = Path(__file__).resolve().parents[2]
RESULTS, TABLE = ROOT / "var" / "study" / "results.jsonl", Path(__file__).with_name("RESULTS.md")
N_FRESH = 3
"""Fresh markets of the same law on which a model is judged; the hold-out alone is too short to tell."""

PLANS = {
    "default": (Plan(), "aligned"),
    "before": (
        Plan(label="won", engines={"lightgbm": 4}, applications=("threshold", "proportional"), selected_by="sortino"),
        "standard",
    ),
}
"""Name to plan and feature set: the default, and the part of LightGBM in the default before it."""


def run_one(kind_name: str, plan_name: str, seed: int) -> dict[str, Any]:
    """Search one market, open its hold-out, and judge the winner on fresh markets too."""
    kind, (plan, features) = KINDS[kind_name], PLANS[plan_name]
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        development, holdout = split_holdout(
            kind.dataset(seed, home / "own", plan, features), fraction=plan.holdout_fraction
        )
        searching = time.process_time()
        result = search(development, plan, n_jobs=1)
        seconds = time.process_time() - searching
        opened = open_holdout(
            holdout, result, plan, ledger=Ledger(home / "ledger.db"), experiment="study", symbols=["AAA", "BBB"],
            certificates={"causality": True, "parity": True},
        )  # fmt: skip
        fresh = []
        if kind.has_edge and result.model is not None and result.application is not None:
            for number in range(N_FRESH):
                other = 10_000 + 100 * seed + number
                dataset = kind.dataset(other, home / str(number), plan, features)
                sizes = result.application.sizes(result.model.predict(dataset.X), dataset.instance)
                found, best = measure(dataset, sizes), measure(dataset, kind.with_the_trend(dataset, other))
                fresh.append((found.sortino, 1e4 * np.log1p(found.total_return) / N_DAYS, best.sortino))
    sortino, daily, oracle = np.mean(fresh, axis=0) if fresh else (np.nan,) * 3
    return {
        "kind": kind_name,
        "plan": plan_name,
        "seed": seed,
        "code": _code(),
        "open": opened.gate.open,
        "failed": [condition.name for condition in opened.gate.conditions if not condition.passed],
        "holdout_sortino": _number(measure(holdout, opened.sizes).sortino),
        "holdout_expectancy": _number(measure(holdout, opened.sizes).expectancy),
        "fresh_sortino": _number(sortino),
        "fresh_basis_points_a_day": _number(daily),
        "oracle_sortino": _number(oracle),
        "n_trades": len(development),
        "search_seconds": round(seconds, 1),
        "seconds": round(time.process_time() - started, 1),
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _code() -> str:
    return code_fingerprint("market", "features", "strategies", "models")


def write_table(results: list[dict[str, Any]]) -> str:
    """Write the table of the results and return it."""
    table = pd.DataFrame(results)
    rows = []
    for (kind, plan), own in table.groupby(["kind", "plan"], sort=False):
        failed = own["failed"].explode().value_counts()
        rows.append(
            {
                "market": kind,
                "plan": plan,
                "seeds": len(own),
                "gate open": f"{own['open'].sum()} of {len(own)}",
                "hold-out above zero": f"{(own['holdout_expectancy'] > 0).sum()} of {len(own)}",
                "hold-out Sortino": _mean(own["holdout_sortino"]),
                "fresh Sortino": _mean(own["fresh_sortino"]),
                "bp a day, fresh": _mean(own["fresh_basis_points_a_day"]),
                "oracle, fresh": _mean(own["oracle_sortino"]),
                "search, s": f"{own['search_seconds'].mean():.0f}",
                "most often failed": ", ".join(f"{name} {count}" for name, count in failed.head(3).items()) or "–",
            }
        )
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([str(cell) for cell in row.values()] for row in rows)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    facts = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    TABLE.write_text(
        "# The default plan where the truth is known\n\n"
        f"Made by `make study` on {datetime.now(UTC):%Y-%m-%d} ({facts}).\n"
        f'Two symbols, six strategies, {N_DAYS} days of 15m bars, the last fifth sealed. "Fresh" are the means on '
        f"{N_FRESH} other markets of the same law; ± is the standard error over seeds.\n"
        "The oracle sees the regime itself. Seconds are of one core.\n\n" + text + "\n"
    )
    return text


def _mean(values: pd.Series) -> str:
    values = values.dropna().astype(float)
    if not len(values):
        return "–"
    error = f" ± {values.std() / np.sqrt(len(values)):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{error}"


def _missing(
    known: list[dict[str, Any]], n_seeds: int, kinds: list[str], plans: list[str]
) -> Iterator[tuple[str, str, int]]:
    done = {(row["kind"], row["plan"], row["seed"]) for row in known}
    for seed in range(n_seeds):
        yield from ((kind, plan, seed) for kind in kinds for plan in plans if (kind, plan, seed) not in done)


def main() -> None:
    """Run what is missing and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="markets of each kind")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--plans", nargs="+", choices=PLANS, default=list(PLANS))
    given = parser.parse_args()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    known = [row for row in map(json.loads, lines) if row["code"] == _code()]
    tasks = list(_missing(known, given.seeds, given.kinds, given.plans))
    workers = joblib.Parallel(n_jobs=os.cpu_count(), return_as="generator_unordered")
    started = time.monotonic()
    with RESULTS.open("a") as file:
        for done, row in enumerate(workers(joblib.delayed(run_one)(*task) for task in tasks), start=1):
            file.write(json.dumps(row) + "\n")
            file.flush()
            known.append(row)
            left = (time.monotonic() - started) / done * (len(tasks) - done)
            sys.stderr.write(
                f"{done} of {len(tasks)}, {left / 60:.0f} min left: {row['kind']}, {row['plan']}, seed {row['seed']}: "
                f"fresh Sortino {row['fresh_sortino']}, gate {'open' if row['open'] else 'closed'}\n"
            )
    if known:
        sys.stdout.write(write_table(known) + "\n")


if __name__ == "__main__":
    main()
