"""Local times without an offset, when the clocks change."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.local_times import to_utc

AUTUMNS = [("America/New_York", "2023-11-05"), ("Europe/Berlin", "2023-10-29"), ("Australia/Lord_Howe", "2023-04-02")]


def convert(local: pd.Series, zone: str, repeated_hour: str | None = None) -> list[pd.Timestamp]:
    return to_utc(local.reset_index(drop=True), zone, repeated_hour=repeated_hour, name="a.csv").tolist()


def written(times: pd.DatetimeIndex, zone: str) -> pd.Series:
    return pd.Series(times.tz_convert(zone).tz_localize(None))


@pytest.mark.parametrize(("zone", "day"), AUTUMNS)
@pytest.mark.parametrize("step", ["1min", "5min", "30min"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_the_order_of_rows_tells_the_two_hours_apart(zone: str, day: str, step: str, newest_first: bool):
    times = pd.date_range(pd.Timestamp(day, tz=zone), periods=300 if step == "1min" else 60, freq=step).tz_convert(
        "UTC"
    )
    times = times[::-1] if newest_first else times
    assert convert(written(times, zone), zone) == times.tolist()


def test_one_hour_twice_in_a_row_is_two_hours():
    times = pd.date_range("2023-11-05", periods=24, freq="h", tz="UTC")
    assert convert(written(times, "America/New_York"), "America/New_York") == times.tolist()


def test_several_autumns_are_told_apart():
    times = pd.date_range("2021-01-01", "2024-01-01", freq="h", tz="UTC")
    assert convert(written(times, "Europe/Berlin"), "Europe/Berlin") == times.tolist()


def test_a_minute_twice_is_not_another_hour():
    times = pd.date_range("2023-11-05 05:00", periods=30, freq="min", tz="UTC")
    local = written(times, "America/New_York")
    doubled = pd.concat([local[:10], local[9:]])
    with pytest.raises(BadInput, match="comes twice in America/New_York"):
        convert(doubled, "America/New_York")
    first = convert(doubled, "America/New_York", "first")
    assert first == [*times[:10], *times[9:]]
    assert convert(doubled, "America/New_York", "second") == [time + pd.Timedelta("1h") for time in first]


def test_an_hour_that_may_be_either_is_refused_in_words():
    local = pd.Series(pd.to_datetime(["2023-11-05 00:00", "2023-11-05 01:00", "2023-11-05 02:00"]))
    with pytest.raises(BadInput) as refused:
        convert(local, "America/New_York")
    assert str(refused.value) == (
        "a.csv: row 1 has 2023-11-05 01:00:00, a time that comes twice in America/New_York, where the clocks are set "
        "back, and the order of rows does not tell which it is: pass --repeated-hour first or --repeated-hour second"
    )
    assert [dict(each) for each in refused.value.proposals] == [{"repeated_hour": "first"}, {"repeated_hour": "second"}]


def test_days_begin_at_their_first_instant_where_there_is_no_midnight():
    days = pd.Series(pd.date_range("2018-11-01", periods=7, freq="D"))
    times = convert(days, "America/Sao_Paulo")
    assert times[3] == pd.Timestamp("2018-11-04T03:00Z"), "the clocks went from 23:59 to 01:00, at 03:00 UTC"
    assert [(later - earlier) // pd.Timedelta("1h") for earlier, later in itertools.pairwise(times)] == [
        24,
        24,
        24,
        23,
        24,
        24,
    ]


def test_days_begin_at_the_first_of_two_midnights():
    days = pd.Series(pd.date_range("2023-11-04", periods=3, freq="D"))
    assert convert(days, "America/Havana")[1] == pd.Timestamp("2023-11-05T04:00Z")


def test_a_time_that_the_clocks_skip_is_refused_in_words():
    local = pd.Series(pd.date_range("2024-03-10 00:30", periods=5, freq="h"))
    with pytest.raises(BadInput) as refused:
        convert(local, "America/New_York")
    assert "row 2 has 2024-03-10 02:30:00, which does not exist in America/New_York" in str(refused.value)
