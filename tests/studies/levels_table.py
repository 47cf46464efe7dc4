"""The table of the levels, as Markdown."""

from __future__ import annotations

import os
import platform
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from scipy.stats import binomtest

from tests.studies.trade_laws import COVERAGES, DRIFTS, EDGE, FILTERS

DAYS = (40, 80, 120, 250)
"""Lengths of hold-outs."""
DEVELOPMENT = 4
"""A development part is so many times as long."""

Passed = dict[tuple[str, int, int], Counter[str]]
"""Part, instances and days to the number of samples that pass, by name."""
Drawn = Counter[tuple[str, int, int]]
"""The same to the number of samples."""


def share(passed: int, n: int, *, level: float | None = None) -> str:
    """Format a share with its exact 95 % interval (Clopper and Pearson, 1934); bold if surely above the level."""
    interval = binomtest(passed, n).proportion_ci(method="exact")
    text = f"{100 * passed / n:.1f} ({100 * interval.low:.1f}–{100 * interval.high:.1f})"
    return f"**{text}**" if level is not None and interval.low > level else text


MENDED = """## What this study found, and what was changed

Measured on 300 to 400 samples of six instances each, before the change:

- The rotation test ranked filters by their Sortino ratio, or by money per trade where that is below zero. It passed
  8.8 % of filters in stretches (60 %, 120 days) where the rules earn, 9.8 % of those by volatility (10 %, 120 days)
  where they lose, and 13 % of those in stretches (10 %, 40 days, of those that traded at all). It now compares what
  filters add over its deviation, and finds a skill more often: 73 % instead of 67 % (independent, 60 %, 40 days).
- What a filter adds each day was taken against the baseline's return of that day, so that days of many trades were
  noise. Where rules earn, the bound passed only 1 to 2 % of filters in stretches. It is now taken against the return
  of the average trade, and does not depend on what the rules earn.
- The bounds studentised the Sortino ratio. That of the improvement passed 12.6 % (in stretches, 10 %, 40 days, of those
  that traded at all) and 11.3 % (by volatility, 10 %, 40 days), and found a skill in 50 to 54 % of the samples where it
  now finds it in about 70 % (60 %, 40 days). Bounds now test the mean, with a quantile of at least Student's.

What stays: a filter that trades on the wildest tenth of the days has only a few days that count, fewer than the same
filter at other times, and the rotation test passes it somewhat too often. The bound of the improvement does not compare
with other times, and holds its level there. `probability_of_loss` passes far less than its 10 %, and finds few skills
in less than a year of development: it asks whether the filtered trades earn, not whether the filter helps.
"""


def levels_table(results: list[dict[str, Any]], draws: str) -> str:
    """Write the tables of finished tasks; `draws` says how many the conditions took."""
    passed: Passed = {}
    drawn: Drawn = Counter()
    for row in results:
        part, n_instances, n_days, _ = row["task"]
        passed.setdefault((part, n_instances, n_days), Counter()).update(row["passed"])
        drawn[part, n_instances, n_days] += row["n"]
    facts = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return (
        "# The level of each condition of the gate\n\n"
        f"Made by `make levels` on {datetime.now(UTC):%Y-%m-%d} ({facts}), with {draws}.\n"
        "Percent of samples that pass, with the exact 95 % interval; bold where that is wholly above the level.\n"
        "The trades and filters are those of `tests/studies/trade_laws.py`. A filter with skill keeps trades that\n"
        f"earn {EDGE} more than the others, a third of a trade's deviation.\n"
        "What a filter adds does not depend on what the baseline earns (a test holds that to rounding), so the\n"
        "rotation test and the bound of the improvement are the same for losing, zero-mean and earning baselines.\n\n"
        "## On the hold-out, nominal level 5 %\n\n"
        + _holdout_summary(passed, drawn)
        + "\n\n"
        + _kinds_table(passed, drawn)
        + "\n\n"
        + _holdout_table(passed, drawn)
        + "\n\n## On the development part, four times as long: deflated Sharpe ratio 5 %, probability of loss 10 %\n\n"
        "The winner is the best of twelve filters. Where the baseline earns, filters without skill do earn, so the\n"
        "probability of loss is no test there and is left out.\n\n"
        + _development_table(passed, drawn)
        + "\n\n## Forty worthless experiments of six filters each on one development part of 320 days\n\n"
        "How often the deflated Sharpe ratio of at least one of them passes, with the ledger's count and spread.\n\n"
        + _ledger_table(passed, drawn)
        + "\n\n"
        + MENDED
    )


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows))


