"""A stored series has one grid: what does not fit it is refused, and bars never overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.quality.checks import check_columns
from tradesieve.market.resampling import resample
from tradesieve.market.session_bars import SessionBars
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.reading import read_file
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Timeframe, parse_timeframe

ONE = Timeframe(MINUTE)
WEEK = parse_timeframe("7d")
MONDAY = int(pd.Timestamp("2023-01-02").value)


def series(first_close: int, timeframe: Timeframe, n: int = 30) -> Bars:
    time = first_close + timeframe.duration * np.arange(n)
    price = 100.0 + np.arange(n) % 7
    return Bars("X", timeframe, time, price, price + 1, price - 1, price, np.ones(n))


def csv(path: Path, open_time: np.ndarray, unit: int = SECOND) -> Path:
    price = 100.0 + (open_time // MINUTE) % 7
    columns = {"time": open_time // unit, "open": price, "high": price, "low": price, "close": price, "volume": 1.0}
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def interleaved() -> dict[str, np.ndarray]:
    parts = [series(MONDAY + day * DAY, WEEK) for day in (0, 3)]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    order = np.argsort(columns["close_time"])
    return {name: values[order] for name, values in columns.items()}


def test_weeks_from_thursday_do_not_go_between_weeks_from_monday(tmp_path):
    store = BarStore(tmp_path)
    store.append(series(MONDAY, WEEK))
    before = store.load("X", WEEK).fingerprint
    with pytest.raises(
        BadData, match=r"weeks that close on Monday 00:00 UTC, the new .* weeks that close on Thursday.*--replace"
    ):
        store.append(series(MONDAY + 3 * DAY, WEEK))
    assert store.load("X", WEEK).fingerprint == before
    assert store.append(series(MONDAY + 3 * DAY, WEEK), replace=True) == 30


def test_days_read_with_and_without_their_zone_do_not_interleave(tmp_path):
    path = tmp_path / "days.csv"
    days = pd.date_range("2024-01-02", periods=40, freq="D").strftime("%Y-%m-%d %H:%M:%S")
    price = np.full(40, 100.0)
    pd.DataFrame({"time": days, "open": price, "high": price, "low": price, "close": price, "volume": price}).to_csv(
        path, index=False
    )
    day = Timeframe(DAY)
    store = BarStore(tmp_path / "bars")
    for zones in ((None, "Europe/Athens"), ("Europe/Athens", None)):
        first, second = (read_file(path, symbol="X", timeframe=day, stamps=Stamps(timezone=zone))[0] for zone in zones)
        store.append(first, replace=True)
        with pytest.raises(BadData, match=r"days that close at .* and a series has one grid: check --timezone"):
            store.append(second)


def test_minutes_a_millisecond_apart_are_one_series_and_the_count_is_reported(tmp_path):
    store, open_time = BarStore(tmp_path / "bars"), MONDAY + MINUTE * np.arange(50)
    exact, notes = read_file(csv(tmp_path / "a.csv", open_time), symbol="X", timeframe=ONE)
    assert not any("whole second" in note for note in notes)
    store.append(exact)
    for jitter in (MILLISECOND,):
        path = csv(tmp_path / "b.csv", open_time + jitter * (np.arange(50) % 2), MILLISECOND)
        price = pd.read_csv(path).assign(**{name: getattr(exact, name) for name in COLUMNS[1:]})
        price.to_csv(path, index=False)
        bars, notes = read_file(path, symbol="X", timeframe=ONE)
        assert bars.fingerprint == exact.fingerprint
        assert "25 times were a millisecond or less off a whole second, and were moved to it" in notes
        assert store.append(bars) == 0


def test_more_than_a_millisecond_is_another_grid(tmp_path):
    store = BarStore(tmp_path)
    store.append(series(MONDAY, ONE))
    with pytest.raises(BadData, match="00:00 and 5 ms UTC"):
        store.append(series(MONDAY + 5 * MILLISECOND, ONE))


def test_single_bars_that_overlap_are_refused_though_most_fit(tmp_path):
    store, bars = BarStore(tmp_path), series(MONDAY, ONE)
    store.append(bars.where(np.arange(30) != 10))
    time = bars.close_time[8:20].copy()
    time[2] += 20 * SECOND
    new = bars[8:20].where(np.arange(12) != 3)
    moved = Bars("X", ONE, np.delete(time, 3), *(getattr(new, name) for name in COLUMNS[1:]))
    with pytest.raises(BadData, match=r"opens before the one that closes at .* has closed .*--replace"):
        store.append(moved)


def test_summer_and_winter_days_of_one_market_are_one_series(tmp_path):
    store, day = BarStore(tmp_path), Timeframe(DAY)
    winter = series(MONDAY + 22 * HOUR, day)
    summer = series(int(winter.close_time[-1]) + DAY - HOUR, day)
    store.append(winter)
    assert store.append(summer) == 30
    assert len(store.load("X", day)) == 60


def test_bars_within_sessions_are_stored_and_load_as_such(tmp_path):
    store = BarStore(tmp_path)
    minutes = SyntheticMarket(n_days=60, timeframe=Timeframe(MINUTE * 30)).generate("X")[0]
    for timeframe in ("1h", "4h", "1d"):
        bars = resample(minutes, parse_timeframe(timeframe), sessions=Sessions("XNYS"))
        for part in (bars[:20], bars[10:]):
            store.append(part)
        loaded = store.load("X", bars.timeframe)
        assert isinstance(loaded, SessionBars)
        assert loaded.fingerprint == bars.fingerprint


def test_a_stored_series_that_overlaps_is_refused_and_check_finds_it(tmp_path):
    store = BarStore(tmp_path)
    path = store.path("X", WEEK)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(interleaved()), path)
    refusal = r"7d bars are stored that break a law of bars.*tradesieve data check --symbols X.*--replace"
    for use in (
        lambda: store.load("X", WEEK),
        lambda: store.load("X", parse_timeframe("14d")),
        lambda: store.span("X", WEEK),
        lambda: store.append(series(MONDAY, WEEK)),
    ):
        with pytest.raises(BadData, match=refusal):
            use()
    checked = check_columns(store.columns("X", WEEK), symbol="X", timeframe=WEEK)
    (finding,) = [finding for finding in checked.findings if finding.kind == "overlap"]
    assert (finding.count, finding.defect, len(checked.bars)) == (59, True, 30)
    for day in ("Monday", "Thursday"):
        assert f"weeks that close on {day} 00:00 UTC" in finding.worst
    assert store.append(series(MONDAY, WEEK), replace=True) == 30


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    timeframe=st.sampled_from(["1m", "5m", "1h", "4h", "1d", "7d"]),
    cuts=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=2, max_size=2),
    shift=st.sampled_from(
        [0, 0, 1, MILLISECOND, 2 * 10**6, SECOND, 30 * SECOND, MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, DAY]
    ),
    every=st.integers(1, 3),
)
def test_two_files_of_one_market_give_the_clean_series_or_a_refusal(tmp_path, timeframe, cuts, shift, every):
    store, parsed = BarStore(tmp_path), parse_timeframe(timeframe)
    whole = series(MONDAY, parsed, 60)
    parts = []
    for (first, n), offset in zip(cuts, (0, shift), strict=True):
        part = whole[first : first + n : every]
        time = part.close_time - parsed.duration + offset
        frame = pd.DataFrame({"time": time} | {name: getattr(part, name) for name in COLUMNS[1:]})
        frame.to_csv(tmp_path / "part.csv", index=False)
        try:
            parts.append(read_file(tmp_path / "part.csv", symbol="X", timeframe=parsed)[0])
        except (BadInput, BadData):
            return
    try:
        store.append(parts[0], replace=True)
        store.append(parts[1])
    except BadData:
        pass
    stored = store.load("X", parsed)
    steps = np.diff(stored.close_time)
    an_hour_less = (parsed.duration >= DAY) & (steps == parsed.duration - HOUR)
    assert ((steps >= parsed.duration) | an_hour_less).all()
    if abs(shift) <= MILLISECOND:
        rows = np.unique(np.concatenate([np.arange(60)[first : first + n : every] for first, n in cuts]))
        assert stored.fingerprint == whole.where(np.isin(np.arange(60), rows)).fingerprint
