"""Checks: run every search for defects and collect the findings. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradesieve.market.bars import COLUMNS, Bars, broken_laws, format_time, overlaps
from tradesieve.market.calendars.exchanges import check_calendar
from tradesieve.market.calendars.sessions import Sessions, session_word
from tradesieve.market.calendars.trading_hours import infer_hours
from tradesieve.market.errors import BadInput
from tradesieve.market.grid import grid_phase
from tradesieve.market.positive_prices import not_positive
from tradesieve.market.quality.defects import (
    find_bad_prints,
    find_constant,
    find_filled,
    find_frozen,
    find_splits,
    without_overlaps,
)
from tradesieve.market.quality.distribution import describe
from tradesieve.market.quality.findings import (
    Finding,
    bad_print_finding,
    gap_finding,
    jump_finding,
    law_finding,
    negative_price_finding,
    off_grid_finding,
    outside_finding,
    overlap_finding,
    run_finding,
    split_finding,
    zero_volume_finding,
)
from tradesieve.market.quality.gaps import find_gaps
from tradesieve.market.session_bars import make_bars, own_sessions
from tradesieve.market.timeframes import Timeframe


@dataclass(frozen=True)
class CheckResult:
    """The findings of a check.

    Parameters
    ----------
    bars : the bars that were checked; of a file, the rows that keep the laws.
    calendar, calendar_reason : the trading hours against which gaps were counted, and why these.
    n_expected, missing_rate : bars of trading time, and the fraction of them that is missing.
    pauses : times of the week at which this market regularly has no bar.
    findings : defects first.
    distribution : see `market.quality.distribution.describe`.
    """

    bars: Bars
    calendar: str
    calendar_reason: str
    n_expected: int
    missing_rate: float
    pauses: tuple[str, ...]
    findings: tuple[Finding, ...]
    distribution: dict[str, Any]

    @property
    def n_defects(self) -> int:
        """The number of kinds of defects."""
        return sum(finding.defect for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "symbol": self.bars.symbol,
            "timeframe": str(self.bars.timeframe),
            "bars": len(self.bars),
            "first_close": format_time(self.bars.close_time[0]),
            "last_close": format_time(self.bars.close_time[-1]),
            "calendar": self.calendar,
            "calendar_reason": self.calendar_reason,
            "expected_bars": self.n_expected,
            "missing_rate": self.missing_rate,
            "pauses": list(self.pauses),
            "n_defects": self.n_defects,
            "findings": [finding.as_dict() for finding in self.findings],
            "distribution": self.distribution,
        }


def check_bars(bars: Bars, *, calendar: str | None = None, reason: str = "as given") -> CheckResult:
    """Check bars for gaps and defects.

    Parameters
    ----------
    calendar : trading hours, see `market.calendars.exchanges.check_calendar`; None: those of the market within whose
        sessions the bars lie, else inferred from the bars. Bars that do not know their sessions may be cut by its
        sessions.
    reason : where the calendar comes from, for `CheckResult.calendar_reason`.

    Raises
    ------
    BadInput : if there are no bars.
    Unknown : if there are no such trading hours.
    """
    if len(bars) == 0:
        raise BadInput(f"{bars.symbol} {bars.timeframe}: no bars to check")
    phase = grid_phase(bars.close_time, bars.timeframe)
    sessions = own_sessions(bars)
    if calendar:
        hours = check_calendar(calendar)
    elif sessions is not None and not sessions.is_time_of_day:
        hours, reason = sessions.name, "the sessions of the bars"
    else:
        hours, reason = infer_hours(bars, phase)
    if sessions is None and calendar and session_word(calendar):
        sessions = Sessions(calendar)
    gaps = find_gaps(bars, hours, phase=phase, sessions=sessions)
    positive = bars.where(~not_positive(bars)) if bars.allow_negative else bars  # moves are measured by ratios
    found = [
        bad_print_finding(positive, find_bad_prints(positive)), split_finding(positive, find_splits(positive)),
        run_finding(bars, "frozen", find_frozen(bars)), off_grid_finding(bars, sessions), gap_finding(gaps),
        jump_finding(positive), negative_price_finding(bars),
        run_finding(bars, "filled", find_filled(bars)), run_finding(bars, "constant_price", find_constant(bars)),
        zero_volume_finding(bars), outside_finding(bars, gaps, hours),
    ]  # fmt: skip
    kept = [finding for finding in found if finding is not None]
    return CheckResult(
        bars=bars,
        calendar=hours,
        calendar_reason=reason,
        n_expected=gaps.n_expected,
        missing_rate=gaps.missing_rate,
        pauses=gaps.pauses,
        findings=tuple(sorted(kept, key=lambda finding: not finding.defect)),
        distribution=describe(bars),
    )


def check_columns(
    columns: Mapping[str, np.ndarray],
    *,
    symbol: str,
    timeframe: Timeframe,
    calendar: str | None = None,
    reason: str = "as given",
    sessions: str | None = None,
    allow_negative: bool = False,
) -> CheckResult:
    """Check a table that may break the laws of bars: each broken law is a finding.

    The other findings are those of `check_bars` for the rows that keep the laws, in order of time: of rows with the
    same time the first, and of bars that overlap those on the grid of most.

    Parameters
    ----------
    columns : as `market.bars.broken_laws`.
    symbol, timeframe : of the table.
    calendar, reason : as `check_bars`.
    sessions : the name of the sessions within which the bars lie, see `market.session_bars`; None: on the UTC grid.
    allow_negative : whether prices may be at or below zero.

    Raises
    ------
    BadInput : if no row keeps the laws.
    Unknown : if there are no such trading hours.
    """
    laws = broken_laws(columns, allow_negative=allow_negative)
    broken = [law_finding(columns, law, rows) for law, rows in laws.items()]
    is_broken = np.zeros(len(columns["close_time"]), np.bool_)
    for law, rows in laws.items():
        if "the row before it" not in law:  # rows out of order are sorted below
            is_broken |= rows
    good = np.flatnonzero(~is_broken)
    time, first = np.unique(columns["close_time"][good], return_index=True)
    rows = good[first]
    if len(rows) == 0:
        raise BadInput(f"{symbol}: all {len(is_broken)} rows break a law of bars: {', '.join(laws)}")
    short_bars = sessions is not None
    if overlaps(time, timeframe, short_bars=short_bars).any():
        broken.append(overlap_finding(time, timeframe, short_bars=short_bars))
        rows = rows[without_overlaps(time, timeframe, short_bars=short_bars)]
    kept = {name: np.ascontiguousarray(columns[name][rows]) for name in COLUMNS}
    bars = make_bars(symbol, timeframe, kept, sessions=sessions, allow_negative=allow_negative)
    checked = check_bars(bars, calendar=calendar, reason=reason)
    return CheckResult(**{**vars(checked), "findings": (*broken, *checked.findings)})
