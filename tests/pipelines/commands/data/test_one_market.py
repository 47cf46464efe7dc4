"""Any files of one market give the series of one clean file, or are refused; through `tradesieve data import`."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.reading import read_file
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Timeframe, parse_timeframe
from tradesieve.pipelines.commands.data import data

ZONES = ("UTC", "America/New_York", "Europe/Athens", "Asia/Kolkata", "Australia/Lord_Howe")
N_BARS = 60
SYMBOL = "X-USD"
DAYS = {None: "UTC", "00:00 America/New_York": "America/New_York", "17:00 America/New_York": "America/New_York",
        "00:00 Australia/Lord_Howe": "Australia/Lord_Howe", "XNYS": "America/New_York"}  # fmt: skip
"""The sessions of a market (None: it never closes), and the clock of its own files."""
STARTS = ("2023-03-20", "2023-10-28T20:00", "2023-11-04T20:00", "2019-01-01")
"""Clocks change soon after the first three: in Athens and Lord Howe, in Athens, and in New York."""
SHIFTS = (0, 0, 0, 1, MILLISECOND, 5 * MILLISECOND, SECOND, 30 * SECOND, MINUTE, 15 * MINUTE, HOUR, DAY)
PIECES = st.tuples(
    st.tuples(st.integers(0, 40), st.integers(1, N_BARS)),
    st.sampled_from([sign * shift for shift in SHIFTS for sign in (1, -1)]),
    st.sampled_from(["open", "close"]),
    st.sampled_from(ZONES),
    st.booleans(),
)


@lru_cache(maxsize=256)
def market(timeframe: Timeframe, sessions: str | None = None, start: str = STARTS[0]) -> pd.DataFrame:
    """Make bars with true times of open and close; the volume is the number of the row, counted from 1."""
    first = int((pd.Timestamp(start) - pd.DateOffset(years=5 * (timeframe.calendar == "month"))).value)
    if sessions is None:
        ends = timeframe.grid_end(first + timeframe.duration * np.arange(1, N_BARS + 1))
        opens = timeframe.grid_start(ends)
    elif timeframe.duration % DAY == 0:
        opens, ends = Sessions(sessions).cells(timeframe, first, first + (N_BARS + 60) * timeframe.duration)
    else:
        cells = zip(*Sessions(sessions).between(first, first + 60 * DAY), strict=True)
        opens = np.concatenate([np.arange(opened, closed, timeframe.duration) for opened, closed in cells])
        closes = Sessions(sessions).between(first, first + 60 * DAY)[1]
        ends = np.minimum(opens + timeframe.duration, closes[np.searchsorted(closes, opens, side="right")])
    close = 100.0 + np.round(np.random.default_rng(7).normal(size=N_BARS).cumsum() / 10, 2)
    open_ = np.append(100.0, close[:-1])
    prices = {"open": open_, "high": np.maximum(open_, close), "low": np.minimum(open_, close), "close": close}
    table = pd.DataFrame({"open_time": opens[:N_BARS], "close_time": ends[:N_BARS]} | prices)
    return table.assign(volume=np.arange(1.0, N_BARS + 1))


def bars_of(timeframe: Timeframe, start: str) -> Bars:
    table = market(timeframe, None, start)
    return Bars(SYMBOL, timeframe, **{name: table[name].to_numpy() for name in COLUMNS})


def write_csv(path: Path, table: pd.DataFrame, shift: int, stamp: str, zone: str, *, newest_first: bool) -> None:
    time = pd.DatetimeIndex(table[f"{stamp}_time"] + shift, tz="UTC").tz_convert(ZoneInfo(zone))
    written = table[list(COLUMNS[1:])].assign(time=time.strftime("%Y-%m-%d %H:%M:%S.%f"))
    (written[::-1] if newest_first else written).to_csv(path, index=False)


def imported(path: Path, timeframe: str, *options: str) -> bool:
    given = [str(path), "--symbol", SYMBOL, "--timeframe", timeframe, *options]
    ended = CliRunner().invoke(data, ["import", *given])
    if ended.exit_code:
        assert isinstance(ended.exception, BadData | BadInput), ended.exception
    return ended.exit_code == 0


def imports(
    home: Path, table: pd.DataFrame, timeframe: str, shift: int, stamp: str, zone: str, newest_first: bool
) -> bool:
    write_csv(home / "part.csv", table, shift, stamp, zone, newest_first=newest_first)
    return imported(home / "part.csv", timeframe, "--stamp", stamp, "--timezone", zone)


@lru_cache(maxsize=256)
def clean_series(timeframe: str, sessions: str | None, start: str, stamp: str) -> tuple[tuple[int, float], ...] | None:
    """Close and volume of each bar of one whole file, as its market's own clock writes it; None: it is refused."""
    table, zone = market(parse_timeframe(timeframe), sessions, start), DAYS[sessions]
    with TemporaryDirectory() as folder:
        path = Path(folder, "whole.csv")
        write_csv(path, table, 0, stamp, zone, newest_first=False)
        try:
            bars, _ = read_file(
                path, symbol=SYMBOL, timeframe=parse_timeframe(timeframe), stamps=Stamps(stamp, timezone=zone)
            )
        except (BadData, BadInput):
            return None
    return tuple(zip(bars.close_time.tolist(), bars.volume.tolist(), strict=True))


