"""Bars within sessions, against pandas in the session's own clock, on real bars and over changes of the clocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.resampling import resample
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import Timeframe, parse_timeframe

MINUTE, DAY = parse_timeframe("1m"), parse_timeframe("1d")
NEW_YORK = "America/New_York"
AGGREGATE = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
FOREX = Sessions("17:00 America/New_York")
SHARES = Sessions("XNYS")


def frame_of(bars: Bars, zone: str) -> pd.DataFrame:
    """One row a bar, by its open in the clock of a zone."""
    index = pd.to_datetime(bars.open_time, utc=True).tz_convert(zone)
    return pd.DataFrame({name: getattr(bars, name) for name in AGGREGATE}, index=index)


def assert_equal(ours: Bars, theirs: pd.DataFrame, ends: pd.DatetimeIndex) -> None:
    assert ours.close_time.tolist() == ends.tz_convert("UTC").as_unit("ns").asi8.tolist()
    for name in ("open", "high", "low", "close"):
        assert getattr(ours, name).tolist() == theirs[name].tolist()
    np.testing.assert_allclose(ours.volume, theirs["volume"], rtol=1e-12)


def minutes(start: str, end: str, *, zone: str = "UTC", seed: int = 1, kept: float = 1.0) -> Bars:
    """Make a bar for every minute of a span of a zone's clock, or for a part of them."""
    random = np.random.default_rng(seed)
    index = pd.date_range(start, end, freq="min", tz=zone, inclusive="left").tz_convert("UTC")
    index = index[random.random(len(index)) < kept]
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, len(index))))
    open_time = index.as_unit("ns").asi8
    return Bars(
        "X",
        MINUTE,
        open_time + MINUTE.duration,
        close,
        close * 1.01,
        close * 0.99,
        close,
        random.exponential(1, len(index)),
    )


def real(shared_data: Path, path: str) -> Bars:
    return read_file(shared_data / "dev" / path, symbol="X", timeframe=MINUTE)[0]


HALF_DAYS = ("2025-11-28", "2025-12-24")


def close_of(day: object) -> pd.Timestamp:
    """The close of New York's exchanges on a day of the real bars, by hand."""
    return pd.Timestamp(f"{day} {13 if str(day) in HALF_DAYS else 16}:00", tz=NEW_YORK)


@pytest.mark.parametrize("name", ["us_SPY_1m", "us_NVDA_1m"])
@pytest.mark.parametrize("text", ["5m", "1h", "4h", "1d"])
def test_real_bars_of_new_york_with_half_days_and_both_clocks(shared_data, name, text):
    bars = real(shared_data, f"equity_1m/{name}.parquet")
    frame, length = frame_of(bars, NEW_YORK), pd.Timedelta(parse_timeframe(text).duration)
    parts, ends, n_late = [], [], 0
    for day, rows in frame.groupby(frame.index.date):
        part = rows[rows.index < close_of(day)]
        n_late += len(rows) - len(part)
        part = part.resample(length, origin=pd.Timestamp(f"{day} 09:30", tz=NEW_YORK)).agg(AGGREGATE).dropna()
        parts.append(part)
        ends += [min(start + length, close_of(day)) for start in part.index]
    assert {str(end.date()) for end in ends} >= set(HALF_DAYS)
    assert len({end.utcoffset() for end in ends}) == 2, "winter and summer are in the data"
    assert n_late > 0, "on half days there are bars behind the close, which belong to no session"
    ours = resample(bars, parse_timeframe(text), sessions=SHARES)
    assert len(ours) > 120
    assert_equal(ours, pd.concat(parts), pd.DatetimeIndex(ends))


@pytest.mark.parametrize("name", ["histdata_EURUSD_1m", "histdata_XAUUSD_1m"])
def test_real_days_of_currencies_end_at_five_in_new_york(shared_data, name):
    bars = real(shared_data, f"forex_1m/{name}.parquet")
    frame = frame_of(bars, NEW_YORK)
    # Seven hours later on the clock, the day of currencies is the date.
    clock = frame.index.tz_localize(None) + pd.Timedelta(hours=7)
    theirs = frame.set_axis(clock).resample("1D").agg(AGGREGATE).dropna()
    ends = (theirs.index + pd.Timedelta(hours=17)).tz_localize(NEW_YORK)
    whole = ends <= pd.Timestamp(int(bars.close_time[-1]), tz="UTC")
    ours = resample(bars, DAY, sessions=FOREX)
    assert len(ours) > 500
    assert len({end.utcoffset() for end in ends}) == 2
    assert_equal(ours, theirs[whole], ends[whole])
    assert ours.volume.sum() == 0.0


