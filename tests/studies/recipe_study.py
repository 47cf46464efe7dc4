"""The study of the recipes: what each believes of its filter, and what the filter then earns, where the truth is known.

`make recipes` runs every market and recipe that `var/study/recipes.jsonl` lacks, one after the other, and writes
`tests/studies/RECIPES.md`. It may be stopped and started again at any time. `--seeds 1` runs fewer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pandas as pd

from tests.studies import market_kinds, recipes
from tests.studies.market_kinds import KINDS, N_DAYS
from tests.studies.recipes import RECIPES, WITH_OURS, Judged
from tests.studies.tables import Row, markdown, mean
from tradesieve.models.json_values import json_safe
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.fingerprints import code_fingerprint

ROOT = Path(__file__).resolve().parents[2]
RESULTS, TABLE = ROOT / "var" / "study" / "recipes.jsonl", Path(__file__).with_name("RECIPES.md")
MARKETS = (
    "trend 0.1",
    "trend 0.15",
    "random walk",
    "random walk without costs",
    "shuffled outcomes of rules that earn",
)
PARTS = ("believed", "holdout", "fresh")


def run_one(kind_name: str, recipe_name: str, seed: int) -> Row:
    """Let a recipe work on one market, then apply its filter to the hold-out and to a fresh market of the same law."""
    kind, recipe = KINDS[kind_name], RECIPES[recipe_name]
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        own, fresh = (
            kind.dataset(number, Path(folder) / str(number), Plan(), recipe.features)
            for number in (seed, 10_000 + 100 * seed)
        )
    development, holdout = split_holdout(own, fraction=Plan().holdout_fraction)
    made = recipe.make(development, seed)
    parts = (made.believed, made.apply(holdout, development), made.apply(fresh, None))
    row: Row = {"kind": kind_name, "recipe": recipe_name, "seed": seed, "code": _code()}
    row["is_planted"] = kind.has_edge
    row["called_profitable"] = made.called_profitable(holdout)
    for part, judged in zip(PARTS, parts, strict=True):
        row |= {f"{part}_{name}": value for name, value in _measured(judged).items()}
    return json_safe(row | {"seconds": round(time.process_time() - started, 1)})


def _measured(judged: Judged) -> Row:
    filtered, every = judged.filtered, judged.every_trade
    return {
        "sortino": filtered.sortino,
        "gain": 1e4 * (filtered.expectancy - every.expectancy),
        "sortino_of_every_trade": every.sortino,
        "coverage": filtered.coverage,
        "is_profitable": judged.is_profitable,
    }


def _code() -> str:
    digest = hashlib.sha256(code_fingerprint("market", "features", "strategies", "models").encode())
    for module in (market_kinds, recipes):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:12]


def summary(table: pd.DataFrame) -> str:
    """Count how often each recipe finds what is there, and what is not, as Markdown."""
    rows = []
    for recipe, own in table.groupby("recipe", observed=True):
        planted, nothing = own[own["is_planted"]], own[~own["is_planted"]]
        called = planted["called_profitable"]
        rows.append(
            {
                "recipe": recipe,
                "an edge: called profitable": f"{called.sum()} of {len(planted)}",
                "of these, are": f"{(called & planted['fresh_is_profitable']).sum()} of {called.sum()}",
                "an edge: gain believed → true": _believed_and_true(planted),
                "no edge: called profitable": f"{nothing['called_profitable'].sum()} of {len(nothing)}",
                "no edge: gain believed → true": _believed_and_true(nothing),
            }
        )
    return markdown(rows)


def _believed_and_true(own: pd.DataFrame) -> str:
    return f"{mean(own['believed_gain'])} → {mean(own['fresh_gain'])}"


def details(table: pd.DataFrame) -> str:
    """Show what each recipe believes and earns in each kind of market, as Markdown."""
    rows = []
    for (kind, recipe), own in table.groupby(["kind", "recipe"], observed=True):
        row = {
            "market": kind,
            "recipe": recipe,
            "seeds": len(own),
            "called profitable": own["called_profitable"].sum(),
            "of these, on the hold-out": (own["called_profitable"] & own["holdout_is_profitable"]).sum(),
            "of these, fresh": (own["called_profitable"] & own["fresh_is_profitable"]).sum(),
        }
        for measured in ("gain", "Sortino"):
            cells = [mean(own[f"{part}_{measured.lower()}"]) for part in PARTS]
            row[f"{measured}, believed → hold-out → fresh"] = " → ".join(cells)
        row["Sortino of every trade, fresh"] = mean(own["fresh_sortino_of_every_trade"])
        row["taken, fresh"] = f"{own['fresh_coverage'].mean():.0%}"
        rows.append(row)
    return markdown(rows)


EXPLANATION = f"""\
Two symbols, all rules, {N_DAYS} days of 15m bars, as in the [study of the default plan](RESULTS.md). Every recipe gets
the same development part, four fifths of the time. "Gain" is the net return per unit of capital less that of every
trade, in basis points; "believed" is what the recipe's own test says, "true" and "fresh" what its filter earns on
another market of the same law, and "hold-out" on the last fifth. A filter that takes no trade has no gain. ± is the
standard error over markets.

A filter is called profitable if, by the recipe's own test, its trades earn and have a better Sortino ratio than every
trade; by the default plan, if the gate opens. It is profitable if the same is true on the fresh market. What each
recipe does, and by which documents, is in [recipes.py](recipes.py)."""


def write_tables(results: list[Row]) -> str:
    """Write the document with its tables and return it."""
    table = pd.DataFrame(results)
    for column, names in (("kind", MARKETS), ("recipe", RECIPES)):
        table[column] = pd.Categorical(table[column], list(names))
    facts = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    minutes = table["seconds"].sum() / 60
    text = [
        "# The recipes of elsewhere on the same trades",
        f"Made by `make recipes` on {datetime.now(UTC):%Y-%m-%d} ({facts}), in {minutes:.0f} minutes of one core.",
        EXPLANATION,
    ]
    for own in (table[~table["recipe"].isin(WITH_OURS)], table[table["recipe"].isin(WITH_OURS)]):
        text += [summary(own)] if len(own) else []
    TABLE.write_text("\n\n".join([*text, details(table)]) + "\n")
    return "\n\n".join([*text, details(table)])


def main() -> None:
    """Run what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="markets of each kind")
    parser.add_argument("--kinds", nargs="+", choices=MARKETS, default=list(MARKETS))
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    given = parser.parse_args()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    known = [row for row in map(json.loads, lines) if row["code"] == _code()]
    done = {(row["kind"], row["recipe"], row["seed"]) for row in known}
    asked = ((kind, recipe, seed) for seed, kind, recipe in product(range(given.seeds), given.kinds, given.recipes))
    with RESULTS.open("a") as file:
        for task in asked:
            if task in done:
                continue
            row = run_one(*task)
            file.write(json.dumps(row) + "\n")
            file.flush()
            known.append(row)
            gains = " → ".join("–" if row[f"{part}_gain"] is None else f"{row[f'{part}_gain']:.1f}" for part in PARTS)
            sys.stderr.write(
                f"{row['recipe']}, {row['kind']}, seed {row['seed']}: gain {gains}, {row['seconds']:.0f} s\n"
            )
    if known:
        sys.stdout.write(write_tables(known) + "\n")


if __name__ == "__main__":
    main()
