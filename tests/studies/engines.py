"""The leaderboard of the engines: what each finds with as many candidates as the others.

``python -m tests.studies.engines`` runs every installed engine that `var/study/engines.jsonl` lacks, on one thread, and
writes `tests/studies/ENGINES.md` after each. It may be stopped and started again at any time. One seed and two real
markets rank no engines: the tables show that each works, what it costs, and whether it finds a plain edge at all.
``--bars`` names the folder of real bars; a market whose file is missing is skipped, and said so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from tests.studies import real_markets
from tests.studies.market_kinds import KINDS
from tests.studies.real_markets import REAL_MARKETS, missing_files
from tests.studies.tables import Row, markdown
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.registry import ENGINES, installed_engines
from tradesieve.models.fitness.measures import measure
from tradesieve.models.json_values import json_safe
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import SearchResult, search
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.fingerprints import code_fingerprint

ROOT = Path(__file__).resolve().parents[2]
RESULTS, TABLE = ROOT / "var" / "study" / "engines.jsonl", Path(__file__).with_name("ENGINES.md")
PLANTED, SEED, FRESH_SEEDS = "trend 0.15", 0, (10_000, 10_001, 10_002)
N_DAYS, FEATURES = 180, "minimal"
REAL = {
    "BTC 5m": replace(REAL_MARKETS["BTC 5m"], last_days=150),
    "NVDA 1m": REAL_MARKETS["NVDA 1m"],
}
N_CANDIDATES = 5
TUNED = dict.fromkeys(("lightgbm_optuna", "flaml", "pycaret_ensemble", "autogluon", "mljar", "tpot"), 1)
"""Candidates of an engine that tries parameters within its fits."""


def planted_parts(folder: Path) -> tuple[Dataset, list[Dataset]]:
    """Make the planted market, and fresh ones of the same law."""
    kind = replace(KINDS[PLANTED], n_days=N_DAYS)
    own, *fresh = (kind.dataset(seed, folder / str(seed), Plan(), FEATURES) for seed in (SEED, *FRESH_SEEDS))
    return own, fresh


def real_parts(name: str, bars: Path, folder: Path) -> tuple[Dataset, list[Dataset]]:
    """Make the development part and the hold-out of a real market."""
    plan = Plan()
    dataset = REAL[name].dataset(bars, folder, plan, FEATURES)
    development, holdout = split_holdout(dataset, fraction=plan.holdout_fraction)
    return development, [holdout]


def run_engine(name: str, development: Dataset, unseen: list[Dataset]) -> Row:
    """Search one market with the candidates of one engine, and judge its winner on trades that it has not seen."""
    plan = Plan(engines={name: TUNED.get(name, N_CANDIDATES)})
    started = _processor_seconds()
    result = search(development, plan, n_jobs=1)
    seconds = _processor_seconds() - started
    failed = [trial for trial in result.trials if trial.error is not None]
    own = [measure(one, _sizes(result, one)) for one in unseen]
    every = [measure(one, np.ones(len(one))) for one in unseen]
    return json_safe(
        {
            "engine": name,
            "candidates": len(result.trials),
            "inner_trials": sum(result.n_inner_trials.values()),
            "failed": len(failed),
            "error": failed[0].error if failed else None,
            "winner": None if result.winner is None else result.winner.candidate.estimator,
            "sortino": None if result.winner is None else result.winner.measures.sortino,
            "unseen_sortinos": [one.sortino if one.n_trades else 0.0 for one in own],
            "unseen_expectancy": 1e4 * float(np.mean([one.expectancy if one.n_trades else 0.0 for one in own])),
            "every_sortinos": [one.sortino for one in every],
            "every_expectancy": 1e4 * float(np.mean([one.expectancy for one in every])),
            "coverage": float(np.mean([one.coverage for one in own])),
            "processor_seconds": round(seconds, 1),
            "n_trades": len(development),
        }
    )


def _processor_seconds() -> float:
    """Processor time of this process and of those that it has waited for: engines in environments of their own."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _sizes(result: SearchResult, dataset: Dataset) -> np.ndarray:
    if result.model is None or result.application is None:
        return np.zeros(len(dataset))
    return result.application.sizes(result.model.predict(dataset.X), dataset.instance)


def _code() -> str:
    digest = hashlib.sha256(code_fingerprint("market", "features", "strategies", "models").encode())
    for file in (__file__, real_markets.__file__):
        digest.update(Path(str(file)).read_bytes())
    return digest.hexdigest()[:12]


