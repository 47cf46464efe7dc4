from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.grid import grid_words, off_phase, snap_to_seconds
from tradesieve.market.timeframes import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Timeframe, parse_timeframe

THURSDAY = 19_000 * DAY - 19_000 * DAY % (7 * DAY)  # 1970-01-01 was a Thursday


@pytest.mark.parametrize(
    ("timeframe", "first", "words"),
    [
        ("7d", THURSDAY, "weeks that close on Thursday 00:00 UTC"),
        ("7d", THURSDAY + 4 * DAY + 2 * HOUR, "weeks that close on Monday 02:00 UTC"),
        ("1d", 22 * HOUR, "days that close at 22:00 UTC"),
        ("4h", THURSDAY + 5 * HOUR, "4h bars that close at 01:00 UTC and every 4h from there"),
        ("1m", THURSDAY + 30 * SECOND, "1m bars that close at 00:00:30 UTC and every 1m from there"),
        ("1m", THURSDAY + 5 * MILLISECOND, "1m bars that close at 00:00 and 5 ms UTC and every 1m from there"),
        ("3d", DAY, "3d bars that close at 1970-01-02T00:00:00Z and every 3d from there"),
    ],
)
def test_a_grid_is_described(timeframe, first, words):
    parsed = parse_timeframe(timeframe)
    assert grid_words(first + parsed.duration * np.arange(5), parsed) == words


def test_bars_longer_than_an_hour_may_be_an_hour_off():
    hours = np.array([0, 1, 2, 3]) * HOUR
    assert off_phase(hours, Timeframe(4 * HOUR), 0).tolist() == [False, False, True, False]
    assert off_phase(hours + 30 * MINUTE, Timeframe(HOUR), 0).all()


def test_jitter_of_a_millisecond_is_moved_to_the_second_and_more_stays():
    time = 60 * SECOND + np.array([-2, -1, 0, 1, 2]) * MILLISECOND
    moved, n_moved = snap_to_seconds(time, Timeframe(MINUTE))
    assert (moved[1:4] == 60 * SECOND).all()
    assert (n_moved, moved[[0, 4]].tolist()) == (2, time[[0, 4]].tolist())
    assert snap_to_seconds(time, Timeframe(MILLISECOND))[1] == 0
