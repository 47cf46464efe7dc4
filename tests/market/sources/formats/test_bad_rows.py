"""Rows that cannot be bars: left out and counted, or refused with the first five shown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from tradesieve.market.bars import VALUES, Bars
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.sources.reading import read_columns, read_file
from tradesieve.market.sources.vendors.base import ReadOptions
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data import data

MINUTE = parse_timeframe("1m")
BARS = SyntheticMarket(n_days=1, timeframe=MINUTE).generate("BTC-USD")[0][:60]


def table() -> pd.DataFrame:
    frame = pd.DataFrame({name: getattr(BARS, name) for name in VALUES})
    return frame.assign(time=pd.to_datetime(BARS.open_time, utc=True))


def read(frame: pd.DataFrame, folder: Path, **options: str) -> tuple[Bars, tuple[str, ...]]:
    frame.to_parquet(folder / "a.parquet")
    bars, notes = read_file(folder / "a.parquet", symbol="BTC-USD", timeframe=MINUTE, **options)  # type: ignore[arg-type]
    return bars, tuple(note for note in notes if "--stamp close" not in note)  # said wherever the default is used


def test_rows_that_repeat_an_earlier_one_are_left_out(tmp_path):
    frame = table()
    bars, notes = read(pd.concat([frame[:10], frame[3:]], ignore_index=True), tmp_path)
    assert bars.fingerprint == BARS.fingerprint
    (note,) = notes
    assert note.startswith("left out 7 rows repeating an earlier one: row 10 at ")
    assert note.count(" at ") == 5
    assert note.endswith(", ...")


def test_a_table_whose_newest_row_comes_first_may_repeat_rows_too(tmp_path):
    frame = pd.concat([table()[:10], table()[9:]])[::-1].reset_index(drop=True)
    bars, notes = read(frame, tmp_path)
    assert bars.fingerprint == BARS.fingerprint
    assert notes[0] == "the newest row came first: reversed"
    assert notes[1].startswith("left out 1 row repeating an earlier one: row 50 at "), "the number is the file's"
    columns, _, notes = read_columns(tmp_path / "a.parquet", ReadOptions(MINUTE))
    assert (len(columns["close_time"]), notes[-1]) == (61, "the newest row came first: reversed")


@pytest.mark.parametrize("price", ["open", "high", "low", "close"])
def test_rows_without_a_price_are_left_out(tmp_path, price):
    frame = table()
    frame.loc[[3, 7], price] = None
    bars, notes = read(frame, tmp_path)
    kept = frame[price].notna().to_numpy()
    assert bars.fingerprint == BARS.where(kept).fingerprint
    assert notes[0].startswith("left out 2 rows without a price: row 3 at ")


def test_a_missing_volume_is_none_and_said(tmp_path):
    frame = table()
    frame.loc[[0, 59], "volume"] = None
    bars, notes = read(frame, tmp_path)
    assert (len(bars), bars.volume[0], bars.volume[59]) == (60, 0.0, 0.0)
    assert notes[0].startswith("2 rows without a volume, stored as 0: row 0 at ")


@pytest.mark.parametrize(
    ("column", "value", "law"),
    [
        ("open", 1e9, "has a high below its open or close"),
        ("low", -1.0, "has a price that is not positive"),
        ("close", float("inf"), "has a missing value"),
        ("volume", -1.0, "has a negative volume"),
    ],
)
def test_rows_that_break_a_law_are_refused_or_dropped(tmp_path, column, value, law):
    frame = table()
    frame.loc[frame.index[10:18], column] = value
    with pytest.raises(BadData, match=rf"a\.parquet: BTC-USD: row 10 at .* {law}: ") as refused:
        read(frame, tmp_path)
    assert str(refused.value).count("; row ") == 4, "the first five are shown"
    assert "; and 3 more; --bad-rows drop leaves out such rows" in str(refused.value)
    bars, notes = read(frame, tmp_path, bad_rows="drop")
    assert bars.fingerprint == BARS.where(~frame.index.isin(range(10, 18))).fingerprint
    assert notes[0].startswith(f"left out 8 rows whose bar {law}: row 10 at ")


def test_two_rows_that_differ_at_one_time_are_always_refused(tmp_path):
    frame = pd.concat([table()[:5], table()[4:]], ignore_index=True)
    frame.loc[5, "volume"] = 7.0
    for bad_rows in ("refuse", "drop"):
        with pytest.raises(BadData, match=r"BTC-USD: row 5 at .* has the same time as the row before it") as refused:
            read(frame, tmp_path, bad_rows=bad_rows)
        assert str(refused.value).endswith("; which of these rows is right is not known: correct the file")
        assert "--bad-rows" not in str(refused.value)


def test_a_table_of_nothing_but_bad_rows_is_refused(tmp_path):
    with pytest.raises(BadData, match="no row has an open, high, low and close"):
        read(table().assign(close=None), tmp_path)
    with pytest.raises(BadData, match="BTC-USD: every row breaks a law of bars; the first has a negative volume"):
        read(table().assign(volume=-1.0), tmp_path, bad_rows="drop")
    with pytest.raises(BadInput, match="refuse or drop, not 'keep'"):
        read(table(), tmp_path, bad_rows="keep")


def test_the_published_shapes_are_read_as_they_mean(shared_data):
    formats = shared_data / "formats"
    for name in ("bad_double.csv", "dupdiff.csv"):
        timeframe = parse_timeframe("1h" if name == "bad_double.csv" else "1m")
        assert any(
            note.startswith("left out 1 row repeating an earlier one")
            for note in read_file(formats / name, symbol="X", timeframe=timeframe)[1]
        )
    assert len(read_file(formats / "nanvol.csv", symbol="X", timeframe=MINUTE)[0]) == 2
    with pytest.raises(BadData, match="X: row 1 at 2020-04-21T00:00:00Z has a price that is not positive"):
        read_file(formats / "oil.csv", symbol="X", timeframe=parse_timeframe("1d"))


def test_the_command_drops_and_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    frame = table()
    frame.loc[4, "low"] = -1.0
    frame.to_csv(tmp_path / "a.csv", index=False)
    arguments = ["import", str(tmp_path / "a.csv"), "--symbol", "BTC-USD", "--timeframe", "1m"]
    assert "--bad-rows drop leaves out such rows" in str(CliRunner().invoke(data, arguments).exception)
    shown = CliRunner().invoke(data, [*arguments, "--bad-rows", "drop"])
    assert shown.exit_code == 0, shown.output
    assert "left out 1 row whose bar has a price that is not positive: row 4 at " in shown.output
