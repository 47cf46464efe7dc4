"""Bars within sessions: the shorter bar that ends a session is no defect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.quality.checks import check_bars
from tradesieve.market.quality.defects import find_off_grid
from tradesieve.market.resampling import resample
from tradesieve.market.timeframes import parse_timeframe


@pytest.mark.parametrize("text", ["1h", "2h", "4h"])
def test_the_half_hour_at_the_close_is_on_the_grid_in_summer_winter_and_on_half_days(text):
    timeframe, random = parse_timeframe("5m"), np.random.default_rng(4)
    open_time = pd.date_range("2024-02-26", "2025-01-10", freq="5min").as_unit("ns").asi8
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, len(open_time))))
    open_ = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    volume = random.exponential(1, len(close))
    minutes = Bars("X", timeframe, open_time + timeframe.duration, open_, high, low, close, volume)
    bars = resample(minutes, parse_timeframe(text), sessions=Sessions("XNYS"))
    assert find_off_grid(bars).tolist() == []
    defects = [finding.kind for finding in check_bars(bars).findings if finding.defect]
    assert "off_grid" not in defects
    assert text == "4h" or not defects, "gaps of 4h bars are counted on one grid for summer and winter"
