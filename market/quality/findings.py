"""Findings: each kind of defect or fact about bars, in words, with the worst cases and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tradesieve.market.bars import NOT_POSITIVE, VALUES, Bars, format_time, overlaps
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.grid import grid_phase, grid_words, off_phase
from tradesieve.market.positive_prices import not_positive
from tradesieve.market.quality.defects import BadPrints, Split, find_jumps, find_off_grid, find_zero_volume
from tradesieve.market.quality.gaps import Gaps
from tradesieve.market.quality.runs import Runs
from tradesieve.market.timeframes import Timeframe

MISSING_LIMIT = 0.01
"""Gaps above this fraction of the trading time are a defect."""
_DETAILS = 50


@dataclass(frozen=True)
class Finding:
    """One kind of defect or fact, with all of its cases.

    Parameters
    ----------
    kind : its name, such as ``bad_print``.
    defect : whether it distorts results; otherwise it is a fact worth knowing.
    count : how often it was found, in `unit`.
    worst : the worst case, in words.
    first_time : int64 ns UTC: the close of the first bar concerned; for gaps, the start of the first one.
    advice : what to do.
    details : the worst cases, at most fifty, as plain values.
    times : int64 (n,) ns UTC: all cases, for charts. For gaps, their start and end, (n, 2).
    """

    kind: str
    defect: bool
    count: int
    unit: str
    worst: str
    first_time: int
    advice: str
    details: tuple[dict[str, Any], ...] = ()
    times: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64), compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        plain = {name: getattr(self, name) for name in ("kind", "defect", "count", "unit", "worst", "advice")}
        return plain | {"first_time": format_time(self.first_time), "details": list(self.details)}


def law_finding(columns: Mapping[str, np.ndarray], law: str, rows: np.ndarray) -> Finding:
    """Report the rows that break a law."""
    row = int(np.argmax(rows))
    values = ", ".join(f"{name} {columns[name][row]:g}" for name in VALUES)
    advice = "the store refuses the file: fix these rows at their source"
    if law == NOT_POSITIVE:
        advice += "; if the market traded there, import it with --allow-negative"
    details = tuple(
        {"row": int(bad), "time": format_time(columns["close_time"][bad])}
        | {name: _plain(columns[name][bad]) for name in VALUES}
        for bad in np.flatnonzero(rows)[:_DETAILS]
    )
    return Finding(
        kind="broken_law", defect=True, count=int(rows.sum()), unit="rows", worst=f"row {row} {law}: {values}",
        first_time=int(columns["close_time"][row]), details=details, advice=advice,
    )  # fmt: skip


def overlap_finding(close_time: np.ndarray, timeframe: Timeframe, *, short_bars: bool = False) -> Finding:
    """Report bars that open before the bar before them has closed; at least one does.

    Parameters
    ----------
    close_time : int64 ns UTC (n_bars,), ascending.
    short_bars : as `market.bars.overlaps`.
    """
    rows = np.flatnonzero(overlaps(close_time, timeframe, short_bars=short_bars))
    details = tuple(
        {"time": format_time(close_time[row]), "time_before": format_time(close_time[row - 1])}
        for row in rows[:_DETAILS]
    )
    worst = f"the bar that closes at {details[0]['time']} opens before the one of {details[0]['time_before']} closes"
    off = off_phase(close_time, timeframe, grid_phase(close_time, timeframe))
    if off.any():
        worst += f"; {grid_words(close_time[~off], timeframe)}, and {grid_words(close_time[off], timeframe)}"
    return Finding(
        kind="overlap", defect=True, count=len(rows), unit="bars", worst=worst, details=details,
        first_time=int(close_time[rows[0]]), times=close_time[rows],
        advice="results would be wrong, so nothing else reads these bars: import one of the two series with "
        "--replace, or repeat `data resample --sessions` with --replace",
    )  # fmt: skip


def bad_print_finding(bars: Bars, prints: BadPrints) -> Finding | None:
    """Report bad prints."""
    if len(prints.row) == 0:
        return None
    order = np.argsort(-prints.scales, kind="stable")
    name = {1: "high", -1: "low"}
    details = tuple(
        {
            "time": format_time(bars.close_time[prints.row[place]]),
            "column": name[int(prints.side[place])],
            "price": float(getattr(bars, name[int(prints.side[place])])[prints.row[place]]),
            "neighbours": float(prints.bound[place]),
            "true_ranges_beyond": float(prints.scales[place]),
        }
        for place in order[:_DETAILS]
    )
    worst = details[0]
    return Finding(
        kind="bad_print", defect=True, count=len(np.unique(prints.row)), unit="bars",
        worst=f"{worst['column']} {worst['price']:g} where the neighbours reach {worst['neighbours']:g}, at "
        f"{worst['time']}",
        first_time=int(bars.close_time[prints.row[0]]), details=details, times=bars.close_time[prints.row],
        advice="compare with another source (a crash undone at once looks the same); if wrong, --fix bad_prints",
    )  # fmt: skip


def split_finding(bars: Bars, splits: Sequence[Split]) -> Finding | None:
    """Report splits."""
    if not splits:
        return None
    details = tuple(
        {
            "time": format_time(bars.open_time[split.row]),
            "split": split_words(split),
            "found_ratio": split.found_ratio,
        }
        for split in splits
    )
    rows = np.array([split.row for split in splits])
    return Finding(
        kind="split", defect=True, count=len(splits), unit="splits", times=bars.close_time[rows],
        worst=", ".join(f"{row['split']} on {str(row['time']).partition('T')[0]}" for row in details[:6]),
        first_time=int(bars.close_time[rows[0]]), details=details,
        advice="earlier prices are not adjusted: use adjusted bars, or --fix splits",
    )  # fmt: skip


def split_words(split: Split) -> str:
    """Write a split as 7:1 or 3:2, or 1:20 for a reverse one."""
    return f"{split.ratio.numerator}:{split.ratio.denominator}"


_RUN_WORDS = {
    "frozen": (True, "equal bars", "the feed froze: import these hours again, or --fix frozen"),
    "filled": (False, "bars in a row", "the vendor filled in bars where nothing traded; --fix filled removes them"),
    "constant_price": (False, "bars at one price", "little trading: fills at this price may not be possible"),
    "zero_volume": (False, "bars in a row", "fills in these bars may not be possible"),
}


def run_finding(bars: Bars, kind: str, runs: Runs) -> Finding | None:
    """Report runs of a kind: frozen, filled, constant_price or zero_volume."""
    if len(runs.start) == 0:
        return None
    defect, words, advice = _RUN_WORDS[kind]
    order = np.argsort(-runs.length, kind="stable")[:_DETAILS]
    details = tuple(
        {
            "first_close": format_time(bars.close_time[runs.start[place]]),
            "last_close": format_time(bars.close_time[runs.start[place] + runs.length[place] - 1]),
            "bars": int(runs.length[place]),
        }
        for place in order
    )
    return Finding(
        kind=kind, defect=defect, count=int(runs.length.sum()), unit="bars", details=details, advice=advice,
        worst=f"{details[0]['bars']:,} {words} from {details[0]['first_close']}",
        first_time=int(bars.close_time[runs.start[0]]), times=bars.close_time[runs.start],
    )  # fmt: skip


def zero_volume_finding(bars: Bars) -> Finding | None:
    """Report bars without volume."""
    if not (bars.volume > 0).any():
        return Finding(
            kind="no_volume", defect=False, count=len(bars), unit="bars", worst="every bar",
            first_time=int(bars.close_time[0]), advice="the vendor gives no volumes: factors of volume are refused",
        )  # fmt: skip
    return run_finding(bars, "zero_volume", find_zero_volume(bars))


def off_grid_finding(bars: Bars, sessions: Sessions | None) -> Finding | None:
    """Report bars off the grid of their sessions, see `find_off_grid`."""
    rows = find_off_grid(bars, sessions)
    if len(rows) == 0:
        return None
    times = tuple(
        {"time": format_time(time), "row": int(row)}
        for row, time in zip(rows[:_DETAILS], bars.close_time[rows], strict=False)
    )
    return Finding(
        kind="off_grid", defect=True, count=len(rows), unit="bars", details=times, times=bars.close_time[rows],
        worst=f"the bar that closes at {times[0]['time']}", first_time=int(bars.close_time[rows[0]]),
        advice=f"these bars do not last {bars.timeframe}: import them again, or at their own timeframe",
    )  # fmt: skip


def gap_finding(gaps: Gaps) -> Finding | None:
    """Report gaps."""
    if len(gaps.n_missing) == 0:
        return None
    order = np.argsort(-gaps.n_missing, kind="stable")[:_DETAILS]
    details = tuple(
        {
            "from": format_time(gaps.start_time[place]),
            "to": format_time(gaps.end_time[place]),
            "missing_bars": int(gaps.n_missing[place]),
        }
        for place in order
    )
    worst = details[0]
    return Finding(
        kind="gap", defect=gaps.missing_rate > MISSING_LIMIT, count=int(gaps.n_missing.sum()), unit="missing bars",
        worst=f"{worst['missing_bars']:,} from {worst['from']} to {worst['to']}; {len(gaps.n_missing):,} gaps, "
        f"{gaps.missing_rate:.2%} of the trading time",
        first_time=int(gaps.start_time[0]), details=details,
        times=np.stack([gaps.start_time, gaps.end_time], axis=1),
        advice="import the missing bars; where nothing traded, no bar is correct",
    )  # fmt: skip


def jump_finding(bars: Bars) -> Finding | None:
    """Report jumps."""
    rows = find_jumps(bars)
    if len(rows) == 0:
        return None
    moves = bars.close[rows] / bars.close[rows - 1] - 1.0
    order = np.argsort(-np.abs(moves), kind="stable")[:_DETAILS]
    details = tuple(
        {"time": format_time(bars.close_time[rows[place]]), "return": float(moves[place])} for place in order
    )
    return Finding(
        kind="jump", defect=False, count=len(rows), unit="bars", details=details, times=bars.close_time[rows],
        worst=f"{details[0]['return']:+.1%} at {details[0]['time']}", first_time=int(bars.close_time[rows[0]]),
        advice="these moves lasted: news, thin trading, or two series joined; inspect them",
    )  # fmt: skip


def negative_price_finding(bars: Bars) -> Finding | None:
    """Report bars with a price at or below zero."""
    rows = np.flatnonzero(not_positive(bars))
    if len(rows) == 0:
        return None
    order = np.argsort(bars.low[rows], kind="stable")[:_DETAILS]
    details = tuple({"time": format_time(bars.close_time[row]), "low": float(bars.low[row])} for row in rows[order])
    return Finding(
        kind="negative_price", defect=False, count=len(rows), unit="bars", details=details, times=bars.close_time[rows],
        worst=f"{details[0]['low']:g} at {details[0]['time']}", first_time=int(bars.close_time[rows[0]]),
        advice="no return can be computed there: simulate and train on a period without such a bar",
    )  # fmt: skip


def outside_finding(bars: Bars, gaps: Gaps, hours: str) -> Finding | None:
    """Report bars outside of trading hours."""
    if gaps.first_outside_time is None:
        return None
    return Finding(
        kind="outside_hours", defect=False, count=gaps.n_outside, unit="bars",
        worst=f"{gaps.n_outside / len(bars):.1%} of the bars are outside {hours!r}",
        first_time=gaps.first_outside_time,
        advice="trading outside hours is thin; if the hours are wrong, pass --calendar",
    )  # fmt: skip


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
