"""The tables of a comparison of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradesieve.pipelines.console import Console

_RUNS = {
    "run": "run", "sortino": "Sortino", "daily_return": "a day", "total_return": "return",
    "max_drawdown": "drawdown", "n_trades": "trades kept",
}  # fmt: skip
_DIFFERENCES = {"run": "run", "difference": "a day", "interval": "between", "verdict": "in words"}


def show_comparison(console: Console, found: Mapping[str, Any]) -> None:
    """Print runs side by side, and how each differs from the first.

    Parameters
    ----------
    found : from `pipelines.runs.comparison.compare_runs`.
    """
    days = f"the {found['n_days']:,} days that all hold-outs share, {' to '.join(found['period'])}"
    console.table(f"Filtered, on {days}", found["runs"], _RUNS)
    rows = [
        {
            **row,
            "difference": "–" if row["difference"] is None else f"{row['difference'] * 1e4:+.2f} bp",
            "interval": "–" if row["low"] is None else f"{row['low'] * 1e4:+.2f} to {row['high'] * 1e4:+.2f} bp",
        }
        for row in found["differences"]
    ]
    console.table(f"Less {found['runs'][0]['run']}, on the same days", rows, _DIFFERENCES)
    console.say(
        f"Intervals are of {100 * (1 - found['error_rate']):.4g} %. A hold-out by which one of several runs is chosen "
        "is used up: judge the chosen one on later bars, with `tradesieve model eval --run RUN`."
    )