@pytest.mark.parametrize(("zone", "start", "end", "hours"), [
    ("America/New_York", "2024-03-08 17:00", "2024-03-12 17:00", [24, 23, 24, 24]),
    ("America/New_York", "2024-11-01 17:00", "2024-11-05 17:00", [24, 25, 24, 24]),
    ("Europe/Berlin", "2024-03-29 17:00", "2024-04-01 17:00", [24, 23, 24]),
    ("Australia/Lord_Howe", "2024-04-05 17:00", "2024-04-08 17:00", [24, 24.5, 24]),
])  # fmt: skip
def test_a_day_in_which_the_clocks_change_holds_all_its_minutes(zone, start, end, hours):
    bars = minutes(start, end, zone=zone)
    days = resample(bars, DAY, sessions=Sessions(f"17:00 {zone}"))
    edges = np.concatenate([[bars.open_time[0]], days.close_time])
    assert (np.diff(edges) / 3.6e12).tolist() == hours
    assert days.close.tolist() == bars.close[np.cumsum(np.array(hours) * 60).astype(int) - 1].tolist()
    np.testing.assert_allclose(days.volume.sum(), bars.volume.sum(), rtol=1e-12)


@pytest.mark.parametrize(
    ("start", "end", "roll", "hours"),
    [
        # At 02:30 on 10 March the clock shows 03:00 already; at 01:30 on 3 November it shows that time twice.
        ("2024-03-09", "2024-03-12", "02:30", [24.0, 24.0 - 0.5, 24.0 - 0.5]),
        ("2024-11-02", "2024-11-05", "01:30", [24.0, 24.0, 25.0]),
    ],
)
def test_a_roll_at_a_time_that_is_skipped_or_shown_twice_is_one_roll(start, end, roll, hours):
    days = resample(minutes(start, end, zone=NEW_YORK), DAY, sessions=Sessions(f"{roll} {NEW_YORK}"))
    local = pd.to_datetime(days.close_time, utc=True).tz_convert(NEW_YORK)
    assert [f"{stamp:%H:%M}" for stamp in local][::2] == [roll, roll]
    steps = np.diff(days.close_time, prepend=days.close_time[0] - 24 * 3_600_000_000_000) / 3.6e12
    assert steps.tolist() == hours


def test_gaps_leave_no_bar_and_no_trace():
    whole = minutes("2024-01-08 09:30", "2024-01-12 16:00", zone=NEW_YORK)
    holes = minutes("2024-01-08 09:30", "2024-01-12 16:00", zone=NEW_YORK, kept=0.02)
    assert len(resample(whole, DAY, sessions=SHARES)) == 5
    frame = frame_of(holes, NEW_YORK).between_time("09:30", "15:59")
    five = resample(holes, parse_timeframe("5m"), sessions=SHARES)
    theirs = frame.resample("5min", origin=pd.Timestamp("2024-01-08 09:30", tz=NEW_YORK)).agg(AGGREGATE).dropna()[:-1]
    assert_equal(five, theirs, theirs.index + pd.Timedelta(minutes=5))
    kept = whole.open_time // DAY.duration != whole.open_time[0] // DAY.duration + 2
    days = resample(Bars("X", MINUTE, *(getattr(whole, name)[kept] for name in COLUMNS)), DAY, sessions=SHARES)
    assert pd.to_datetime(days.close_time).day.tolist() == [8, 9, 11, 12], "a day without bars has no bar"


def test_before_the_open_and_behind_the_close_nothing_counts():
    bars = minutes("2024-01-08 04:00", "2024-01-08 20:00", zone=NEW_YORK)
    (day,) = [resample(bars, DAY, sessions=SHARES)]
    assert (len(day), day.open[0], day.close[0]) == (1, bars.open[330], bars.close[719])
    assert day.high[0] == bars.high[330:720].max()
    assert len(resample(bars[:330], DAY, sessions=SHARES)) == 0