WITHOUT_SKILL = ("rotation", "improvement", "sortino zero mean", "sortino losing")
WITH_SKILL = ("skilled rotation", "skilled improvement", "skilled sortino")
_NAMES = [
    "beats_random_filter", "improvement_above_zero", "sortino_above_zero, zero mean", "the same, losing",
    "with skill: random filter", "improvement", "Sortino",
]  # fmt: skip


def _holdout_summary(passed: Passed, drawn: Drawn) -> str:
    rows = []
    for days in DAYS:
        cells = [key for key in passed if key[0] == "hold-out" and key[2] == days]
        n = len(FILTERS) * len(COVERAGES) * sum(drawn[key] for key in cells)
        sums = [
            sum(passed[key][f"{kind} {coverage} {name}"] for key in cells for kind in FILTERS for coverage in COVERAGES)
            for name in (*WITHOUT_SKILL, *WITH_SKILL)
        ]
        rows.append([str(days), str(n), *(f"{100 * total / max(n, 1):.1f}" for total in sums)])
    return _markdown(["days", "filters", *_NAMES], rows)


def _kinds_table(passed: Passed, drawn: Drawn) -> str:
    cells = [key for key in passed if key[0] == "hold-out"]
    rows = []
    for kind in FILTERS:
        for coverage in COVERAGES:
            n = sum(drawn[key] for key in cells)
            sums = [sum(passed[key][f"{kind} {coverage} {name}"] for key in cells) for name in WITHOUT_SKILL]
            rows.append([f"{kind}, {coverage:.0%}", str(n), *(share(total, n, level=0.05) for total in sums)])
    return _markdown(["filter", "samples", *_NAMES[: len(WITHOUT_SKILL)]], rows)


def _holdout_table(passed: Passed, drawn: Drawn) -> str:
    rows = [
        [
            *(str(key[1]), str(key[2]), f"{kind}, {coverage:.0%}"),
            *(share(passed[key][f"{kind} {coverage} {name}"], drawn[key], level=0.05) for name in WITHOUT_SKILL),
            *(f"{100 * passed[key][f'{kind} {coverage} {name}'] / drawn[key]:.0f}" for name in WITH_SKILL),
        ]
        for key in sorted(passed)
        if key[0] == "hold-out"
        for kind in FILTERS
        for coverage in COVERAGES
    ]
    return _markdown(["instances", "days", "filter", *_NAMES], rows)


def _development_table(passed: Passed, drawn: Drawn) -> str:
    header = ["instances", "days", *(f"deflated_sharpe, {drift}" for drift in DRIFTS)]
    header += ["probability_of_loss, losing", "zero mean", "with skill: deflated Sharpe", "probability of loss"]
    rows = [
        [
            *(str(key[1]), str(DEVELOPMENT * key[2])),
            *(share(passed[key][f"{drift} deflated"], drawn[key], level=0.05) for drift in DRIFTS),
            *(share(passed[key][f"{drift} loss"], drawn[key], level=0.1) for drift in ("losing", "zero mean")),
            *(f"{100 * passed[key][f'skilled {name}'] / drawn[key]:.0f}" for name in ("deflated", "loss")),
        ]
        for key in sorted(passed)
        if key[0] == "development"
    ]
    return _markdown(header, rows)


def _ledger_table(passed: Passed, drawn: Drawn) -> str:
    keys = [key for key in sorted(passed) if key[0] == "ledger"]
    rows = [[str(key[1]), str(drawn[key]), share(passed[key]["any"], drawn[key], level=0.05)] for key in keys]
    return _markdown(["instances", "series", "at least one passes"], rows)
