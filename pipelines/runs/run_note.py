"""The note of a run, in Markdown, for MLflow and Prefect: what was asked, what was found, and whether it is luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tradesieve.pipelines.experiment import Experiment

_PARTS = {"development": "out of fold", "holdout": "hold-out"}
_MEASURES = {"sortino": "Sortino", "expectancy": "expectancy, bp", "n_trades": "trades", "max_drawdown": "drawdown, %"}
_IN_UNITS = {"expectancy": 1e4, "max_drawdown": 100.0}
_MOST_NAMED = 6


def run_note(result: Mapping[str, Any], experiment: Experiment) -> str:
    """Write the note of a result; a sealed hold-out is said to be sealed."""
    asked, found, luck = _asked(result, experiment), _found(result), _luck(result)
    return "\n\n".join(["## Asked", asked, "## Found", *found, "## Is it luck?", *luck])


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as a Markdown table: numbers rounded, a missing value as a dash."""
    if not rows:
        return ""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def leaderboard_table(result: Mapping[str, Any], *, most: int = 10) -> str:
    """Write the best trials as a Markdown table, and below it how many there are and how many failed."""
    board = result["leaderboard"]
    rows = [
        {
            "rank": row["rank"],
            "candidate": row["candidate"],
            "application": row["application"],
            "fitness": row["fitness"],
            "Sortino": row["sortino"],
            "expectancy, bp": None if row["expectancy"] is None else row["expectancy"] * 1e4,
            "trades": row["n_trades"],
        }
        for row in board[:most]
        if row["error"] is None
    ]
    n_failed = sum(row["error"] is not None for row in board)
    count = f"{len(rows)} of {len(board)} trials, all out of fold; {n_failed} failed."
    return f"{markdown_table(rows)}\n\n{count}" if rows else count


def _asked(result: Mapping[str, Any], experiment: Experiment) -> str:
    plan, data = experiment.plan, result["data"]
    strategies = data["strategies"]
    return (
        f"Which trades of {_counted(strategies, 'strategy', 'strategies')} on {_named(data['symbols'])} at "
        f"{_named(data['timeframes'])} are worth taking? Label `{plan.label}`, aim `{plan.aim}`, ranked by "
        f"`{plan.selection}`, {len(result['leaderboard'])} trials. Rules: {_named(_rules(strategies))}.\n\n"
        f"Development {_day(data['development'][0])} to {_day(data['development'][1])}, hold-out "
        f"{_day(data['holdout'][0])} to {_day(data['holdout'][1])}."
    )


def _found(result: Mapping[str, Any]) -> list[str]:
    winner = result["winner"]
    if winner is None:
        return ["No trial succeeded, so there is no filter."]
    parameters = ", ".join(f"{name} {_cell(value)}" for name, value in _plain(winner["parameters"]).items())
    named = f"The winner is `{winner['name']}` with `{winner['application']}`"
    rows = [
        {"part": title, "trades taken": group}
        | {heading: _scaled(name, result[key][part].get(name)) for name, heading in _MEASURES.items()}
        for part, title in _PARTS.items()
        if result["filtered"][part] is not None
        for group, key in (("all", "baseline"), ("filtered", "filtered"), ("random filter", "random"))
    ]
    return [f"{named} ({parameters})." if parameters else f"{named}.", markdown_table(rows)]


def _luck(result: Mapping[str, Any]) -> list[str]:
    gate = result["gate"]
    if gate is None:
        return ["The hold-out is sealed, so nothing is judged yet. Out of fold, the winner is the best of its trials."]
    conditions = gate["conditions"]
    n_failed = sum(not condition["passed"] for condition in conditions)
    verdict = (
        "The gate is **open**: every condition against luck holds."
        if gate["open"]
        else f"The gate is **closed**: {n_failed} of {len(conditions)} conditions failed, so it could be luck."
    )
    lines = [f"- {'passed' if one['passed'] else '**FAILED**'} `{one['name']}`: {one['reason']}" for one in conditions]
    return [verdict, "\n".join(lines)]


def _rules(strategies: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(strategy.partition("(")[0] for strategy in strategies))


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"


def _counted(items: Sequence[Any], one: str, many: str) -> str:
    return f"{len(items):,} {one if len(items) == 1 else many}"


def _day(time: str) -> str:
    return time[:10]


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if isinstance(value, int | float | str)}


def _scaled(name: str, value: float | None) -> float | None:
    return value * _IN_UNITS[name] if value is not None and name in _IN_UNITS else value


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
