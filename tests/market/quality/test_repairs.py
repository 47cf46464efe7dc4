"""Repairs put right what was planted, are written down, are undone bit for bit, and survive a kill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tradesieve.market.bars import COLUMNS, Bars, format_time
from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.quality.defects import find_bad_prints, find_filled, find_frozen, find_splits
from tradesieve.market.quality.repairs import REPAIRS, repair_bars
from tradesieve.market.sources.reading import read_file
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

ROOT = Path(__file__).resolve().parents[3]
ASKED = "2026-01-01T00:00:00Z"
MINUTES = parse_timeframe("5m")


def clean(n_days: int = 20, timeframe: str = "5m") -> Bars:
    return SyntheticMarket(n_days=n_days, timeframe=parse_timeframe(timeframe)).generate("AAA")[0]


def changed(bars: Bars, **columns: np.ndarray) -> Bars:
    return Bars(bars.symbol, bars.timeframe, **{name: getattr(bars, name) for name in COLUMNS} | columns)


def with_print(bars: Bars, row: int = 1000, factor: float = 1.4) -> Bars:
    high = bars.high.copy()
    high[row] *= factor
    return changed(bars, high=high)


def with_split(bars: Bars, row: int, ratio: float) -> Bars:
    columns = {name: getattr(bars, name).copy() for name in COLUMNS[1:]}
    for name in ("open", "high", "low", "close"):
        columns[name][:row] *= ratio
    columns["volume"][:row] /= ratio
    return changed(bars, **columns)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def equal(one: Bars, other: Bars) -> bool:
    return one.fingerprint == other.fingerprint


# -- the pure functions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPAIRS)
def test_clean_bars_are_left_alone(name: str) -> None:
    bars = clean()
    repaired, records = repair_bars(bars, [name], requested_at=ASKED)
    assert repaired is bars
    assert records == []


def test_a_bad_wick_is_clipped_and_nothing_else_is_touched() -> None:
    bars = clean()
    dirty = with_print(bars)
    repaired, (record,) = repair_bars(dirty, ["bad_prints"], requested_at=ASKED)
    neighbours = np.r_[997:1000, 1001:1004]
    clipped = max(bars.high[neighbours].max(), bars.open[1000], bars.close[1000])
    assert equal(repaired, changed(bars, high=np.where(np.arange(len(bars)) == 1000, clipped, bars.high)))
    assert (record["fix"], record["asked"], record["n_changes"]) == ("bad_prints", ASKED, 1)
    assert record["fingerprint_before"] == dirty.fingerprint
    assert record["changes"] == [
        {"time": format_time(bars.close_time[1000]), "column": "high", "before": dirty.high[1000], "after": clipped}
    ]
    assert len(find_bad_prints(repaired).row) == 0


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_bar_that_is_wrong_as_a_whole_comes_back_to_its_neighbours(factor: float) -> None:
    bars = clean()
    prices = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for values in prices.values():
        values[[700, 701]] *= factor
    repaired, _ = repair_bars(changed(bars, **prices), ["bad_prints"], requested_at=ASKED)
    around = np.r_[697:700, 702:705]
    for row in (700, 701):
        assert bars.low[around].min() <= repaired.low[row] <= repaired.high[row] <= bars.high[around].max()
    assert repaired.volume.tolist() == bars.volume.tolist()
    assert len(find_bad_prints(repaired).row) == 0


def test_splits_are_adjusted_for_prices_and_volumes() -> None:
    bars = clean(n_days=300, timeframe="1d")
    dirty = with_split(with_split(bars, 100, 2.0), 200, 4.0)
    repaired, (record,) = repair_bars(dirty, ["splits"], requested_at=ASKED)
    for name in COLUMNS[1:]:
        np.testing.assert_allclose(getattr(repaired, name), getattr(bars, name), rtol=1e-12)
    assert [(change["split"], change["bars_before"]) for change in record["changes"]] == [("2:1", 100), ("4:1", 200)]
    assert find_splits(repaired) == ()


def test_frozen_and_filled_bars_are_taken_out() -> None:
    bars = clean()
    columns = {name: getattr(bars, name).copy() for name in COLUMNS[1:]}
    for name in COLUMNS[1:]:
        columns[name][101:104] = columns[name][100]
    for name in ("open", "high", "low", "close"):
        columns[name][301:306] = columns["close"][300]
    columns["volume"][301:306] = 0
    dirty = changed(bars, **columns)
    repaired, records = repair_bars(dirty, ["filled", "frozen"], requested_at=ASKED)
    assert [(record["fix"], record["n_changes"]) for record in records] == [("frozen", 3), ("filled", 5)]
    assert set(dirty.close_time) - set(repaired.close_time) == set(dirty.close_time[np.r_[101:104, 301:306]])
    assert len(find_frozen(repaired).start) == len(find_filled(repaired).start) == 0


def test_a_repair_that_does_not_exist_is_named() -> None:
    with pytest.raises(Unknown, match=r"unknown repair 'split': did you mean 'splits'\?"):
        repair_bars(clean(), ["split"], requested_at=ASKED)
    with pytest.raises(BadInput, match="no repair is named"):
        repair_bars(clean(), [], requested_at=ASKED)


def test_real_splits_and_bad_prints_are_repaired(shared_data) -> None:
    path = shared_data / "dev" / "equity_1d" / "lean_AAPL_1d.parquet"
    bars = read_file(path, symbol="AAPL", timeframe=parse_timeframe("1d"))[0]
    repaired, records = repair_bars(bars, ["splits", "bad_prints"], requested_at=ASKED)
    assert [record["n_changes"] for record in records] == [3, 4]
    assert find_splits(repaired) == ()
    # 2 x 2 x 7 x 4 = 112 of today's shares for one of 1998.
    assert bars.close[0] / repaired.close[0] == pytest.approx(112)
    # The crash of September 2000 is no split, and stays.
    assert (np.diff(repaired.close) / repaired.close[:-1]).min() == pytest.approx(-0.516, abs=0.001)


# -- the store ---------------------------------------------------------------------------------------------------------


def fix(store: BarStore, *names: str, timeframe: str = "5m") -> list:
    def change(bars: Bars) -> tuple[Bars, list]:
        return repair_bars(bars, names, requested_at=ASKED)

    return store.repair("AAA", parse_timeframe(timeframe), change)


def test_a_repair_is_written_down_and_undone_byte_for_byte(tmp_path) -> None:
    store, dirty = BarStore(tmp_path), with_print(clean())
    store.append(dirty)
    before = files_of(tmp_path)
    records = fix(store, "bad_prints")
    assert store.repairs("AAA", MINUTES) == tuple(records)
    assert store.list() == [("AAA", MINUTES)], "the original is no bars of its own"
    assert equal(store.load("AAA", MINUTES), repair_bars(dirty, ["bad_prints"], requested_at=ASKED)[0])
    assert store.undo_repairs("AAA", MINUTES) == 1
    assert files_of(tmp_path) == before
    assert store.repairs("AAA", MINUTES) == ()
    with pytest.raises(BadInput, match="not repaired"):
        store.undo_repairs("AAA", MINUTES)


def test_nothing_to_repair_writes_nothing(tmp_path) -> None:
    store = BarStore(tmp_path)
    store.append(clean())
    before = files_of(tmp_path)
    assert fix(store, *REPAIRS) == []
    assert files_of(tmp_path) == before


def test_bars_that_are_added_later_keep_the_repair_and_outlive_its_undoing(tmp_path) -> None:
    store, dirty = BarStore(tmp_path), with_print(clean())
    store.append(dirty[:3000])
    fix(store, "bad_prints")
    assert store.append(dirty) == len(dirty) - 3000, "what was known before the repair is passed over"
    assert len(store.repairs("AAA", MINUTES)) == 1
    assert equal(store.load("AAA", MINUTES), repair_bars(dirty, ["bad_prints"], requested_at=ASKED)[0])
    store.undo_repairs("AAA", MINUTES)
    assert equal(store.load("AAA", MINUTES), dirty)


def test_two_repairs_with_bars_between_them_are_undone_together(tmp_path) -> None:
    store, dirty = BarStore(tmp_path), with_print(with_print(clean()), 4000)
    store.append(dirty[:3000])
    fix(store, "bad_prints")
    store.append(dirty[3000:])
    fix(store, "bad_prints")
    assert [record["n_changes"] for record in store.repairs("AAA", MINUTES)] == [1, 1]
    assert store.append(dirty) == 0
    assert store.undo_repairs("AAA", MINUTES) == 2
    assert equal(store.load("AAA", MINUTES), dirty)


def test_other_values_are_still_a_conflict(tmp_path) -> None:
    store, dirty = BarStore(tmp_path), with_print(clean())
    store.append(dirty)
    fix(store, "bad_prints")
    before = files_of(tmp_path)
    with pytest.raises(BadData, match="volume at"):
        store.append(changed(dirty, volume=dirty.volume + 1))
    assert files_of(tmp_path) == before


def test_older_bars_of_other_shares_are_refused(tmp_path) -> None:
    store, dirty = BarStore(tmp_path), with_split(clean(300, "1d"), 200, 4.0)
    store.append(dirty[50:])
    fix(store, "splits", timeframe="1d")
    with pytest.raises(BadData, match="older than the split"):
        store.append(dirty)
    store.undo_repairs("AAA", dirty.timeframe)
    assert store.append(dirty) == 50


def test_forgetting_what_is_stored_forgets_the_repair(tmp_path) -> None:
    store, dirty = BarStore(tmp_path), with_print(clean())
    store.append(dirty)
    fix(store, "bad_prints")
    store.append(dirty[:500], replace=True)
    assert store.repairs("AAA", MINUTES) == ()
    assert list(files_of(tmp_path)) == ["AAA/5m.parquet"]


def test_an_original_that_is_gone_is_told(tmp_path) -> None:
    store = BarStore(tmp_path)
    store.append(with_print(clean()))
    fix(store, "bad_prints")
    (tmp_path / "AAA" / "5m.original.parquet").unlink()
    with pytest.raises(BadInput, match=r"5m\.original\.parquet"):
        store.undo_repairs("AAA", MINUTES)


_KILLED = """
import os, signal, sys
from pathlib import Path
from tradesieve.market.quality.repairs import repair_bars
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import parse_timeframe

