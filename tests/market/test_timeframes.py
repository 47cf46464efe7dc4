from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import Timeframe, parse_timeframe

SECOND = 1_000_000_000


@given(st.integers(1, 5000), st.sampled_from("smhd"))
def test_every_timeframe_reads_back(count, unit):
    timeframe = parse_timeframe(f"{count}{unit}")
    assert timeframe.duration == count * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit] * SECOND
    assert parse_timeframe(str(timeframe)) == timeframe


def test_the_largest_whole_unit_is_written():
    assert [str(parse_timeframe(text)) for text in ("60s", "90m", "24h", "1d", "36h")] == [
        "1m",
        "90m",
        "1d",
        "1d",
        "36h",
    ]
    assert str(Timeframe(1500)) == "1500ns"


def test_timeframes_order_by_length():
    assert sorted(map(parse_timeframe, ["1d", "90s", "1m", "1h"])) == [
        parse_timeframe(text) for text in ("1m", "90s", "1h", "1d")
    ]


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "-5m", "1.5h", "5 m", "1M", "1w", "5min", "1e3s", "99999999d"])
def test_what_is_no_timeframe_is_refused_with_its_text(text):
    with pytest.raises(BadInput, match=r"timeframe"):
        parse_timeframe(text)


@pytest.mark.parametrize("duration", [0, -1, 10**20])
def test_a_timeframe_has_a_length(duration):
    with pytest.raises(BadInput, match="not valid"):
        Timeframe(duration)


def test_bars_that_cover_a_span_are_rounded_up():
    five = parse_timeframe("5m")
    assert [five.bars_in(minutes * 60 * SECOND) for minutes in (0, 1, 5, 6, 1440)] == [0, 1, 1, 2, 288]
