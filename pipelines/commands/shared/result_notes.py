"""Notes that commands print below the tables of a model's result: what a table alone would not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.short_names import abbreviate

_SHOWN_STRATEGIES = 5
_SHOWN_GROUPS = 5
_SHOWN_REASONS = 5


def describe_choice(result: Mapping[str, Any]) -> list[str]:
    """Return lines on the winner: how many trials it is the best of, what was not tried, and which edges it is at."""
    winner, trials, untried = result["winner"], result["leaderboard"], result.get("not_tried", ())
    lines = _describe_halving(result)
    if untried:
        lines.append(f"The budget left out {pluralise(len(untried), 'candidate')}, the next would be {untried[0]}.")
    if winner is None:
        return lines
    edges = "; ".join(winner["at_edge"])
    return [
        *lines,
        f"Filtered on the development part is the best of {pluralise(len(trials), 'trial')} there, which flatters it.",
        *([f"The winner is at the edge of its grid, and a better one may lie beyond: {edges}."] if edges else []),
        *_describe_groups(result),
        *_describe_paths(result),
    ]


def _describe_halving(result: Mapping[str, Any]) -> list[str]:
    """Return a line on successive halving, where the plan asked for it."""
    rounds = result.get("halving", {}).get("rounds", ())
    if not rounds:
        return []
    first, *more = (f"{one['n_candidates']} on {one['n_folds']} folds" for one in rounds)
    return [f"Successive halving tried {', then '.join([first, *more])}; every trial of every round counts."]


def _describe_groups(result: Mapping[str, Any]) -> list[str]:
    """Return a line on the groups that have a model of their own, where the winner has any."""
    found = result.get("groups")
    if found is None:
        return []
    groups = found["groups"]
    pooled = [f"{row['group']} ({row['n_rows']})" for row in groups if not row["own_model"]]
    if not pooled:
        return [f"The winner has a model for each {found['scope']}, {len(groups)} in all."]
    more = f" and {len(pooled) - _SHOWN_GROUPS} more" if len(pooled) > _SHOWN_GROUPS else ""
    return [
        f"The winner has a model of its own for {len(groups) - len(pooled)} of {len(groups)} groups by "
        f"{found['scope']}; the pooled model scores the others, which have fewer than {found['minimum_rows']} trades "
        f"to learn from, or trades of one outcome only: {', '.join(pooled[:_SHOWN_GROUPS])}{more}."
    ]


def _describe_paths(result: Mapping[str, Any]) -> list[str]:
    """Return a line on the winner's paths, see `models.protocol.paths`, where the plan asked for them."""
    measured = result.get("paths")
    if measured is None:
        return []
    if measured["error"] is not None:
        return [f"The winner could not be measured on paths: {measured['error']}"]
    found = [path["fitness"] for path in measured["paths"] if path["fitness"] is not None]
    spread = f": {result['selected_by'].replace('_', ' ')} {min(found):.3g} to {max(found):.3g}" if found else ""
    return [
        f"Cut into {measured['n_groups']} groups of time, the development part gives {len(measured['paths'])} paths"
        f"{spread}; losing: {measured['n_losing']}."
    ]


def describe_failed(failed: Mapping[str, str]) -> list[str]:
    """Return a line for each reason why instances have no filter, the most frequent first.

    Parameters
    ----------
    failed : the reason by the name of the instance.
    """
    by_reason: dict[str, list[str]] = {}
    for name, reason in failed.items():
        by_reason.setdefault(reason, []).append(name)
    ordered = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    lines = []
    for reason, names in ordered[:_SHOWN_REASONS]:
        others = " and others" if len(names) > 1 else ""
        lines.append(f"{pluralise(len(names), 'instance')} without a filter, {names[0]}{others}: {reason}")
    n_more = sum(len(names) for _, names in ordered[_SHOWN_REASONS:])
    return [*lines, f"{pluralise(n_more, 'instance')} without a filter for other reasons"] if n_more else lines


def describe_idle(rows: Sequence[Mapping[str, Any]], part: str) -> list[str]:
    """Return lines on the strategies that had no trade on a part, and on those of which the filter kept none.

    Parameters
    ----------
    rows : from `models.protocol.leaderboard.compare_instances`.
    part : its name in a sentence, such as ``in the hold-out``.
    """
    short = abbreviate(rows)
    without = [row for row in short if row["baseline_n_trades"] == 0]
    refused = [row for row in short if row["baseline_n_trades"] > 0 and row["filtered_n_trades"] == 0]
    return [
        f"{text} {len(found)} of {len(rows)} strategies {part}: {_listed(found)}"
        for text, found in (("No trade by", without), ("The filter kept no trade of", refused))
        if found
    ]


def describe_opening(result: Mapping[str, Any]) -> str:
    """Return a sentence on the trials so far, and on what earlier openings of the hold-out cost."""
    opening, looks = result["holdout_opening"], result["holdout_looks"]
    trials = f"{result['n_trials']} trials so far on these symbols; the hold-out was"
    if opening == 1:
        return f"{trials} not opened before."
    looked = f", of which {pluralise(looks, 'look')} without a judgement" if looks else ""
    before = f"opened {pluralise(opening - 1, 'time')} before{looked}"
    return f"{trials} {before}, so the gate allows 1/{opening**2} of the errors."


def _listed(rows: Sequence[Mapping[str, Any]]) -> str:
    names = ", ".join(row["instance"] for row in rows[:_SHOWN_STRATEGIES])
    return names + (f" and {len(rows) - _SHOWN_STRATEGIES} more" if len(rows) > _SHOWN_STRATEGIES else "")
