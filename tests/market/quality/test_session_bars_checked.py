"""Bars within sessions: the shorter bar that ends a session is no defect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.grid import grid_phase
from tradesieve.market.quality.checks import check_bars
from tradesieve.market.quality.defects import find_off_grid
from tradesieve.market.quality.gaps import find_gaps
from tradesieve.market.resampling import resample
from tradesieve.market.timeframes import parse_timeframe


def minutes_around_the_clock() -> Bars:
    timeframe, random = parse_timeframe("5m"), np.random.default_rng(4)
    open_time = pd.date_range("2024-02-26", "2025-01-10", freq="5min").as_unit("ns").asi8
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, len(open_time))))
    open_ = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    volume = random.exponential(1, len(close))
    return Bars("X", timeframe, open_time + timeframe.duration, open_, high, low, close, volume)


def bars_in_sessions(text: str) -> Bars:
    return resample(minutes_around_the_clock(), parse_timeframe(text), sessions=Sessions("XNYS"))


@pytest.mark.parametrize("text", ["1h", "2h", "4h"])
def test_the_half_hour_at_the_close_is_on_the_grid_in_summer_winter_and_on_half_days(text):
    bars = bars_in_sessions(text)
    assert find_off_grid(bars).tolist() == []
    defects = [finding.kind for finding in check_bars(bars).findings if finding.defect]
    assert "off_grid" not in defects
    assert not defects
    # A bar that is missing is found where it is missing.
    absent = bars.where(np.arange(len(bars)) != 301)
    gaps = find_gaps(absent, "XNYS", phase=grid_phase(bars.close_time, bars.timeframe), sessions=Sessions("XNYS"))
    assert (gaps.n_missing.tolist(), gaps.end_time.tolist()) == ([1], [int(bars.close_time[301])])


@pytest.mark.parametrize("text", ["1h", "4h"])
def test_short_bars_that_do_not_know_their_sessions_are_no_defect_with_the_calendar(text):
    known = bars_in_sessions(text)
    unknown = replace(known, sessions="")
    assert [finding.kind for finding in check_bars(unknown).findings if finding.defect]
    assert [finding.kind for finding in check_bars(unknown, calendar="XNYS").findings if finding.defect] == []
    moved = unknown.close_time.copy()
    moved[41] += 600_000_000_000
    found = check_bars(replace(unknown, close_time=moved), calendar="XNYS").findings
    assert "off_grid" in [finding.kind for finding in found if finding.defect], "other bars off the grid still are"


def test_bars_of_local_days_have_no_gap_when_the_clocks_change():
    timeframe = parse_timeframe("4h")
    bars = resample(minutes_around_the_clock(), timeframe, sessions=Sessions("17:00 America/New_York"))
    assert [finding.kind for finding in check_bars(bars, calendar="always").findings if finding.defect] == []
