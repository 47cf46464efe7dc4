from __future__ import annotations

import numpy as np
import pandas as pd
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


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "-5m", "1.5h", "5 m", "2w", "5M", "mo", "1e3s", "99999999d"])
def test_what_is_no_timeframe_is_refused_with_its_text(text):
    with pytest.raises(BadInput, match=r"timeframe"):
        parse_timeframe(text)


@pytest.mark.parametrize(
    ("timeframe", "texts"),
    [
        ("1w", ["1w", "1W", "1wk", "W1", "W", "weekly", "1week"]),
        ("1M", ["1M", "1mo", "1Mo", "1mon", "MN1", "MN", "M", "monthly", "1month"]),
        ("1m", ["1m", "M1", "1min", "1minute"]),
        ("15m", ["M15", "15min", "15mins"]),
        ("4h", ["4h", "4H", "H4", "4hours"]),
        ("1d", ["1d", "1D", "D1", "D", "daily", "1day"]),
    ],
)
def test_timeframes_are_read_as_vendors_write_them(timeframe, texts):
    for text in texts:
        assert str(parse_timeframe(text)) == timeframe, text


def test_several_weeks_or_months_are_refused_with_what_may_be_meant():
    with pytest.raises(BadInput, match=r"'2w' .*write 14d for bars of 14 days"):
        parse_timeframe("2w")
    with pytest.raises(BadInput, match=r"'5M' .*write 5m for minutes"):
        parse_timeframe("5M")


def test_a_week_is_not_seven_days_and_a_month_not_thirty():
    week, month = parse_timeframe("1w"), parse_timeframe("1M")
    assert week != parse_timeframe("7d")
    assert month != parse_timeframe("31d")
    assert sorted([month, parse_timeframe("30d"), week, parse_timeframe("1d")])[1:] == [
        week,
        parse_timeframe("30d"),
        month,
    ]
    assert month.file_name.lower() != parse_timeframe("1m").file_name.lower(), "one file where case does not count"
    assert parse_timeframe(month.file_name) == month


@given(st.integers(0, 80 * 366 * 24), st.sampled_from([("1w", "W-SUN"), ("1M", "M")]))
def test_weeks_and_months_are_those_of_pandas(hour, names):
    timeframe, time = parse_timeframe(names[0]), np.array([hour * 3600 * SECOND + 1])
    period = pd.Timestamp(int(time[0])).to_period(names[1])
    end = timeframe.grid_end(time)
    assert end[0] == (period + 1).start_time.value
    assert timeframe.grid_start(end)[0] == period.start_time.value
    assert timeframe.grid_end(end)[0] == end[0], "a cell includes its end"


def test_what_divides_weeks_and_months():
    names = ("1m", "7h", "1d", "7d", "1w", "1M")
    pairs = {(a, b) for a in names for b in names if parse_timeframe(a).divides(parse_timeframe(b))}
    assert {pair for pair in pairs if pair[1] == "1w"} == {("1m", "1w"), ("1d", "1w"), ("1w", "1w")}
    assert {pair for pair in pairs if pair[1] == "1M"} == {("1m", "1M"), ("1d", "1M"), ("1M", "1M")}
    assert ("1w", "7d") not in pairs
    assert ("1d", "7d") in pairs


@pytest.mark.parametrize("duration", [0, -1, 10**20])
def test_a_timeframe_has_a_length(duration):
    with pytest.raises(BadInput, match="not valid"):
        Timeframe(duration)


def test_bars_that_cover_a_span_are_rounded_up():
    five = parse_timeframe("5m")
    assert [five.bars_in(minutes * 60 * SECOND) for minutes in (0, 1, 5, 6, 1440)] == [0, 1, 1, 2, 288]
