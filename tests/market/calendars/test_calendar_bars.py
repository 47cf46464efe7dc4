"""Weeks, months and days of a time zone: against periods of pandas, over several years and changes of the clocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.errors import BadData, BadInput, WrongTimeframe
from tradesieve.market.resampling import resample
from tradesieve.market.session_bars import SessionBars
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.reading import read_file
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import DAY, HOUR, parse_timeframe

AGGREGATE = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
ZONES = ("America/New_York", "America/Sao_Paulo", "Europe/London", "Atlantic/Azores", "Asia/Tokyo", "Pacific/Apia")
PERIODS = {"1d": "D", "1w": "W-SUN", "1M": "M"}


def hours(start: str, end: str, *, zone: str = "UTC", kept: float = 1.0, seed: int = 1) -> Bars:
    """Make a bar for every hour of a span of a zone's clock, or for a part of them."""
    random = np.random.default_rng(seed)
    index = pd.date_range(start, end, freq="h", tz=zone, inclusive="left")
    index = index[random.random(len(index)) < kept]
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, len(index))))
    volume = random.exponential(1, len(index))
    time = index.tz_convert("UTC").as_unit("ns").asi8 + HOUR
    return Bars("X", parse_timeframe("1h"), time, close, close * 1.01, close * 0.99, close, volume)