def shows_other_midnights(table: pd.DataFrame, timeframe: Timeframe, stamp: str, zone: str, own: str) -> bool:
    """Tell whether days are written on another clock, on which they begin at midnight: they are read as its days."""
    local = pd.DatetimeIndex(table[f"{stamp}_time"], tz="UTC").tz_convert(zone)
    return timeframe.duration >= DAY and zone != own and bool((local == local.normalize()).all())


def assert_law(stored: Bars, truth: pd.DataFrame, earliest: int, own_clock: bool) -> None:
    """No bar opens before the one before it has closed, and none closes before its true end.

    The clocks may change in days that are written on another clock than that of their market.
    """
    hour = 0 if own_clock or stored.timeframe.duration < DAY else HOUR
    assert (stored.open_time[1:] >= stored.close_time[:-1] - hour).all()
    rows = stored.volume.astype(np.int64) - 1
    for name in COLUMNS[1:5]:
        np.testing.assert_array_equal(getattr(stored, name), truth[name].to_numpy()[rows])
    assert (stored.close_time >= truth["close_time"].to_numpy()[rows] + earliest - hour).all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    timeframe=st.sampled_from(["1m", "15m", "1h", "4h", "1d", "1w", "1M"]),
    sessions=st.sampled_from(list(DAYS)),
    start=st.sampled_from(STARTS),
    pieces=st.tuples(PIECES, PIECES),
)
def test_two_files_of_one_market_give_the_clean_series_or_a_refusal(
    tmp_path, monkeypatch, timeframe, sessions, start, pieces
):
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path))
    parsed, store = parse_timeframe(timeframe), BarStore(tmp_path / "bars")
    truth, path = market(parsed, sessions, start), store.path(SYMBOL, parsed)
    path.unlink(missing_ok=True)
    kept = []
    for (first, n), *written in pieces:
        if imports(tmp_path, truth[first : first + n], timeframe, *written):
            kept.append((slice(first, first + n), written))
    if not kept:
        return
    stored = store.load(SYMBOL, parsed)
    shifts = [shift for _, (shift, *_) in kept]
    assert_law(stored, truth, min(0, *shifts, 0), all(zone == DAYS[sessions] for _, (_, _, zone, _) in kept))
    if all(abs(shift) <= MILLISECOND for shift in shifts) and not any(
        shows_other_midnights(truth[rows], parsed, stamp, zone, DAYS[sessions]) for rows, (_, stamp, zone, _) in kept
    ):
        cleans = [clean_series(timeframe, sessions, start, stamp) for _, (_, stamp, *_) in kept]
        if None in cleans:
            return  # a bar that is shorter than the others can be stamped at its open only
        expected = {(time, row) for (rows, _), clean in zip(kept, cleans, strict=True)
                    for time, row in clean if row - 1 in range(N_BARS)[rows]}  # fmt: skip
        assert list(zip(stored.close_time.tolist(), stored.volume.tolist(), strict=True)) == sorted(expected)


def write_binance(path: Path, bars: Bars) -> None:
    start, end = bars.open_time // MILLISECOND, bars.close_time // MILLISECOND - 1
    rows = zip(start, *(getattr(bars, name) for name in COLUMNS[1:]), end, strict=True)
    path.write_text("\n".join(",".join(map(str, [*row, 1.0, 1, 1.0, 1.0, 0])) for row in rows))


def write_coinbase(path: Path, bars: Bars) -> None:
    columns = [bars.open_time // SECOND, bars.low, bars.high, bars.open, bars.close, bars.volume]
    rows = [[int(start), *map(float, values)] for start, *values in zip(*columns, strict=True)]
    path.write_text(json.dumps(rows[::-1]))


def write_metatrader(path: Path, bars: Bars) -> None:
    time = pd.DatetimeIndex(bars.open_time, tz="UTC").tz_convert("Europe/Athens")
    names = ("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<TICKVOL>")
    table = pd.DataFrame({"<DATE>": time.strftime("%Y.%m.%d"), "<TIME>": time.strftime("%H:%M:%S")})
    table = table.assign(**{name: getattr(bars, column) for name, column in zip(names, COLUMNS[1:], strict=True)})
    table.assign(**{"<VOL>": 0, "<SPREAD>": 1}).to_csv(path, sep="\t", index=False)


def write_yahoo(path: Path, bars: Bars) -> None:
    time = pd.DatetimeIndex(bars.open_time, tz="UTC")
    whole_days = bars.timeframe.duration == DAY
    table = pd.DataFrame({"Date": time.strftime("%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M:%S+00:00")})
    table = table.assign(**{name.capitalize(): getattr(bars, name) for name in COLUMNS[1:5]})
    table.assign(**{"Adj Close": bars.close, "Volume": bars.volume}).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("timeframe", "start"), [("15m", STARTS[0]), ("1h", STARTS[0]), ("1h", STARTS[1]), ("1d", STARTS[0])]
)
def test_four_vendors_stamps_of_one_market_are_the_same_closes_at_the_same_times(
    tmp_path, monkeypatch, timeframe, start
):
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path))
    bars = bars_of(parse_timeframe(timeframe), start)
    writers = {
        write_binance: (),
        write_coinbase: (),
        write_metatrader: ("--timezone", "Europe/Athens"),
        write_yahoo: (),
    }
    for write, options in writers.items():
        path = tmp_path / ("candles.json" if write is write_coinbase else "bars.csv")
        write(path, bars)
        assert imported(path, timeframe, *options, "--replace"), write.__name__
        stored = BarStore(tmp_path / "bars").load("X-USD", bars.timeframe)
        assert stored.fingerprint == bars.fingerprint, write.__name__