def test_a_session_that_is_not_over_has_no_bar_yet():
    bars = minutes("2024-01-08 09:30", "2024-01-09 20:00", zone=NEW_YORK)
    for stop, n_days, n_hours in ((389, 0, 6), (390, 1, 7), (391, 1, 7)):
        assert len(resample(bars[:stop], DAY, sessions=SHARES)) == n_days
        assert len(resample(bars[:stop], parse_timeframe("1h"), sessions=SHARES)) == n_hours
    quiet = Bars("X", MINUTE, *(np.delete(getattr(bars, name), slice(380, 420)) for name in COLUMNS))
    assert len(resample(quiet[:380], DAY, sessions=SHARES)) == 0
    assert len(resample(quiet[:381], DAY, sessions=SHARES)) == 1, "a trade after the close proves that it is over"


def test_what_is_complete_never_changes_when_more_comes():
    bars = minutes("2024-03-07 00:00", "2024-03-13 00:00", zone=NEW_YORK, kept=0.05)
    for sessions, timeframe in ((SHARES, DAY), (FOREX, DAY), (SHARES, parse_timeframe("1h"))):
        whole = resample(bars, timeframe, sessions=sessions)
        for stop in range(1, len(bars), 17):
            part = resample(bars[:stop], timeframe, sessions=sessions)
            assert part.close_time.tolist() == whole.close_time[: len(part)].tolist()
            assert part.close.tolist() == whole.close[: len(part)].tolist()
            assert (part.close_time <= bars.close_time[stop - 1]).all()


def test_bars_that_cross_the_edge_of_a_session_are_refused():
    hours = resample(minutes("2024-01-08 00:00", "2024-01-11 00:00"), parse_timeframe("1h"))
    with pytest.raises(BadInput, match="XNYS begins at 2024-01-08T14:30:00Z, in the middle of a bar of 1h"):
        resample(hours, DAY, sessions=SHARES)
    assert len(resample(hours, DAY, sessions=FOREX)) == 3
    days = resample(minutes("2024-01-08 00:00", "2024-01-11 00:00"), DAY)
    with pytest.raises(BadInput, match=r"begins at .*, in the middle of a bar of 1d"):
        resample(days, DAY, sessions=FOREX)
    with pytest.raises(BadInput, match="at most 1d long, not 2d"):
        resample(hours, parse_timeframe("2d"), sessions=FOREX)
    with pytest.raises(BadInput, match="not a whole multiple"):
        resample(hours, Timeframe(5_400_000_000_000), sessions=FOREX)


def test_no_bars_and_no_sessions_are_the_borders():
    empty = Bars("X", MINUTE, *[np.empty(0)] * 6)
    assert len(resample(empty, DAY, sessions=SHARES)) == 0
    assert len(resample(minutes("2024-01-06 10:00", "2024-01-06 12:00"), DAY, sessions=SHARES)) == 0, "a Saturday"
    week = resample(minutes("2024-12-24 00:00", "2024-12-27 00:00", zone=NEW_YORK), DAY, sessions=SHARES)
    assert [str(end)[:16] for end in pd.to_datetime(week.close_time)] == ["2024-12-24 18:00", "2024-12-26 21:00"]


def test_what_sessions_can_be():
    for name in ("XNYS", "XLON", "XTKS", "17:00 America/New_York", "00:00 Europe/Berlin"):
        opens, closes = Sessions(name).between(1_700_000_000_000_000_000, 1_702_000_000_000_000_000)
        assert len(opens) >= 15
        assert (opens < closes).all()
        assert (closes[:-1] <= opens[1:]).all()
    with pytest.raises(Unknown, match="unknown exchange 'XNY': did you mean 'XNYS'"):
        Sessions("XNY")
    for name in ("17:00", "25:00 America/New_York", "17:61 UTC", "17:00 America New_York"):
        with pytest.raises(BadInput, match="as in 17:00 America/New_York"):
            Sessions(name)
    with pytest.raises(BadInput, match="unknown time zone 'Mars/Olympus'"):
        Sessions("17:00 Mars/Olympus")
