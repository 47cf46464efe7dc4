"""The feed: every bar once, in order, with all that was known at its close and nothing of what came after."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.trading.feed import ReplayFeed


def rows(feed: ReplayFeed) -> list[int]:
    return [int(known.close_time[-1]) for known in feed]


def test_a_feed_without_borders_is_every_bar(short_bars: Bars) -> None:
    feed = ReplayFeed(short_bars)
    assert rows(feed) == short_bars.close_time.tolist()
    assert len(feed) == len(short_bars)
    assert len(feed.history) == 0


@pytest.mark.parametrize("nudge", [-1, 0, 1])
def test_the_start_is_known_and_the_end_is_replayed(short_bars: Bars, nudge: int) -> None:
    """start_time < close_time <= end_time, to the nanosecond."""
    times = short_bars.close_time
    feed = ReplayFeed(short_bars, int(times[10]) + nudge, int(times[20]) + nudge)
    expected = [int(t) for t in times if times[10] + nudge < t <= times[20] + nudge]
    assert rows(feed) == expected
    assert len(feed) == len(expected) == 10
    assert feed.history.close_time.tolist() == [int(t) for t in times if t <= times[10] + nudge]


def test_nothing_later_is_known(short_bars: Bars) -> None:
    feed = ReplayFeed(short_bars, int(short_bars.close_time[4]))
    for number, known in enumerate(feed):
        assert len(known) == number + 6
        assert np.array_equal(known.close, short_bars.close[: number + 6])


def test_a_feed_can_be_gone_through_again(short_bars: Bars) -> None:
    feed = ReplayFeed(short_bars, int(short_bars.close_time[-5]))
    assert rows(feed) == rows(feed)


@pytest.mark.parametrize("borders", [(-1, None), (None, 0), (5, 5), (9, 3)])
def test_a_time_without_bars_is_refused(short_bars: Bars, borders: tuple[int | None, int | None]) -> None:
    times = short_bars.close_time
    start, end = (None if row is None else int(times[row]) - (row == 0) for row in borders)
    with pytest.raises(BadInput, match="no 15m bars of BTC-USD in the period to replay"):
        ReplayFeed(short_bars, start, end)


def test_no_bars_are_refused(short_bars: Bars) -> None:
    with pytest.raises(BadInput):
        ReplayFeed(short_bars[:0])
