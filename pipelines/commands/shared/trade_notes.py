"""Notes that commands print below their tables: open trades, and instances with the same trades or without any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.short_names import abbreviate
from tradesieve.strategies.instance import Instance

_SHOWN_GROUPS = 10
_SHOWN_NAMES = 5


def describe_open(n_open: int, *, counted: str = "not counted as closed") -> list[str]:
    """Return a line about trades that the end of the data left open, or none.

    Parameters
    ----------
    counted : where they stand in the table above the line.
    """
    return [f"{pluralise(n_open, 'trade')} still open at the end of the data, {counted}"] if n_open else []


def describe_losing(sortinos: Iterable[float | None]) -> list[str]:
    """Return a line on Sortino ratios below zero, or none if there are none among these."""
    if not any(sortino is not None and sortino < 0 for sortino in sortinos):
        return []
    return ["a Sortino below zero rises with risk, and by trading less: compare what loses by its expectancy"]


def describe_untraded(n_untraded_fills: int) -> list[str]:
    """Return a line about fills in bars in which nothing traded, or none."""
    if not n_untraded_fills:
        return []
    fills = pluralise(n_untraded_fills, "fill")
    return [f"{fills} in bars in which nothing traded; --wait-for-trades lets orders wait for a bar with trades"]


def describe_duplicates(duplicates: Mapping[str, str]) -> list[str]:
    """Return a line for each group of instances with the same trades, and one for the groups beyond the first ten.

    Parameters
    ----------
    duplicates : from `strategies.statistics.duplicates.find_duplicates`.
    """
    groups: dict[str, list[str]] = {}
    for name, first in duplicates.items():
        groups.setdefault(first, [first]).append(name)
    shown = list(groups.values())[:_SHOWN_GROUPS]
    # All together, so that names of different groups differ too.
    rows = [{"instance": name} for group in shown for name in group]
    short = {row["instance"]: brief["instance"] for row, brief in zip(rows, abbreviate(rows), strict=True)}
    lines = []
    for first, *others in shown:
        more = f" and {len(others) - _SHOWN_NAMES} more" if len(others) > _SHOWN_NAMES else ""
        lines.append(f"same trades as {short[first]}: {', '.join(short[name] for name in others[:_SHOWN_NAMES])}{more}")
    if len(groups) > _SHOWN_GROUPS:
        lines.append(f"{pluralise(len(groups) - _SHOWN_GROUPS, 'more group')} with the same trades; --json lists all")
    return lines


def describe_joined(duplicates: Mapping[str, str]) -> list[str]:
    """Return lines about instances that were joined with others of the same trades, or none.

    Parameters
    ----------
    duplicates : as for `describe_duplicates`.
    """
    if not duplicates:
        return []
    n = pluralise(len(duplicates), "instance")
    return [
        f"{n} joined with an earlier one of the same trades, so that each trade counts once:",
        *describe_duplicates(duplicates),
    ]


def describe_no_trades(reasons: Mapping[str, str]) -> list[str]:
    """Return a line for each reason why instances of a rule have no trade, and one for those beyond the first ten.

    Parameters
    ----------
    reasons : from `pipelines.steps.without_trades.explain_no_trades`.
    """
    counts = Counter(
        (instance.rule, instance.symbol, instance.timeframe, reason)
        for instance, reason in ((Instance.parse(name), reason) for name, reason in reasons.items())
    )
    lines = [
        f"no trade by {pluralise(n, 'instance')} of {rule} on {symbol} {timeframe}: {reason}"
        for (rule, symbol, timeframe, reason), n in list(counts.items())[:_SHOWN_GROUPS]
    ]
    if len(counts) > _SHOWN_GROUPS:
        lines.append(f"{pluralise(len(counts) - _SHOWN_GROUPS, 'more reason')} for no trade; --json lists all")
    return lines