def _table(rows: list[Row]) -> str:
    shown = []
    for row in sorted(rows, key=lambda row: -np.mean(row["unseen_sortinos"])):
        each = zip(row["unseen_sortinos"], row["every_sortinos"], strict=True)
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
                "Sortino, unseen": ", ".join(map(_number, row["unseen_sortinos"])),
                "net a trade, unseen": f"{_number(row['unseen_expectancy'])} bp",
                "taken, unseen": f"{row['coverage']:.0%}",
                "finds an edge": f"{found} of {len(row['unseen_sortinos'])}",
                "seconds of processor": f"{row['processor_seconds']:.0f}",
            }
        )
    errors: dict[str, list[str]] = {}
    for row in rows:
        if row["error"]:
            errors.setdefault(row["error"], []).append(f"`{row['engine']}`")
    notes = [f"A candidate of {', '.join(engines)} failed: {error}." for error, engines in errors.items()]
    if waiting := [name for name in installed_engines() if name not in {row["engine"] for row in rows}]:
        notes.append(f"Not run: {', '.join(waiting)}.")
    return "\n\n".join([markdown(shown), *notes])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _section(market: str, rows: list[Row]) -> str:
    first = rows[0]
    every = ", ".join(map(_number, first["every_sortinos"]))
    if market == PLANTED:
        what = (
            f"Two symbols, all rules, {N_DAYS} days of 15m bars with an edge of 0.15 (`{PLANTED}`), one seed. "
            f"Unseen are {len(FRESH_SEEDS)} fresh markets of the same law."
        )
    else:
        days = REAL[market].last_days
        what = f"All rules on {f'the last {days} days' if days else 'all days'} of real bars. Unseen is the hold-out."
    basis_points = f"{first['every_expectancy']:.1f} bp"
    learned = f"{first['n_trades']:,} trades to learn from. Every unseen trade: Sortino {every}, {basis_points}."
    return f"## {market}\n\n{what} {learned}\n\n{_table(rows)}"


def write_tables(known: list[Row], skipped: list[str]) -> str:
    """Write the document and return it."""
    facts = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    absent = [name for name in ENGINES if name not in installed_engines()]
    text = [
        "# The engines on one leaderboard",
        f"Made by `python -m tests.studies.engines` on {datetime.now(UTC):%Y-%m-%d} ({facts}).",
        f"The features `{FEATURES}`. Each engine has {N_CANDIDATES} candidates, but those that tune have one, whose "
        "trials are inside its fits; folds, seed and everything else are those of the default plan. An engine finds an "
        "edge on unseen trades if its Sortino ratio there is above zero and above that of every trade. One seed and "
        "two real markets rank no engines.",
    ]
    for market in (PLANTED, *REAL):
        if rows := [row for row in known if row["market"] == market]:
            text.append(_section(market, rows))
    if absent:
        text.append(f"Not installed: {', '.join(absent)}.")
    if skipped:
        text.append(f"Skipped, since their bars are not in the folder of `--bars`: {', '.join(skipped)}.")
    TABLE.write_text("\n\n".join(text) + "\n", encoding="utf-8")
    return "\n\n".join(text) + "\n"


def main() -> None:
    """Run what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--bars", type=Path, default=ROOT.parent / "shared" / "data" / "dev", help="folder of real bars"
    )
    given = parser.parse_args()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    code = _code()
    known = [row for row in map(json.loads, lines) if row["code"] == code]
    skipped = [name for name in REAL if missing_files(name, given.bars)]
    parts = {PLANTED: planted_parts} | {
        name: partial(real_parts, name, given.bars) for name in REAL if name not in skipped
    }
    for market, make in parts.items():
        done = {row["engine"] for row in known if row["market"] == market}
        missing = sorted((name for name in installed_engines() if name not in done), key=lambda name: name in TUNED)
        if not missing:
            continue
        with tempfile.TemporaryDirectory() as folder:
            development, unseen = make(Path(folder))
        for name in missing:
            known.append({"market": market} | run_engine(name, development, unseen) | {"code": code})
            with RESULTS.open("a") as file:
                file.write(json.dumps(known[-1]) + "\n")
            sys.stderr.write(f"{known[-1]}\n")
            write_tables(known, skipped)
    if known:
        sys.stdout.write(write_tables(known, skipped))


if __name__ == "__main__":
    main()
