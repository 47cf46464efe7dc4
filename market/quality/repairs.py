"""Repairs of bars: named pure functions, applied only on request.

Gaps are never filled: a missing bar means that nothing traded. A repair looks at later bars, as the finding does, so a
live bar cannot be repaired like this. Repair what is wrong, not what is surprising.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tradesieve.market.bars import PRICES, VALUES, Bars, format_time
from tradesieve.market.errors import BadInput, lookup
from tradesieve.market.positive_prices import not_positive
from tradesieve.market.quality.defects import find_bad_prints, find_filled, find_frozen, find_splits
from tradesieve.market.quality.findings import split_words
from tradesieve.market.quality.runs import Runs

Changes = list[dict[str, Any]]
_MAX_PASSES = 10


@dataclass(frozen=True)
class Repair:
    """One repair of bars.

    Parameters
    ----------
    name : of `REPAIRS` and of ``--fix``.
    does : one sentence.
    apply : bars -> (bars, changes as plain values, in order of time); the same bars if there are none.
    by_ratios : whether it measures moves by ratios of prices, which have to be positive.
    """

    name: str
    does: str
    apply: Callable[[Bars], tuple[Bars, Changes]]
    by_ratios: bool = False


def clip_bad_prints(bars: Bars) -> tuple[Bars, Changes]:
    """Clip bad prints to the most extreme price of the three bars before and after.

    The bar, its volume and its good prices stay. An open or close that is itself a bad print is clipped too. Clipped
    bars are checked again, since a bad print can hide a smaller one beside it.
    """
    changes: Changes = []
    for _ in range(_MAX_PASSES):
        prints = find_bad_prints(bars)
        if len(prints.row) == 0:
            break
        values = {name: getattr(bars, name).copy() for name in PRICES}
        for row, side, bound, limit in zip(
            prints.row.tolist(), prints.side.tolist(), prints.bound.tolist(), prints.limit.tolist(), strict=True
        ):
            time, before = format_time(bars.close_time[row]), {name: float(values[name][row]) for name in PRICES}
            for name in ("open", "close"):
                if side * (values[name][row] - limit) > 0:
                    values[name][row] = bound
            inner = (values["open"][row], values["close"][row])
            if side == 1:
                values["high"][row] = max(bound, *inner)
                values["low"][row] = min(values["low"][row], *inner)
            else:
                values["low"][row] = min(bound, *inner)
                values["high"][row] = max(values["high"][row], *inner)
            after = {name: float(values[name][row]) for name in PRICES}
            changes += [
                {"time": time, "column": name, "before": before[name], "after": after[name]}
                for name in PRICES
                if before[name] != after[name]
            ]
        bars = replace(bars, **values)
    return bars, sorted(changes, key=lambda change: str(change["time"]))


def adjust_splits(bars: Bars) -> tuple[Bars, Changes]:
    """Divide the prices before each split by its ratio, and multiply the volumes.

    The simple ratio is used, not the observed one. Dividends are not adjusted for.
    """
    splits = find_splits(bars)
    values = {name: getattr(bars, name).copy() for name in VALUES}
    changes: Changes = []
    for split in splits:
        for name in PRICES:
            values[name][: split.row] /= float(split.ratio)
        values["volume"][: split.row] *= float(split.ratio)
        changes.append(
            {"time": format_time(bars.open_time[split.row]), "split": split_words(split), "bars_before": split.row}
        )
    return (replace(bars, **values), changes) if splits else (bars, [])


def drop_frozen(bars: Bars) -> tuple[Bars, Changes]:
    """Remove the copies of a bar that a frozen feed repeated; the first stays."""
    return _without(bars, find_frozen(bars), keep_first=True)


def drop_filled(bars: Bars) -> tuple[Bars, Changes]:
    """Remove the bars that a vendor filled in where nothing traded."""
    return _without(bars, find_filled(bars), keep_first=False)


REPAIRS = {
    repair.name: repair
    for repair in (
        Repair(
            "bad_prints", "clips prices far outside the range of their neighbours to that range", clip_bad_prints, True
        ),
        Repair("splits", "divides prices before a split by its ratio, and multiplies volumes", adjust_splits, True),
        Repair("frozen", "removes the copies of a bar that a frozen feed repeated", drop_frozen),
        Repair("filled", "removes bars without volume that repeat the last close", drop_filled),
    )
}
"""Every repair, in the order in which they are applied, whatever order they are named in."""


def repair_bars(bars: Bars, names: Sequence[str], *, requested_at: str) -> tuple[Bars, list[dict[str, Any]]]:
    """Apply repairs to bars.

    Parameters
    ----------
    names : of `REPAIRS`.
    requested_at : time of the request, as text, for the records.

    Returns
    -------
    The bars, and a record of each repair that changed something: ``fix``, ``does``, ``asked``, ``n_changes``,
    ``fingerprint_before``, ``changes``.

    Raises
    ------
    Unknown : if there is no such repair.
    BadInput : if none is named, or prices are at or below zero and a repair measures moves by ratios.
    """
    if not names:
        raise BadInput(f"no repair is named; known: {', '.join(REPAIRS)}")
    for name in names:
        lookup("repair", name, REPAIRS)
    records = []
    for repair in REPAIRS.values():
        if repair.name in names and len(bars):
            before = bars.fingerprint
            if bars.allow_negative and repair.by_ratios and not_positive(bars).any():
                raise BadInput(
                    f"{bars.symbol} {bars.timeframe}: --fix {repair.name} measures moves by ratios, and some prices "
                    "are at or below zero; correct them at their source and import them with --replace"
                )
            bars, changes = repair.apply(bars)
            if changes:
                records.append(
                    {"fix": repair.name, "does": repair.does, "asked": requested_at, "n_changes": len(changes),
                     "fingerprint_before": before, "changes": changes}
                )  # fmt: skip
    return bars, records


def _without(bars: Bars, runs: Runs, *, keep_first: bool) -> tuple[Bars, Changes]:
    if len(runs.start) == 0:
        return bars, []
    rows = runs.rows(without_first=keep_first)
    kept = np.ones(len(bars), np.bool_)
    kept[rows] = False
    changes = [{"time": format_time(time), "dropped": True} for time in bars.close_time[rows].tolist()]
    return bars.where(kept), changes
