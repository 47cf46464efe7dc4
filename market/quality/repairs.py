"""Repairs: what can be put right in bars, each as a named pure function, asked for and never done by itself.

Gaps are never filled: an absent bar means that nothing traded. A repaired bar knows what came after it, as the finding
does; a live bar cannot be repaired like that. So repair what is wrong, not what is surprising.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradesieve.market.bars import COLUMNS, PRICES, Bars, format_time
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.quality.defects import Runs, find_bad_prints, find_filled, find_frozen, find_splits
from tradesieve.market.quality.findings import split_words

Changes = list[dict[str, Any]]
_PASSES = 10


@dataclass(frozen=True)
class Repair:
    """One way to put bars right.

    Parameters
    ----------
    name : what it is asked for by.
    does : one sentence.
    apply : bars -> (bars, what was changed, as plain values, in order of time); the same bars when nothing was.
    """

    name: str
    does: str
    apply: Callable[[Bars], tuple[Bars, Changes]]


def clip_bad_prints(bars: Bars) -> tuple[Bars, Changes]:
    """Clip bad prints to the most extreme price of the three bars before and after.

    The bar, its volume and its good prices stay: of all repairs this loses least. An open or close that is a bad print
    itself is clipped too. Clipped bars are looked at again, since a bad print can hide a smaller one beside it.
    """
    changes: Changes = []
    for _ in range(_PASSES):
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
        bars = _with(bars, values)
    return bars, sorted(changes, key=lambda change: str(change["time"]))


def adjust_splits(bars: Bars) -> tuple[Bars, Changes]:
    """Divide the prices before each split by its ratio, and multiply the volumes: all bars are of today's shares.

    The simple ratio is used, not the one found. Dividends are not adjusted for.
    """
    splits = find_splits(bars)
    values = {name: getattr(bars, name).copy() for name in COLUMNS[1:]}
    changes: Changes = []
    for split in splits:
        for name in PRICES:
            values[name][: split.row] /= float(split.ratio)
        values["volume"][: split.row] *= float(split.ratio)
        changes.append(
            {"time": format_time(bars.open_time[split.row]), "split": split_words(split), "bars_before": split.row}
        )
    return (_with(bars, values), changes) if splits else (bars, [])


def drop_frozen(bars: Bars) -> tuple[Bars, Changes]:
    """Take out the copies of a bar that a frozen feed repeated; the first stays."""
    return _without(bars, find_frozen(bars), keep_first=True)


def drop_filled(bars: Bars) -> tuple[Bars, Changes]:
    """Take out the bars that a vendor put where nothing was traded."""
    return _without(bars, find_filled(bars), keep_first=False)


REPAIRS = {
    repair.name: repair
    for repair in (
        Repair("bad_prints", "clips prices that nobody else traded at to their neighbours' range", clip_bad_prints),
        Repair("splits", "divides prices before a split by its ratio, and multiplies volumes", adjust_splits),
        Repair("frozen", "takes out the copies of a bar that a frozen feed repeated", drop_frozen),
        Repair("filled", "takes out bars without volume that repeat the last close", drop_filled),
    )
}
"""Every repair, in the order in which they are done, whatever order they are asked in."""


def repair_bars(bars: Bars, names: Sequence[str], *, asked: str) -> tuple[Bars, list[dict[str, Any]]]:
    """Repair bars.

    Parameters
    ----------
    names : of `REPAIRS`.
    asked : when the repair was asked for, as people read it; only written down.

    Returns
    -------
    The bars, and a record of each repair that changed something: ``fix``, ``does``, ``asked``, ``n_changes``,
    ``fingerprint_before``, ``changes``.

    Raises
    ------
    Unknown : if there is no such repair.
    BadInput : if none is named.
    """
    if not names:
        raise BadInput(f"no repair is named; known: {', '.join(REPAIRS)}")
    for name in names:
        if name not in REPAIRS:
            raise Unknown("repair", name, REPAIRS)
    records = []
    for repair in REPAIRS.values():
        if repair.name in names and len(bars):
            before = bars.fingerprint
            bars, changes = repair.apply(bars)
            if changes:
                records.append(
                    {"fix": repair.name, "does": repair.does, "asked": asked, "n_changes": len(changes),
                     "fingerprint_before": before, "changes": changes}
                )  # fmt: skip
    return bars, records


def _with(bars: Bars, values: dict[str, np.ndarray]) -> Bars:
    columns = {name: getattr(bars, name) for name in COLUMNS} | values
    return Bars(bars.symbol, bars.timeframe, **columns)


def _without(bars: Bars, runs: Runs, *, keep_first: bool) -> tuple[Bars, Changes]:
    if len(runs.start) == 0:
        return bars, []
    rows = runs.rows(without_first=keep_first)
    stays = np.ones(len(bars), np.bool_)
    stays[rows] = False
    changes = [{"time": format_time(time), "dropped": True} for time in bars.close_time[rows].tolist()]
    return Bars(bars.symbol, bars.timeframe, **{name: getattr(bars, name)[stays] for name in COLUMNS}), changes
