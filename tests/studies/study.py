"""The study of the default plan: how often it finds what is planted, and how often it finds what is not.

`make study` runs what `var/study/results.jsonl` lacks, as many runs at a time as there are cores, and writes the tables
of `tests/studies/RESULTS.md` after each. It may be stopped and started again at any time: every part takes its seeds in
turn over all kinds of market, so that what is done so far is a smaller study. Results of other code are kept, but not
shown; tables, and the rows of markets, of which nothing is known here, as on another machine, stay as they are.

The parts, of which ``--parts`` chooses some:

real      the default plan on real bars, in the folder ``--bars``.
default   the default plan on planted markets and on nothing.
changes   what each part of the plan adds, on the same markets.
dimensions  what each value of each dimension of the search adds.
widest    the search over every dimension at once, on nothing.
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
import pandas as pd

from tests.studies import bayes, dimensions, market_kinds, plans, real_markets, runs, series
from tests.studies.market_kinds import DEAD, KINDS, N_DAYS, NULL, OTHER, TREND
from tests.studies.plans import BEFORE, CHANGES, DEFAULT, REFERENCE
from tests.studies.real_markets import REAL_MARKETS, missing_files, run_real
from tests.studies.runs import N_FRESH, run_market
from tests.studies.series import N_EXPERIMENTS, run_series
from tests.studies.tables import (
    Row,
    changes_table,
    commits,
    dimensions_table,
    markdown,
    plans_table,
    read_markdown,
    real_table,
    series_table,
    widest_table,
    with_earlier,
)
from tradesieve.pipelines.fingerprints import code_fingerprint

ROOT = Path(__file__).resolve().parents[2]
RESULTS, TABLE = ROOT / "var" / "study" / "results.jsonl", Path(__file__).with_name("RESULTS.md")
SEEDS = {TREND: 20, OTHER: 8, DEAD: 8, NULL: 40}
SEEDS_OF_CHANGES, SEEDS_OF_DIMENSIONS, SEEDS_BEFORE, N_SERIES = 4, 3, 3, 20
SEEDS_OF_WIDEST = {dimensions.NOTHING: 40, dimensions.FOUND: 4}
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
    if part in ("series", "widest"):
        run, counts = (run_series, {WALK: N_SERIES}) if part == "series" else (dimensions.run_widest, SEEDS_OF_WIDEST)
        done = {(row["kind"], row["seed"]) for row in known}
        wanted = [(kind, seed) for kind, count in counts.items() for seed in range(_fewer(count, seeds))]
        return [(part, run, each) for each in wanted if each not in done]
    if part == "dimensions":
        done = {(row["kind"], row["seed"], row["value"]) for row in known}
        markets = [(kind, seed) for seed in range(_fewer(SEEDS_OF_DIMENSIONS, seeds)) for kind in dimensions.PLANTED]
        lacking = {place: [name for name in dimensions.VALUES if (*place, name) not in done] for place in markets}
        return [(part, dimensions.run_dimensions, (*place, names)) for place, names in lacking.items() if names]
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
    for module in (bayes, dimensions, market_kinds, plans, real_markets, runs, series):
        digest.update(Path(str(module.__file__)).read_bytes())
    return {"code": digest.hexdigest()[:12], "commit": f"{commit}, changed" if changed else commit}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def write_tables(results: list[Row], bars: Path, *, path: Path = TABLE) -> str:
    """Write the tables of the results in the place of the earlier ones, and return the whole document."""
    known = _sections(path.read_text()) if path.exists() else {}
    facts = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    for title, parts, explained, table in SECTIONS:
        rows = [row for row in results if row["part"] in parts]
        if not rows:
            continue
        made, shown = f"Made on {datetime.now(UTC):%Y-%m-%d} ({facts})", table(rows)
        if "market" in shown[0]:
            shown = with_earlier(shown, read_markdown(known.get(title, "")))
        else:
            made += f", of commit {commits(pd.DataFrame(rows))}"
        missing = _not_run(shown, bars) if "real" in parts else ""
        known[title] = f"{explained} {made}.\n\n{markdown(shown)}{missing}"
    ordered = {title: known[title] for title, *_ in SECTIONS if title in known}
    text = "\n\n".join([HEADER, *(f"## {title}\n\n{body}" for title, body in ordered.items())])
    path.write_text(text + "\n")
    return text


def _sections(text: str) -> dict[str, str]:
    """Return the text below each heading."""
    _, *found = text.split("\n## ")
    return {title: body.strip() for title, _, body in (section.partition("\n") for section in found)}


def _real_table(rows: list[Row]) -> list[Row]:
    return real_table(sorted(rows, key=lambda row: list(REAL_MARKETS).index(row["market"])))


def _not_run(rows: list[Row], bars: Path) -> str:
    known = {row["market"] for row in rows}
    absent = [name for name in REAL_MARKETS if name not in known and missing_files(name, bars)]
    waiting = [name for name in REAL_MARKETS if name not in known and name not in absent]
    text = f"\n\nSkipped, since their bars are not in the folder of `--bars`: {', '.join(absent)}." if absent else ""
    return text + (f"\n\nNot run yet: {', '.join(waiting)}." if waiting else "")


HEADER = """# The default plan where the truth is known, and where it is not

Made by `make study`. Seconds are of one core; ± is the standard error over seeds."""

SECTIONS: tuple[tuple[str, tuple[str, ...], str, Callable[[list[Row]], list[Row]]], ...] = (
    (
        "What it finds",
        ("default", "before"),
        f"Two symbols, all rules, {N_DAYS} days of 15m bars, the last fifth sealed. Fresh: means on {N_FRESH} "
        "other markets of the same law. The oracle sees the regime; Bayes knows the law, sees the bars, and learns "
        "from ten times the trades what pays. Shares are those of the means.",
        lambda rows: plans_table(rows, [DEFAULT, BEFORE]),
    ),
    (
        "What each change adds",
        ("changes",),
        f"Fresh Sortino of {REFERENCE}, and what each change adds to it on the same markets. The standard error of "
        "all kinds is over kinds.",
        changes_table,
    ),
    (
        "What each dimension adds",
        ("dimensions",),
        f"Fresh Sortino of {REFERENCE}, and what each value adds to it on the same markets, as above but of "
        f"{dimensions.N_DAYS} days and without factors of the other symbol. Rows of 'label won' and of 'three models' "
        "are compared with those. The fittest of a dimension's values is what a search takes that lists them all.",
        dimensions_table,
    ),
    (
        "The widest search",
        ("widest",),
        f"Every list of the YAML at once, {dimensions.WIDEST.budget}, {dimensions.N_DAYS_WIDEST} days.",
        widest_table,
    ),
    (
        "Twenty experiments in a row",
        ("series",),
        f"{N_EXPERIMENTS} different experiments open the hold-out of one random walk, in one ledger.",
        series_table,
    ),
    ("Real markets", ("real",), "The default plan, the last fifth sealed.", _real_table),
)
"""Title, parts, explanation and table of each section of the document."""

PARTS = ("real", "default", "changes", "dimensions", "widest", "series", "before")


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