def by_period(bars: Bars, zone: str, timeframe: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Group by the local period in which each bar closes; return the complete ones with their begins and ends."""
    local = (pd.DatetimeIndex(bars.close_time - 1, tz="UTC").tz_convert(zone)).tz_localize(None)
    frame = pd.DataFrame({name: getattr(bars, name) for name in AGGREGATE})
    grouped = frame.groupby(local.to_period(PERIODS[timeframe])).agg(AGGREGATE)

    def begins(periods: pd.PeriodIndex) -> np.ndarray:
        midnight = periods.to_timestamp(how="start")
        ambiguous = np.ones(len(midnight), bool)
        local = midnight.tz_localize(zone, nonexistent="shift_forward", ambiguous=ambiguous)
        return local.tz_convert("UTC").as_unit("ns").asi8

    start, end = begins(grouped.index), begins(grouped.index + 1)
    complete = end <= bars.close_time[-1]
    return grouped[complete], start[complete], end[complete]


@pytest.mark.parametrize("kept", [1.0, 0.4])
@pytest.mark.parametrize("timeframe", PERIODS)
@pytest.mark.parametrize("zone", ["UTC", *ZONES])
def test_days_weeks_and_months_are_those_of_pandas_in_each_zone(zone, timeframe, kept):
    bars = hours("2016-12-20", "2020-02-12 05:00", zone=zone, kept=kept)
    theirs, start, end = by_period(bars, zone, timeframe)
    sessions = None if zone == "UTC" else Sessions(f"00:00 {zone}")
    ours = resample(bars, parse_timeframe(timeframe), sessions=sessions)
    assert ours.close_time.tolist() == end.tolist()
    assert ours.open_time.tolist() == start.tolist(), "the true open"
    for name in ("open", "high", "low", "close"):
        assert getattr(ours, name).tolist() == theirs[name].tolist()
    np.testing.assert_allclose(ours.volume, theirs["volume"], rtol=1e-12)


@pytest.mark.parametrize("timeframe", ["1w", "1M"])
@pytest.mark.parametrize("zone", ["UTC", *ZONES])
def test_days_make_the_same_weeks_and_months_as_hours(zone, timeframe):
    sessions = None if zone == "UTC" else Sessions(f"00:00 {zone}")
    bars, longer = hours("2016-12-20", "2019-02-12", zone=zone), parse_timeframe(timeframe)
    days = resample(bars, parse_timeframe("1d"), sessions=sessions)
    found, expected = (resample(each, longer, sessions=sessions) for each in (days, bars))
    for name in COLUMNS[:-1]:
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    np.testing.assert_allclose(found.volume, expected.volume, rtol=1e-12)


def test_a_month_of_28_days_opens_on_the_first_and_a_day_of_25_hours_25_hours_before_its_close():
    months = resample(hours("2023-01-01", "2023-04-01"), parse_timeframe("1M"))
    assert ((months.close_time - months.open_time) // DAY).tolist() == [31, 28, 31]
    sessions = Sessions("00:00 America/New_York")
    days = resample(
        hours("2023-11-04", "2023-11-07", zone="America/New_York"), parse_timeframe("1d"), sessions=sessions
    )
    assert ((days.close_time - days.open_time) // HOUR).tolist() == [24, 25, 24]
    assert days[1:2].open_time.tolist() == days.open_time[1:2].tolist(), "whatever part of the bars is looked at"


def test_weeks_of_an_exchange_end_with_their_last_session():
    trading = hours("2023-11-13", "2024-01-09")
    opens, closes = Sessions("XNYS").between(int(trading.open_time[0]), int(trading.close_time[-1]))
    halves = np.concatenate([np.arange(a + HOUR // 2, b + 1, HOUR // 2) for a, b in zip(opens, closes, strict=True)])
    price = 100.0 + np.arange(len(halves))
    bars = Bars("X", parse_timeframe("30m"), halves, price, price + 1, price - 1, price, price)
    weeks = resample(bars, parse_timeframe("1w"), sessions=Sessions("XNYS"))
    new_york = pd.DatetimeIndex(weeks.close_time, tz="UTC").tz_convert("America/New_York")
    opened = pd.DatetimeIndex(weeks.open_time, tz="UTC").tz_convert("America/New_York")
    assert f"{new_york[1]:%a %d %H:%M}" == "Fri 24 13:00", "the half day after Thanksgiving"
    assert f"{opened[6]:%a %d %H:%M}" == "Tue 26 09:30", "Monday was Christmas"
    assert {f"{each:%H:%M}" for each in opened} == {"09:30"}
    months = resample(bars, parse_timeframe("1M"), sessions=Sessions("XNYS"))
    assert [f"{each:%d %H:%M}" for each in pd.DatetimeIndex(months.close_time, tz="UTC")] == ["30 21:00", "29 21:00"]


def test_weeks_of_seven_days_and_weeks_from_monday_differ():
    bars = hours("2024-01-01", "2024-03-01")
    seven, week = (resample(bars, parse_timeframe(text)) for text in ("7d", "1w"))
    assert {f"{each:%a}" for each in pd.DatetimeIndex(seven.open_time)} == {"Thu"}
    assert {f"{each:%a}" for each in pd.DatetimeIndex(week.open_time)} == {"Mon"}
    with pytest.raises(BadInput, match=r"7d bars cannot be resampled to 1w, which begins on Monday.*7d is counted"):
        resample(seven, parse_timeframe("1w"))


def test_bars_of_the_calendar_keep_its_law():
    weeks = resample(hours("2024-01-01", "2024-03-01"), parse_timeframe("1w"))
    columns = {name: getattr(weeks, name) for name in COLUMNS}
    with pytest.raises(BadData, match="does not close at the end of a week of its calendar"):
        Bars("X", weeks.timeframe, **{**columns, "close_time": weeks.close_time + 3 * DAY})
    twice = {name: np.repeat(values, 2) for name, values in columns.items()}
    twice["close_time"] = np.sort(np.concatenate([weeks.close_time, weeks.close_time - HOUR]))
    with pytest.raises(BadData, match="opens before the row before it has closed"):
        SessionBars("X", weeks.timeframe, **twice)


def written(path: Path, opens: pd.DatetimeIndex) -> Path:
    """Write a file of times without a zone."""
    price = 100.0 + np.arange(len(opens))
    columns = {"open": price, "high": price + 1, "low": price - 1, "close": price, "volume": price}
    pd.DataFrame({"time": opens.strftime("%Y-%m-%d %H:%M:%S"), **columns}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("timeframe", "freq"), [("1d", "D"), ("1w", "W-MON"), ("1M", "MS"), ("7d", "W-MON")])
def test_files_of_a_zone_close_where_its_days_do(tmp_path, zone, timeframe, freq):
    local = pd.date_range("2016-06-01", "2019-06-01", freq=freq)
    exists = local.tz_localize(zone, nonexistent="NaT", ambiguous=np.ones(len(local), bool)).notna()
    local = local[exists]
    path = written(tmp_path / "x.csv", local)
    bars, _ = read_file(path, symbol="X", timeframe=parse_timeframe(timeframe), stamps=Stamps(timezone=zone))
    week = pd.Timedelta(weeks=1)
    ends = local + {"1d": pd.Timedelta(days=1), "1w": week, "7d": week, "1M": pd.offsets.MonthBegin()}[timeframe]

    def utc(midnights: pd.DatetimeIndex) -> list[int]:
        ambiguous = np.ones(len(midnights), bool)
        zoned = midnights.tz_localize(zone, nonexistent="shift_forward", ambiguous=ambiguous)
        return zoned.tz_convert("UTC").as_unit("ns").asi8.tolist()

    assert bars.open_time.tolist() == utc(local)
    assert bars.close_time.tolist() == utc(ends)


def test_a_zone_is_stored_with_its_bars_and_resampled_in_it(tmp_path):
    path = written(tmp_path / "x.csv", pd.date_range("2023-01-01", "2024-01-01", freq="D"))
    day, stamps = parse_timeframe("1d"), Stamps(timezone="America/New_York")
    bars, _ = read_file(path, symbol="X", timeframe=day, stamps=stamps)
    store = BarStore(tmp_path / "bars")
    store.append(bars[:200])
    store.append(bars)
    loaded = store.load("X", day)
    assert loaded.fingerprint == bars.fingerprint
    assert loaded.open_time.tolist() == bars.open_time.tolist()
    weeks = store.load("X", parse_timeframe("1w"))
    assert {
        f"{each:%a %H:%M}" for each in pd.DatetimeIndex(weeks.close_time, tz="UTC").tz_convert(stamps.timezone)
    } == {"Mon 00:00"}
    london, _ = read_file(path, symbol="X", timeframe=day, stamps=Stamps(timezone="Europe/London"))
    with pytest.raises(BadData, match=r"grid|opens before"):
        store.append(london)


def test_a_minute_and_a_month_are_two_files_where_case_does_not_count(tmp_path):
    store, month = BarStore(tmp_path), parse_timeframe("1M")
    store.append(resample(hours("2023-01-01", "2023-04-01"), month))
    assert store.list() == [("X", month)]
    assert [path.name for path in (tmp_path / "X").iterdir()] == ["1mo.parquet"]


@pytest.mark.parametrize(
    ("freq", "timeframe", "meaning", "message"),
    [
        ("W-THU", "1w", None, r"Thu in UTC, does not begin a calendar week.*--timeframe 7d"),
        ("W-THU", "1w", "close", r"Thu in UTC, does not end a calendar week.*--timeframe 7d"),
        ("D", "1w", None, r"--timeframe 1d"),
        ("D", "1M", None, r"--timeframe 1d"),
        ("W-MON", "1M", None, r"--timeframe 1w"),
        ("W-THU", "1d", None, r"--timeframe 7d"),
        ("MS", "1w", None, r"--timeframe 1M"),
        ("QS", "1M", None, r"apart or more, but the timeframe given is 1M"),
    ],
)
def test_another_span_is_refused_and_the_right_one_proposed(tmp_path, freq, timeframe, meaning, message):
    path = written(tmp_path / "x.csv", pd.date_range("2018-01-01", "2024-01-01", freq=freq))
    with pytest.raises(WrongTimeframe, match=message):
        read_file(path, symbol="X", timeframe=parse_timeframe(timeframe), stamps=Stamps(meaning))


@pytest.mark.parametrize(
    ("freq", "timeframe", "meaning"), [("BMS", "1M", None), ("BME", "1M", "close"), ("W-FRI", "1w", "close")]
)
def test_stamps_of_trading_days_stand_for_the_whole_span(tmp_path, freq, timeframe, meaning):
    stamped = pd.date_range("2022-01-01", "2024-01-01", freq=freq)
    path = written(tmp_path / "x.csv", stamped)
    bars, notes = read_file(path, symbol="X", timeframe=parse_timeframe(timeframe), stamps=Stamps(meaning))
    period = stamped.to_period(PERIODS[timeframe])
    assert bars.open_time.tolist() == period.start_time.as_unit("ns").asi8.tolist()
    assert bars.close_time.tolist() == (period + 1).start_time.as_unit("ns").asi8.tolist()
    assert "are stamped within their" in " ".join(notes)


def test_days_of_23_and_25_hours_without_a_zone_close_when_the_next_opens(tmp_path):
    opens = pd.date_range("2023-03-01", "2023-12-01", freq="D", tz="America/New_York").tz_convert("UTC")
    bars, notes = read_file(written(tmp_path / "x.csv", opens), symbol="X", timeframe=parse_timeframe("1d"))
    assert bars.close_time[:-1].tolist() == opens.as_unit("ns").asi8[1:].tolist()
    assert "2 bars last an hour more or less" in " ".join(notes)
