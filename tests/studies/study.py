"""The study of the default plan: how often it finds what is planted, and how often it finds what is not.

`make study` runs what `var/study/results.jsonl` lacks, as many runs at a time as there are cores, and writes the tables
of `tests/studies/RESULTS.md` after each. It may be stopped and started again at any time: every part takes its seeds in
turn over all kinds of market, so that what is done so far is a smaller study. Results of other code are kept, but not
shown.

The parts, of which ``--parts`` chooses some:

real      the default plan on real bars, in the folder ``--bars``.
default   the default plan on planted markets and on nothing.
changes   what each part of the plan adds, on the same markets.
series    twenty experiments in a row on the hold-out of one random walk.
before    the default plan before this study, on a few markets.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib

from tests.studies import bayes, market_kinds, plans, real_markets, runs, series
from tests.studies.market_kinds import DEAD, KINDS, N_DAYS, NULL, OTHER, TREND
from tests.studies.plans import BEFORE, CHANGES, DEFAULT, REFERENCE
from tests.studies.real_markets import REAL_MARKETS, missing_files, run_real
from tests.studies.runs import N_FRESH, run_market
from tests.studies.series import N_EXPERIMENTS, run_series
from tests.studies.tables import Row, changes_table, markdown, plans_table, real_table, series_table
from tradesieve.pipelines.fingerprints import code_fingerprint

ROOT = Path(__file__).resolve().parents[2]
RESULTS, TABLE = ROOT / "var" / "study" / "results.jsonl", Path(__file__).with_name("RESULTS.md")
SEEDS = {TREND: 20, OTHER: 8, DEAD: 8, NULL: 40}
SEEDS_OF_CHANGES, SEEDS_BEFORE, N_SERIES = 4, 3, 20
WALK = "random walk without costs"
"""Where series run: without costs a worthless filter is not held back by them."""

Task = tuple[str, Callable[..., Any], tuple[Any, ...]]
"""Part, function, and its arguments."""


def tasks_of(part: str, known: list[Row], seeds: float, bars: Path) -> list[Task]:
    """List the runs of a part that are missing, the first seed of every kind before the second of any."""
    if part == "real":
        done = {row["market"] for row in known}
        missing = [name for name in REAL_MARKETS if name not in done]
        return [(part, run_real, (name, bars)) for name in missing if not missing_files(name, bars)]
    if part == "series":
        done = {(row["kind"], row["seed"]) for row in known}
        wanted = [(WALK, seed) for seed in range(_fewer(N_SERIES, seeds))]
        return [(part, run_series, each) for each in wanted if each not in done]
    chosen = {"default": [DEFAULT], "changes": list(CHANGES), "before": [BEFORE]}[part]
    done = {(row["kind"], row["seed"], row["plan"]) for row in known}
    found: list[Task] = []
    for kind, seed in _markets(part, seeds):
        missing = [plan for plan in chosen if (kind, seed, plan) not in done]
        if missing:
            found.append((part, run_market, (kind, seed, missing)))
    return found


def _markets(part: str, seeds: float) -> Iterator[tuple[str, int]]:
    """Iterate over kinds and seeds. A kind with more seeds gets its share of each turn, so that all end together."""
    several = {"default": SEEDS, "changes": {TREND: SEEDS_OF_CHANGES, OTHER: SEEDS_OF_CHANGES}}
    counts = several.get(part, {TREND: SEEDS_BEFORE})
    wanted = [
        ((seed + 0.5) / _fewer(counts[kind.group], seeds), name, seed)
        for name, kind in KINDS.items()
        if kind.group in counts
        for seed in range(_fewer(counts[kind.group], seeds))
    ]
    for _, name, seed in sorted(wanted, key=lambda each: each[0]):
        yield name, seed


def _fewer(count: int, share: float) -> int:
    return max(1, round(share * count))


def run_task(part: str, run: Callable[..., Any], arguments: tuple[Any, ...], code: dict[str, str]) -> list[Row]:
    """Run a task, and return its results with the code that they are of."""
    found = run(*arguments)
    return [{"part": part} | row | code for row in (found if isinstance(found, list) else [found])]


def code_of_study() -> dict[str, str]:
    """Return the fingerprint of the code that results follow from, and the commit for the reader."""
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    changed = _git("status", "--porcelain", "--", ".", f":!{TABLE.relative_to(ROOT)}")
    rooms = code_fingerprint("market", "features", "strategies", "models")
    digest = hashlib.sha256(rooms.encode())
    for module in (bayes, market_kinds, plans, real_markets, runs, series):
        digest.update(Path(str(module.__file__)).read_bytes())
    return {"code": digest.hexdigest()[:12], "commit": f"{commit}, changed" if changed else commit}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def write_tables(results: list[Row], bars: Path) -> str:
    """Write the tables of the results and return them."""
    parts = {name: [row for row in results if row["part"] == name] for name in PARTS}
    commits = ", ".join(dict.fromkeys(row["commit"] for row in results))
    facts = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    text = [
        "# The default plan where the truth is known, and where it is not",
        f"Made by `make study` on {datetime.now(UTC):%Y-%m-%d} ({facts}), of commit {commits}. Seconds are of one "
        "core; ± is the standard error over seeds.",
    ]
    if parts["default"] or parts["before"]:
        text += [
            "## What it finds",
            f"Two symbols, all rules, {N_DAYS} days of 15m bars, the last fifth sealed. Fresh: means on {N_FRESH} "
            "other markets of the same law. The oracle sees the regime; Bayes knows the law, sees the bars, and learns "
            "from ten times the trades what pays. Shares are those of the means.",
            markdown(plans_table([*parts["default"], *parts["before"]], [DEFAULT, BEFORE])),
        ]
    if rows := changes_table(parts["changes"]):
        text += [
            "## What each change adds",
            f"Fresh Sortino of {REFERENCE}, and what each change adds to it on the same markets. The standard error of "
            "all kinds is over kinds.",
            markdown(rows),
        ]
    if parts["series"]:
        text += [
            "## Twenty experiments in a row",
            f"{N_EXPERIMENTS} different experiments open the hold-out of one random walk, in one ledger.",
            markdown(series_table(parts["series"])),
        ]
    text += ["## Real markets", _real(parts["real"], bars)]
    TABLE.write_text("\n\n".join(text) + "\n")
    return "\n\n".join(text)


def _real(rows: list[Row], bars: Path) -> str:
    shown = sorted(rows, key=lambda row: list(REAL_MARKETS).index(row["market"]))
    known = {row["market"] for row in rows}
    text = markdown(real_table(shown)) if rows else ""
    absent = [name for name in REAL_MARKETS if name not in known and missing_files(name, bars)]
    if absent:
        text += f"\n\nSkipped, since their bars are not in the folder of `--bars`: {', '.join(absent)}."
    waiting = [name for name in REAL_MARKETS if name not in known and name not in absent]
    return text + (f"\n\nNot run yet: {', '.join(waiting)}." if waiting else "")


PARTS = ("real", "default", "changes", "series", "before")


def main() -> None:
    """Run what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--share", type=float, default=1.0, help="of the seeds: 0.5 runs half of them")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--bars", type=Path, default=ROOT.parent / "shared" / "data" / "dev", help="folder of real bars"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    given = parser.parse_args()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    code = code_of_study()
    known = [row for row in map(json.loads, lines) if row["code"] == code["code"] and "part" in row]
    tasks = [
        task
        for part in given.parts
        for task in tasks_of(part, [row for row in known if row["part"] == part], given.share, given.bars)
        if task[2][0] in given.kinds or part == "real"
    ]
    workers = joblib.Parallel(n_jobs=given.jobs, return_as="generator_unordered")
    started = time.monotonic()
    with RESULTS.open("a") as file:
        for done, rows in enumerate(workers(joblib.delayed(run_task)(*task, code) for task in tasks), start=1):
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            known += rows
            write_tables(known, given.bars)
            left = (time.monotonic() - started) / done * (len(tasks) - done)
            what = {key: rows[0].get(key) for key in ("kind", "seed", "market", "open", "opened", "fresh_sortino")}
            shown = ", ".join(f"{key} {value}" for key, value in what.items() if value is not None)
            sys.stderr.write(f"{done} of {len(tasks)}, {left / 60:.0f} min left: {rows[0]['part']}, {shown}\n")
    if known:
        sys.stdout.write(write_tables(known, given.bars) + "\n")


if __name__ == "__main__":
    main()
