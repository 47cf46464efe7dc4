"""The tables of a model's result: trials, strategies, both parts, the gate, and of a placebo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.pipelines.commands.shared.long_tables import SHOWN_AT_EACH_END, best_first, show_long_table
from tradesieve.pipelines.commands.shared.result_notes import (
    describe_choice,
    describe_failed,
    describe_idle,
    describe_opening,
)
from tradesieve.pipelines.commands.shared.table_output import write_table
from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.commands.shared.trade_notes import describe_losing
from tradesieve.pipelines.commands.shared.verdict_tables import (
    VERDICT_COLUMNS,
    describe_verdicts,
    hide_ratios_of_few,
    with_verdicts,
)
from tradesieve.pipelines.console import Console

_MEASURES = {
    "part": "part", "trades": "trades", "sortino": "Sortino", "n_trades": "trades kept", "coverage": "coverage",
    "win_rate": "win rate", "expectancy": "expectancy", "profit_factor": "profit factor", "max_drawdown": "drawdown",
    "total_return": "return",
}  # fmt: skip
_TRIALS = {
    "rank": "#", "candidate": "candidate", "label": "label", "factors": "factors", "weights": "weights",
    "calibration": "calibration", "scope": "scope",
    "selection": "selection", "application": "application", "fitness": "{}",
    "sortino": "Sortino", "baseline_sortino": "every trade", "random_sortino": "random filter",
    "n_trades": "trades kept", "coverage": "coverage", "expectancy": "expectancy", "error": "failed because",
}  # fmt: skip
_CONDITIONS = {"passed": "passed", "name": "condition", "value": "value", "threshold": "limit", "reason": "in words"}
_INSTANCES = {
    "instance": "strategy", **VERDICT_COLUMNS, "baseline_n_trades": "trades", "filtered_n_trades": "kept",
    "baseline_expectancy": "expectancy, all", "filtered_expectancy": "filtered", "baseline_sortino": "Sortino, all",
    "filtered_sortino": "filtered", "random_sortino": "random filter", "n_joined": "stands for",
}  # fmt: skip
_RATIOS = {
    "baseline_sortino": "baseline_n_trades", "filtered_sortino": "filtered_n_trades",
    "random_sortino": "filtered_n_trades",
}  # fmt: skip
_GROUPS = {"every trade": "baseline", "filtered": "filtered", "random filter": "random"}
_WEIGHTED = "each trade weighted by its capital"
_SHOWN_TRIALS = 8
_SHOWN_WHERE_ANY = ("label", "factors", "weights", "calibration", "scope", "error")
"""Columns that are left out where no trial has a value."""


def show_result(console: Console, result: Mapping[str, Any], *, tables: Path) -> None:
    """Print the result of an experiment: the trials, each strategy, both parts, the gate.

    Parameters
    ----------
    tables : the folder for the whole of a table that is too long for a terminal.
    """
    data = result["data"]
    console.say(
        f"Experiment {result['experiment']}: {data['n_instances']} strategy instances on {', '.join(data['symbols'])} "
        f"at {', '.join(data['timeframes'])}, {data['n_bars']:,} bars"
        + (", read from an earlier run" if result["reused"] else f", {result['seconds']} s")
        + ("" if result["run_id"] is None else f"; run {result['run_id']} in MLflow")
    )
    trials, selected_by = result["leaderboard"], result["selected_by"]
    console.table(
        f"Trials on the development part, out of fold, {_WEIGHTED}: {selected_by} selects, for the aim "
        f"{result['aim']!r}; the score is {result['score']} (best {min(_SHOWN_TRIALS, len(trials))} of {len(trials)})",
        trials[:_SHOWN_TRIALS],
        {
            key: title.format(selected_by.replace("_", " "))
            for key, title in _TRIALS.items()
            if key not in _SHOWN_WHERE_ANY or any(row.get(key) for row in trials)
        },
    )
    part = "holdout" if result["by_instance"]["holdout"] else "development"
    path = tables / f"strategies-{result['experiment']}.csv"
    _show_instances(console, _title(part), result["by_instance"][part], result["verdicts"][part], path)
    best_of = len(trials) if part == "development" else None
    for line in describe_verdicts(result["verdicts"][part], part=f"on the {_title(part)} part", best_of=best_of):
        console.say(line)
    console.table(f"Without and with the filter, {_WEIGHTED}", _comparison(result), _MEASURES)
    for name, rows in result["by_instance"].items():
        for line in describe_idle(rows or (), f"in the {_title(name)} part"):
            console.say(line)
    for line in (*describe_losing(row["sortino"] for row in _comparison(result)), *describe_choice(result)):
        console.say(line)
    show_gate(console, result)


def _show_instances(
    console: Console, part: str, rows: Sequence[Mapping[str, Any]], verdicts: Mapping[str, Any], path: Path
) -> None:
    """Print each instance, and for how many others of the same trades it stands where any were joined."""
    joined = any(row.get("n_joined") for row in rows)
    judged, hidden = hide_ratios_of_few(with_verdicts(rows, verdicts), _RATIOS)
    shown = [row | {"n_joined": f"{row['n_joined']} more" if row.get("n_joined") else ""} for row in judged]
    titles = {key: title for key, title in _INSTANCES.items() if joined or key != "n_joined"}
    if len(shown) > 2 * SHOWN_AT_EACH_END:
        by_name = {row["name"]: row["expectancy"] for row in verdicts["rows"]}
        shown = best_first([{**row, "expectancy": by_name[row["instance"]]} for row in shown], "expectancy")
    show_long_table(
        console, f"Strategy by strategy, {part}, {_WEIGHTED}", shown, titles, name="instance", path=path
    )  # fmt: skip
    for line in hidden:
        console.say(line)


def show_gate(console: Console, result: Mapping[str, Any]) -> None:
    """Print the verdict of the gate and its reasons."""
    gate = result["gate"]
    if gate is None:
        console.say("The hold-out is sealed, so the gate was not judged; `tradesieve model experiment` opens it.")
        return
    console.table("The gate", gate["conditions"], _CONDITIONS)
    failed = [condition for condition in gate["conditions"] if not condition["passed"]]
    if gate["open"]:
        console.say("GATE OPEN: the improvement is unlikely to be luck; the model is the champion now.")
    else:
        console.say(f"GATE CLOSED: {len(failed)} of {len(gate['conditions'])} conditions failed. {failed[0]['reason']}")
        console.say("No model is exported: this is a result, not an error.")
    console.say(describe_opening(result))


def show_evaluation(console: Console, found: Mapping[str, Any], *, tables: Path) -> None:
    """Print the evaluation of a model on bars that it was not trained on.

    Parameters
    ----------
    tables : the folder for the whole of a table that is too long for a terminal.
    """
    period = " to ".join(found["period"])
    path = tables / f"evaluation-{found['run_id']}.csv"
    _show_instances(console, period, found["by_instance"], found["verdicts"], path)
    for line in describe_verdicts(found["verdicts"], part="on these bars"):
        console.say(line)
    rows = [{"trades": name, **found[key]} for name, key in _GROUPS.items()]
    columns = {key: title for key, title in _MEASURES.items() if key != "part"}
    console.table(f"Without and with the model, {_WEIGHTED}", rows, columns)
    for line in (
        *describe_losing(row["sortino"] for row in rows),
        *describe_idle(found["by_instance"], "in this period"),
    ):
        console.say(line)
    console.say(_describe_look(found["opening"]))


def show_instances_trained(console: Console, found: Mapping[str, Any], *, tables: Path) -> None:
    """Print what filters of single instances are worth, on the development part or on the hold-out.

    Parameters
    ----------
    tables : the folder for the whole of a table that is too long for a terminal.
    """
    part = found["part"]
    console.say(
        f"One by one, experiment {found['experiment']}: {found['n_trained']:,} of {found['n_instances']:,} strategy "
        f"instances have a filter of their own, {found['n_trials']:,} trials, {found['seconds']} s"
    )
    path = tables / f"one-by-one-{part}-{found['experiment']}.csv"
    where = f"{_title(part)}, each by its own filter" + (", out of fold" if part == "development" else "")
    _show_instances(console, where, found["by_instance"], found["verdicts"], path)
    for line in describe_verdicts(found["verdicts"], part=f"on the {_title(part)} part"):
        console.say(line)
    rows = [{"part": _title(part), "trades": name, **found[key]} for name, key in _GROUPS.items()]
    console.table(f"Without and with the filters, {_WEIGHTED}", rows, _MEASURES)
    for line in describe_failed(found["failed"]):
        console.say(line)
    if found["failed"] and not console.as_json:
        failed_path = tables / f"one-by-one-failed-{found['experiment']}.csv"
        write_table(pd.DataFrame(found["failed"].items(), columns=["instance", "reason"]), failed_path)
        console.say(f"all {len(found['failed']):,} instances without a filter are in {failed_path}")
    if part == "development":
        console.say(
            "Each filter is the best of its trials there, which flatters it: `tradesieve model eval --one-by-one` "
            "looks at the hold-out."
        )
    else:
        console.say(_describe_look(found["opening"]))


def _describe_look(opening: int) -> str:
    return (
        f"This look is recorded: the period was opened {pluralise(opening, 'time')} so far, and the gate of an "
        f"experiment that opens it next allows 1/{(opening + 1) ** 2} of the errors."
    )


def show_placebo(console: Console, found: Mapping[str, Any]) -> None:
    """Print how often the gate opened on surrogates, and how often each condition passed there."""
    kinds = found["kinds"]
    rows = [
        {
            "surrogate": row["kind"].replace("_", " "),
            "gate open": f"{row['opened']} of {row['runs']}",
            "interval": f"{row['low']:.1%} to {row['high']:.1%}",
        }
        for row in kinds
    ]
    titles = {"surrogate": "surrogate", "gate open": "gate open"}
    console.table(
        "Where there is nothing to find", rows, titles | {"interval": f"share, {found['confidence']:.0%} interval"}
    )
    conditions = dict.fromkeys(name for row in kinds for name in row["passed"])
    passed = [
        {"condition": name} | {row["kind"]: f"{row['passed'].get(name, 0)} of {row['runs']}" for row in kinds}
        for name in conditions
    ]
    titles = {"condition": "condition"} | {row["kind"]: row["kind"].replace("_", " ") for row in kinds}
    console.table("Conditions of the gate that passed", passed, titles)
    opened, runs = (sum(row[key] for row in kinds) for key in ("opened", "runs"))
    console.say(f"The gate opened on {opened} of {runs} surrogates. Each opening there is a false alarm.")


def _comparison(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"part": _title(part), "trades": name, **result[key][part]}
        for part in ("development", "holdout")
        for name, key in _GROUPS.items()
        if result[key][part] is not None
    ]


def _title(part: str) -> str:
    return "hold-out" if part == "holdout" else part