store, timeframe = BarStore(Path(sys.argv[1])), parse_timeframe("5m")
left, after, replace = int(sys.argv[3]), sys.argv[4] == "after", os.replace

def killed(*names):
    global left
    left -= 1
    if left == 0 and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

os.replace = killed
if sys.argv[2] == "repair":
    store.repair("AAA", timeframe, lambda bars: repair_bars(bars, ["bad_prints"], requested_at="now"))
else:
    store.undo_repairs("AAA", timeframe)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("doing", "step"), [("repair", 1), ("repair", 2), ("undo", 1), ("undo with more", 1)])
def test_a_kill_leaves_the_bars_as_before_or_as_after(tmp_path, doing: str, step: int, moment: str) -> None:
    store, dirty = BarStore(tmp_path), with_print(clean(6))
    repaired = repair_bars(dirty, ["bad_prints"], requested_at=ASKED)[0]
    store.append(dirty[:1500] if doing == "undo with more" else dirty)
    if doing != "repair":
        fix(store, "bad_prints")
        store.append(dirty)
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path), doing.split()[0], str(step), moment], cwd=ROOT, check=False
    )
    assert done.returncode == -9
    is_repaired = equal(store.load("AAA", MINUTES), repaired)
    assert is_repaired or equal(store.load("AAA", MINUTES), dirty)
    assert is_repaired == bool(store.repairs("AAA", MINUTES))
    # Whatever it left behind, both ways are open.
    if is_repaired:
        store.undo_repairs("AAA", MINUTES)
        assert equal(store.load("AAA", MINUTES), dirty)
    fix(store, "bad_prints")
    assert equal(store.load("AAA", MINUTES), repaired)
    store.undo_repairs("AAA", MINUTES)
    assert equal(store.load("AAA", MINUTES), dirty)
    assert not [name for name in files_of(tmp_path) if "/." in name]
