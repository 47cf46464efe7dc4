"""Bad files and tables: each is refused in one line, and nothing is stored of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import Command, Ended, State, frame_of, refuses
from tradesieve.market.bars import Bars


def with_value(frame: pd.DataFrame, column: str, row: int, value: float) -> pd.DataFrame:
    changed = frame.astype({column: np.float64})
    changed.loc[row, column] = value
    return changed


def turned(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame.index.to_numpy().copy()
    rows[[3, 4]] = rows[[4, 3]]
    return frame.loc[rows].reset_index(drop=True)


BAD_TABLES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "no close": (lambda frame: frame.drop(columns="close"), "no column close"),
    "no time": (lambda frame: frame.drop(columns="time"), "no column time"),
    "no column at all": (
        lambda frame: pd.DataFrame({"a": [1], "b": [2]}),
        "no column time, open, high, low, close, volume",
    ),
    "unknown unit": (lambda frame: frame.assign(time=np.arange(len(frame))), "column time holds 0"),
    "text for time": (lambda frame: frame.assign(time="soon"), "'soon'"),
    "missing time": (lambda frame: with_value(frame, "time", 5, np.nan), "the time of row 5 is missing"),
    "negative price": (lambda frame: with_value(frame, "low", 7, -1.0), "row 7"),
    "zero price": (lambda frame: with_value(frame, "low", 7, 0.0), "row 7"),
    "infinite price": (lambda frame: with_value(frame, "high", 7, np.inf), "row 7"),
    "negative volume": (lambda frame: with_value(frame, "volume", 7, -1.0), "row 7"),
    "high below low": (lambda frame: with_value(frame, "high", 7, 0.01), "row 7"),
    "text for price": (lambda frame: frame.astype({"open": object}).assign(open="dear"), "'dear' in column open"),
    "unsorted": (turned, "row 4"),
    "two rows at one time": (
        lambda frame: with_value(pd.concat([frame[:5], frame[4:]], ignore_index=True), "volume", 5, 1e9),
        "row 5",
    ),
    "empty": (lambda frame: frame[:0], "empty"),
    "other timeframe": (lambda frame: frame.assign(time=frame["time"] * 1 - np.arange(len(frame)) * 600), "15m"),
}


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_wrong_table_is_refused(
    run: Command, home: Path, folder_state: State, tmp_path: Path, small_bars: Bars, case: str, suffix: str
) -> None:
    spoil, said = BAD_TABLES[case]
    path = tmp_path / f"bars{suffix}"
    frame = spoil(frame_of(small_bars[:100]))
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    before = folder_state(home)
    ended = run("data", "import", path, "--symbol", "NEW", "--timeframe", "15m", home=home)
    refuses(ended, path.name if "row" not in said else "", said)
    assert folder_state(home) == before


def test_the_table_that_the_cases_spoil_is_right(run: Command, tmp_path: Path, small_bars: Bars) -> None:
    """The alarm: it is the fault that is refused, not the table."""
    for suffix in (".parquet", ".csv"):
        path = tmp_path / f"bars{suffix}"
        frame = frame_of(small_bars[:100])
        frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
        found = run("data", "import", path, "--symbol", "NEW", "--timeframe", "15m", "--json").json()
        assert found["files"][0]["bars"] == 100
    assert found["files"][0]["new"] == 0


def test_a_wrong_file_is_refused(run: Command, home: Path, folder_state: State, tmp_path: Path) -> None:
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "text.parquet").write_text("no parquet at all")
    (tmp_path / "bytes.csv").write_bytes(bytes(range(256)))
    (tmp_path / "sheet.xlsx").write_bytes(b"PK")
    (tmp_path / "folder.parquet").mkdir()
    before = folder_state(home)
    names = ["none.parquet", "none.csv", *(path.name for path in sorted(tmp_path.iterdir()) if path.name != "home")]
    assert len(names) == 8
    for name in names:
        refuses(run("data", "import", tmp_path / name, "--symbol", "NEW", "--timeframe", "15m", home=home), name)
    assert folder_state(home) == before


def test_wrong_options_of_an_import_are_refused(
    run: Command, home: Path, folder_state: State, tmp_path: Path, small_bars: Bars
) -> None:
    path = tmp_path / "bars.parquet"
    frame_of(small_bars[:100]).to_parquet(path)
    before = folder_state(home)

    def importing(*arguments: str) -> Ended:
        given = ["--symbol", "NEW", "--timeframe", "15m", *arguments]
        return run("data", "import", path, *given, home=home)

    refuses(importing("--time-unit", "weeks"), "time unit 'weeks'")
    refuses(importing("--time-unit", "ns"), "less than the timeframe 15m")
    refuses(importing("--timezone", "Mars"), "time zone 'Mars'")
    refuses(importing("--stamp", "middle"), "middle")
    refuses(importing("--timeframe", "15x"), "timeframe '15x'")
    refuses(importing("--timeframe", "1h"), "1h")
    refuses(importing("--symbol", "../../etc"), "symbol '../../etc'")
    refuses(importing("--symbol", ""), "symbol ''")
    assert folder_state(home) == before


def test_one_wrong_file_among_good_ones_stores_nothing(
    run: Command, home: Path, folder_state: State, tmp_path: Path, small_bars: Bars
) -> None:
    frame_of(small_bars[:100]).to_parquet(tmp_path / "good.parquet")
    with_value(frame_of(small_bars[100:200]), "low", 7, -1.0).to_parquet(tmp_path / "bad.parquet")
    before = folder_state(home)
    files = [tmp_path / "good.parquet", tmp_path / "bad.parquet"]
    refuses(run("data", "import", *files, "--symbol", "NEW", "--timeframe", "15m", home=home), "row 7")
    assert folder_state(home) == before


def test_files_that_contradict_each_other_store_nothing(
    run: Command, home: Path, folder_state: State, tmp_path: Path, small_bars: Bars
) -> None:
    """The second file of one import says otherwise about a bar of the first, or about a stored one."""
    frame_of(small_bars[:100]).to_parquet(tmp_path / "one.parquet")
    other = frame_of(small_bars[50:150])
    other.loc[3, "volume"] += 1.0
    other.to_parquet(tmp_path / "two.parquet")
    before = folder_state(home)
    files = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    refuses(run("data", "import", *files, "--symbol", "NEW", "--timeframe", "15m", home=home), "volume", "--replace")
    refuses(run("data", "import", files[1], "--symbol", "AAA", "--timeframe", "15m", home=home), "volume", "--replace")
    assert folder_state(home) == before
