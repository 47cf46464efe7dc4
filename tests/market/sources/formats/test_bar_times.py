"""What the times of a file say: its timeframe, which end is stamped, and which bars have not closed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, WrongTimeframe
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import DAY, HOUR, MINUTE, SECOND, parse_timeframe

START = 1_704_067_200 * SECOND  # Monday, 2024-01-01T00:00:00Z
DEFAULT = "times are read as the open of a bar; pass --stamp close if they are the close"


def table(time: np.ndarray, name: str = "time", **columns: object) -> pd.DataFrame:
    return pd.DataFrame({name: time, "open": 2.0, "high": 3.0, "low": 1.0, "close": 2.0, "volume": 1.0} | columns)


def read(
    folder: Path, frame: pd.DataFrame, timeframe: str, *, stamps: Stamps | None = None, now: int | None = None
) -> tuple[Bars, tuple[str, ...]]:
    frame.to_parquet(folder / "a.parquet")
    parsed = parse_timeframe(timeframe)
    return read_file(folder / "a.parquet", symbol="BTC-USD", timeframe=parsed, stamps=stamps, now=now)


@pytest.mark.parametrize(
    ("step", "timeframe", "right"),
    [
        (4 * HOUR, "1h", "4h"),
        (HOUR, "1m", "1h"),
        (7 * DAY, "1d", "1w"),
        (5 * MINUTE, "1h", "5m"),
        (DAY, "1h", "1d"),
    ],
)
@pytest.mark.parametrize("n", [6, 40])
def test_another_timeframe_is_refused_and_the_right_one_proposed(tmp_path, step, timeframe, right, n):
    times = START + step * np.arange(n)
    for rows in (times, times[::-1]):
        with pytest.raises(WrongTimeframe, match=f"pass --timeframe {right}$") as caught:
            read(tmp_path, table(rows), timeframe)
        assert caught.value.timeframe == right
    bars, _ = read(tmp_path, table(times), right)
    assert bars.open_time.tolist() == times.tolist()


def test_one_odd_row_does_not_hide_another_timeframe(tmp_path):
    hours = START + HOUR * np.arange(40)
    hours[0] += 7 * MINUTE
    with pytest.raises(WrongTimeframe, match=r"rows are 1h apart, .* 1m; pass --timeframe 1h"):
        read(tmp_path, table(hours), "1m")
    bars, notes = read(tmp_path, table(hours), "1h")
    assert bars.close_time.tolist() == (START + HOUR * np.arange(1, 41)).tolist()
    assert notes[-1] == "the first bar is stamped 2024-01-01T00:07:00Z, within its 1h: moved to 2024-01-01T00:00:00Z"


def test_gaps_are_not_another_timeframe(tmp_path):
    sessions = np.concatenate([START + day * DAY + HOUR * np.arange(15, 21) for day in range(30) if day % 7 < 5])
    assert len(read(tmp_path, table(sessions), "1h")[0]) == len(sessions)
    days = START + DAY * np.array([day for day in range(60) if day % 7 < 5])
    assert len(read(tmp_path, table(days), "1d")[0]) == len(days)
    two_a_day = np.concatenate([START + day * DAY + 4 * HOUR * np.arange(3, 5) for day in range(30)])
    assert len(read(tmp_path, table(two_a_day), "4h")[0]) == 60


@pytest.mark.parametrize("traded", [0.02, 0.1, 0.3, 0.5, 0.7])
def test_minutes_without_trades_are_not_another_timeframe(tmp_path, traded):
    random = np.random.default_rng(1)
    for _ in range(5):
        minutes = np.flatnonzero(random.uniform(size=2000) < traded)
        assert len(read(tmp_path, table(START + MINUTE * minutes), "1m")[0]) == len(minutes)


def test_a_file_too_short_to_tell_is_read(tmp_path):
    for n in range(1, 5):
        assert len(read(tmp_path, table(START + 4 * HOUR * np.arange(n)), "1h")[0]) == n


@pytest.mark.parametrize("names", [("open_time", "close_time"), ("timeOpen", "timeClose")])
@pytest.mark.parametrize("early", [0, 1_000_000, SECOND])
def test_a_timeframe_is_held_against_times_of_open_and_close(tmp_path, names, early):
    opens = START + 4 * HOUR * np.arange(2)
    frame = table(opens, names[0], **{names[1]: opens + 4 * HOUR - early})
    if names[0] != "open_time":
        frame["timestamp"] = opens
    with pytest.raises(WrongTimeframe, match=r"bars last 4h by their times of open and close.*--timeframe 4h"):
        read(tmp_path, frame, "1h")
    assert read(tmp_path, frame, "4h")[0].open_time.tolist() == opens.tolist()


@pytest.mark.parametrize("timeframe", ["1d", "28d", "30d", "31d", "1w"])
def test_months_are_refused_as_anything_else(tmp_path, timeframe):
    opens = pd.date_range("2021-01-01", periods=24, freq="MS", tz="UTC").as_unit("ns").astype("int64").to_numpy()
    ends = np.append(opens[1:], 1_672_531_200 * SECOND) - 1_000_000
    with pytest.raises(WrongTimeframe, match=r"month.*--timeframe 1M"):
        read(tmp_path, table(opens, "open_time", close_time=ends), timeframe)
    with pytest.raises(WrongTimeframe, match=r"a month apart.*--timeframe 1M"):
        read(tmp_path, table(opens), timeframe)
    bars, _ = read(tmp_path, table(opens, "open_time", close_time=ends), "1mo")
    assert str(bars.timeframe) == "1M"
    assert bars.open_time.tolist() == opens.tolist()
    assert bars.close_time.tolist() == (ends + 1_000_000).tolist()


@pytest.mark.parametrize(
    ("early", "timeframe"),
    [(1_000_000, "1d"), (1_000_000, "1m"), (SECOND, "1d"), (SECOND, "5m"), (1_000, "1h"), (1, "1h"), (1_000_000, "1s")],
)
@pytest.mark.parametrize("name", ["timestamp", "close_time"])
def test_times_just_before_the_full_minute_are_closes(tmp_path, early, timeframe, name):
    duration = parse_timeframe(timeframe).duration
    closes = START + duration * np.arange(1, 21)
    bars, notes = read(tmp_path, table(closes - early, name), timeframe)
    assert bars.close_time.tolist() == closes.tolist()
    assert "they are closes, rounded up to the full close" in notes[0]
    stated, _ = read(tmp_path, table(closes - early, name), timeframe, stamps=Stamps(meaning="close"))
    assert stated.close_time.tolist() == closes.tolist()
    opens, _ = read(tmp_path, table(closes - early, name), timeframe, stamps=Stamps(meaning="open"))
    stamped = closes if early <= 1_000_000 else closes - early  # a jitter of a millisecond is none
    assert opens.open_time.tolist() == stamped.tolist(), "what the user states overrides what the file shows"


def test_a_last_row_stamped_at_its_download_does_not_hide_closes(tmp_path):
    times = START + MINUTE * np.arange(1, 21) - 1_000_000
    times[-1] -= 20 * SECOND
    bars, _ = read(tmp_path, table(times[:-1]), "1m")
    assert read(tmp_path, table(times), "1m", now=int(times[-2]) + 2_000_000)[0].fingerprint == bars.fingerprint


@pytest.mark.parametrize(
    ("name", "notes"),
    [("time", (DEFAULT,)), ("date", (DEFAULT,)), ("open_time", ()), ("start", ()), ("close_time", ())],
)
def test_the_default_is_said_where_nothing_tells_the_end(tmp_path, name, notes):
    frame = table(START + MINUTE * np.arange(20), name)
    assert read(tmp_path, frame, "1m")[1] == notes
    assert read(tmp_path, frame, "1m", stamps=Stamps(meaning="open"))[1] == ()


@pytest.mark.parametrize("newest_first", [False, True])
def test_bars_that_close_after_the_present_are_left_out_and_counted(tmp_path, newest_first):
    frame = table(START + HOUR * np.arange(24))
    frame = frame[::-1] if newest_first else frame
    bars, notes = read(tmp_path, frame, "1h", now=START + 20 * HOUR + 1)
    assert bars.close_time.tolist() == (START + HOUR * np.arange(1, 21)).tolist()
    assert "left out 4 bars not closed at 2024-01-01T20:00:00Z: the first closes at 2024-01-01T21:00:00Z" in notes
    assert len(read(tmp_path, frame, "1h", now=START + 24 * HOUR)[0]) == 24, "a bar has closed at its close"
    assert len(read(tmp_path, frame, "1h")[0]) == 24
    with pytest.raises(BadInput, match="no bar has closed; left out 24 bars"):
        read(tmp_path, frame, "1h", now=START)


@pytest.mark.parametrize("marks", [(1, 0), ("1", "0"), (True, False), ("true", "false"), (1.0, 0.0)])
@pytest.mark.parametrize("name", ["confirm", "Confirm", "complete", "is_closed"])
def test_bars_that_the_venue_marks_as_not_closed_are_left_out(tmp_path, marks, name):
    frame = table(START + HOUR * np.arange(24), **{name: [marks[0]] * 23 + [marks[1]]})
    bars, notes = read(tmp_path, frame, "1h")
    assert len(bars) == 23
    assert notes[-1] == f"left out 1 bar: not closed by column {name.lower()}"


def test_a_column_of_other_values_marks_nothing(tmp_path):
    frame = table(START + HOUR * np.arange(24), confirm=np.arange(24))
    assert len(read(tmp_path, frame, "1h")[0]) == 24


def test_the_shared_files_read_as_their_notes_say(shared_data):
    files = shared_data / "formats"
    hours = parse_timeframe("1h")
    bars, notes = read_file(files / "okx_unfinished.csv", symbol="ETH-USDT", timeframe=hours)
    assert (len(bars), notes[-1]) == (47, "left out 1 bar: not closed by column confirm")
    bars, _ = read_file(files / "cmc.csv", symbol="BTC-USD", timeframe=parse_timeframe("1d"))
    assert (bars.close_time[0], len(bars)) == (START + DAY, 40)
    with pytest.raises(WrongTimeframe, match="--timeframe 1h"):
        read_file(files / "h1_as_1m_listed.csv", symbol="BTC-USD", timeframe=parse_timeframe("1m"))
    for timeframe in ("1d", "28d", "30d"):
        with pytest.raises(WrongTimeframe, match="--timeframe 1M"):
            read_file(files / "month_1mo.csv", symbol="BTC-USD", timeframe=parse_timeframe(timeframe))
