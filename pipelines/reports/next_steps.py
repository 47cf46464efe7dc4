"""What to try next after a run, from what it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tradesieve.models.significance.verdicts import NOT_WORTH, UNTOLD

_MOST_NAMED = 3


def next_steps(
    result: Mapping[str, Any],
    effects: Mapping[str, Any] | None,
    conditions: Mapping[str, Any],
    importance: Mapping[str, Any] | None,
) -> list[str]:
    """List what a trader may try next, the most pressing first.

    Parameters
    ----------
    result : see `pipelines.runs.experiment_run.run_experiment`.
    effects : see `pipelines.steps.filter_effects.judge_effects`; None without a winner.
    conditions : see `pipelines.steps.condition_table.judge_conditions`.
    importance : see `pipelines.steps.search_evidence.gather_evidence`; None where it is not known.
    """
    steps = [*_about_gate(result), *_about_strategies(result), *_about_winner(result, importance)]
    if effects is not None:
        hurt = [f"{row['group']} ({row['by']})" for row in effects["rows"] if row["found"] == "hurts"]
        if hurt:
            steps.append(
                f"The filter hurts in {_listed(hurt)}: take every trade there, or leave these out of training."
            )
    earning = [f"{row['group'].replace('|', ' ')} in {row['condition']} {row['state']}" for row in conditions["rows"]
               if row["found"] == "earns"]  # fmt: skip
    if earning:
        steps.append(
            f"Without any model, {_listed(earning)} earned: try the rule in that market alone. It was found on these "
            "trades, so judge it on others."
        )
    return steps


def _about_gate(result: Mapping[str, Any]) -> Iterator[str]:
    gate, experiment = result["gate"], result["experiment"]
    if result["winner"] is None:
        errors = [row["error"] for row in result["leaderboard"] if row["error"]]
        if errors:
            yield f"Every trial failed; the first because {errors[0]}. More trades, or fewer folds, may cure it."
        else:
            yield "No trial succeeded: add symbols, strategies or time."
    elif gate is None:
        yield "Open the hold-out once, when you would trade what you see here: `tradesieve model experiment`."
    elif gate["open"]:
        # The report in MLflow is written before its run has an id; the winner is then the champion.
        run = f" --run {result['run_id']}" if result.get("run_id") else ""
        yield f"Export the winner and watch it at no size: `tradesieve model export{run}`."
    else:
        failed = {condition["name"] for condition in gate["conditions"] if not condition["passed"]}
        if failed & {"trades_kept", "days_traded"}:
            yield "Too few trades on the hold-out to judge: add symbols, a longer time or strategies that trade more."
        else:
            yield (
                f"Do not trade {experiment} yet. Another look at this hold-out costs significance: change one thing on "
                "the development part (`tradesieve model train`), and open the hold-out again only for what improved."
            )


def _about_strategies(result: Mapping[str, Any]) -> Iterator[str]:
    part = "holdout" if result["verdicts"]["holdout"] else "development"
    rows = result["verdicts"][part]["rows"]
    losing = [row["name"].replace("|", " ") for row in rows if row["verdict"] == NOT_WORTH]
    if losing:
        yield (
            f"{len(losing)} of {len(rows)} strategies lose by more than luck, such as {_listed(losing)}: change their "
            "entries or exits, or trade where costs are lower, before looking for a filter."
        )
    few = [row for row in rows if row["verdict"] == UNTOLD and row["reason"].startswith(("too few", "no trade"))]
    if few:
        yield f"{len(few)} of {len(rows)} strategies traded too little to be judged: give them more bars or symbols."


def _about_winner(result: Mapping[str, Any], importance: Mapping[str, Any] | None) -> Iterator[str]:
    winner = result["winner"]
    if winner is not None and winner["at_edge"]:
        yield f"The winner is at the edge of its grid ({'; '.join(winner['at_edge'])}): search beyond it."
    if importance is None:
        return
    sure = [row["name"] for row in importance["features"] if row["loss"] > 2 * row["error"] > 0]
    if sure:
        yield f"The filter rests on {_listed(sure)}: try other windows and relatives of these factors."
    else:
        yield "No single factor matters by itself: try another set of factors, or fewer of them."


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
