"""The leaderboard of the engines: what each finds in one small planted market with as many candidates as the others.

``python -m tests.studies.engines`` runs every installed engine that `var/study/engines.jsonl` lacks, on one thread, and
writes `tests/studies/ENGINES.md` after each. It may be stopped and started again at any time. One market and one seed
rank no engines: the table shows that each works, what it costs, and whether it finds a plain edge at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tests.studies.market_kinds import KINDS, Kind
from tests.studies.tables import Row, markdown
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.registry import installed_engines
from tradesieve.models.fitness.measures import measure
from tradesieve.models.json_values import json_safe
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import SearchResult, search
from tradesieve.pipelines.fingerprints import code_fingerprint

ROOT = Path(__file__).resolve().parents[2]
RESULTS, TABLE = ROOT / "var" / "study" / "engines.jsonl", Path(__file__).with_name("ENGINES.md")
KIND, SEED, FRESH_SEEDS = "trend 0.15", 0, (10_000, 10_001, 10_002)
N_DAYS, FEATURES = 180, "minimal"
N_CANDIDATES = 5
TUNED = dict.fromkeys(("lightgbm_optuna", "flaml", "pycaret_ensemble", "autogluon", "mljar", "tpot"), 1)
"""Candidates of an engine that tries parameters within its fits."""


@dataclass(frozen=True)
class _ShortKind(Kind):
    """A kind of market over fewer days."""

    def market(self, seed: int) -> SyntheticMarket:
        return replace(super().market(seed), n_days=N_DAYS)


def run_engine(name: str, development: Dataset, fresh: list[Dataset]) -> Row:
    """Search one market with the candidates of one engine and judge its winner on fresh markets of the same law."""
    plan = Plan(engines={name: TUNED.get(name, N_CANDIDATES)})
    started = time.process_time()
    result = search(development, plan, n_jobs=1)
    seconds = time.process_time() - started
    failed = [trial for trial in result.trials if trial.error is not None]
    own = [measure(one, _sizes(result, one)) for one in fresh]
    every = [measure(one, np.ones(len(one))) for one in fresh]
    return json_safe(
        {
            "engine": name,
            "candidates": len(result.trials),
            "inner_trials": sum(result.n_inner_trials.values()),
            "failed": len(failed),
            "error": failed[0].error if failed else None,
            "winner": None if result.winner is None else result.winner.candidate.estimator,
            "sortino": None if result.winner is None else result.winner.measures.sortino,
            "fresh_sortinos": [one.sortino if one.n_trades else 0.0 for one in own],
            "fresh_expectancy": 1e4 * float(np.mean([one.expectancy if one.n_trades else 0.0 for one in own])),
            "every_sortinos": [one.sortino for one in every],
            "every_expectancy": 1e4 * float(np.mean([one.expectancy for one in every])),
            "coverage": float(np.mean([one.coverage for one in own])),
            "seconds": round(seconds, 1),
            "n_trades": len(development),
        }
    )


def _sizes(result: SearchResult, dataset: Dataset) -> np.ndarray:
    if result.model is None or result.application is None:
        return np.zeros(len(dataset))
    return result.application.sizes(result.model.predict(dataset.X), dataset.instance)


def _code() -> str:
    digest = hashlib.sha256(code_fingerprint("market", "features", "strategies", "models").encode())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


def _table(rows: list[Row]) -> str:
    shown = []
    for row in sorted(rows, key=lambda row: -np.mean(row["fresh_sortinos"])):
        each = zip(row["fresh_sortinos"], row["every_sortinos"], strict=True)
        found = sum(own > max(0.0, every) for own, every in each)
        shown.append(
            {
                "engine": row["engine"],
                "candidates": f"{row['candidates']}, {row['inner_trials']} trials inside"
                if row["inner_trials"]
                else row["candidates"],
                "failed": row["failed"] or "none",
                "winner": row["winner"] or "none",
                "Sortino, out of fold": _number(row["sortino"]),
                "Sortino, fresh": ", ".join(map(_number, row["fresh_sortinos"])),
                "net a trade, fresh": f"{_number(row['fresh_expectancy'])} bp",
                "taken, fresh": f"{row['coverage']:.0%}",
                "finds the edge": f"{found} of {len(FRESH_SEEDS)}",
                "seconds of one core": f"{row['seconds']:.0f}",
            }
        )
    errors = [f"`{row['engine']}`: {row['error']}" for row in rows if row["error"]]
    return "\n\n".join([markdown(shown), *errors])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def write_table(rows: list[Row]) -> str:
    """Write the document and return it."""
    facts = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    first = rows[0]
    every = ", ".join(map(_number, first["every_sortinos"]))
    text = f"""\
# The engines on one planted market

Made by `python -m tests.studies.engines` on {datetime.now(UTC):%Y-%m-%d} ({facts}).

Two symbols, all rules, {N_DAYS} days of 15m bars with an edge of 0.15 (`{KIND}`), the features `{FEATURES}`, one seed;
{first["n_trades"]:,} trades to learn from. Each engine has {N_CANDIDATES} candidates, but those that tune have one,
whose trials are inside its fits; folds, seed and everything else are those of the default plan. The winner is judged on
three fresh markets of the same law, where every trade has Sortino ratios of {every} and earns
{first["every_expectancy"]:.1f} bp. An engine finds the edge in a market if its ratio there is above zero and above that
of every trade. One market to learn from ranks no engines.

{_table(rows)}
"""
    TABLE.write_text(text, encoding="utf-8")
    return text


def main() -> None:
    """Run what is missing and write the table."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    code = _code()
    known = [row for row in map(json.loads, lines) if row["code"] == code]
    missing = [name for name in installed_engines() if name not in {row["engine"] for row in known}]
    missing.sort(key=lambda name: name in TUNED)  # the longest last
    if missing:
        kind = _ShortKind(**vars(KINDS[KIND]))
        with tempfile.TemporaryDirectory() as folder:
            seeds = (SEED, *FRESH_SEEDS)
            own, *fresh = (kind.dataset(seed, Path(folder) / str(seed), Plan(), FEATURES) for seed in seeds)
        for name in missing:
            known.append(run_engine(name, own, fresh) | {"code": code})
            with RESULTS.open("a") as file:
                file.write(json.dumps(known[-1]) + "\n")
            sys.stderr.write(f"{known[-1]}\n")
            write_table(known)
    sys.stdout.write(write_table(known))


if __name__ == "__main__":
    main()
