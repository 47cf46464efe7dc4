from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unwritable import as_nobody, no_room
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.storage.files import atomic_write
from tradesieve.market.timeframes import parse_timeframe

MINUTE = parse_timeframe("1m")
ROOT = Path(__file__).resolve().parents[3]


def minutes(first: int, last: int, *, symbol: str = "BTC-USD") -> Bars:
    """Make bars whose values follow from their minute alone, so that two makers agree."""
    number = np.arange(first, last, dtype=np.int64)
    price = 100.0 + number % 7
    return Bars(symbol, MINUTE, number * MINUTE.duration, price, price + 1, price - 1, price, number % 5 + 0.5)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_stored_comes_back_bit_for_bit(tmp_path):
    store = BarStore(tmp_path / "bars")
    assert store.append(minutes(1, 500)) == 499
    loaded = store.load("BTC-USD", MINUTE)
    assert loaded.fingerprint == minutes(1, 500).fingerprint
    assert store.span("BTC-USD", MINUTE) == (MINUTE.duration, 499 * MINUTE.duration, 499)


@pytest.mark.parametrize(
    ("parts", "new"),
    [
        ([(1, 50), (50, 90)], 40),  # after
        ([(50, 90), (1, 50)], 49),  # before
        ([(1, 30), (60, 90), (20, 70)], 30),  # into a gap, overlapping both sides
        ([(1, 90), (20, 40)], 0),  # all known
    ],
)
def test_equal_overlap_is_passed_over_wherever_it_lies(tmp_path, parts, new):
    store = BarStore(tmp_path)
    for first, last in parts[:-1]:
        store.append(minutes(first, last))
    assert store.append(minutes(*parts[-1])) == new
    assert store.load("BTC-USD", MINUTE).fingerprint == minutes(1, 90).fingerprint


def test_a_conflict_names_the_first_bar_and_changes_nothing(tmp_path):
    store = BarStore(tmp_path)
    store.append(minutes(1, 50))
    other = {name: getattr(minutes(40, 60), name).copy() for name in COLUMNS}
    other["volume"][3] = 99.0  # minute 43: the first conflict, in the last column
    other["open"][5] += 0.5
    before = files_of(tmp_path)
    with pytest.raises(BadData, match=r"volume at 1970-01-01T00:43:00Z is 99, but 3.5 is stored \(2 such bars\)"):
        store.append(Bars("BTC-USD", MINUTE, **other))
    assert files_of(tmp_path) == before


def test_replace_forgets_what_was_stored_even_when_it_is_broken(tmp_path):
    store = BarStore(tmp_path)
    store.append(minutes(1, 50))
    assert store.append(minutes(30, 60), replace=True) == 30
    assert store.span("BTC-USD", MINUTE)[2] == 30
    store.path("BTC-USD", MINUTE).write_bytes(b"PAR1 but no more")
    assert store.append(minutes(1, 9), replace=True) == 8
    assert store.span("BTC-USD", MINUTE)[2] == 8


def test_a_longer_timeframe_comes_from_the_longest_that_divides_it(tmp_path):
    store = BarStore(tmp_path)
    store.append(minutes(1, 3 * 60 + 1))
    five = store.load("BTC-USD", parse_timeframe("5m"))
    assert len(five) == 36
    # The hour is built from these five-minute bars when they are stored, not from minutes.
    doubled = Bars(
        "BTC-USD", five.timeframe, five.close_time, five.open, five.high, five.low, five.close, five.volume * 2
    )
    store.append(doubled)
    assert store.load("BTC-USD", parse_timeframe("1h")).volume.sum() == pytest.approx(doubled.volume.sum())
    assert store.load("BTC-USD", MINUTE).fingerprint == minutes(1, 181).fingerprint
    assert store.list() == [("BTC-USD", MINUTE), ("BTC-USD", five.timeframe)]


def test_bars_that_are_not_stored_are_told_with_what_is(tmp_path):
    store = BarStore(tmp_path / "nowhere")
    assert store.list() == []
    with pytest.raises(BadInput, match=r"no bars of BTC-USD at 1m or shorter are stored; stored: nothing.*data import"):
        store.load("BTC-USD", MINUTE)
    assert not (tmp_path / "nowhere").exists(), "asking leaves nothing behind"
    store.append(minutes(1, 9))
    with pytest.raises(BadInput, match="stored: BTC-USD 1m"):
        store.load("ETH-USD", MINUTE)
    with pytest.raises(BadInput, match="no bars of BTC-USD that make up 30s are stored; stored: BTC-USD 1m"):
        store.load("BTC-USD", parse_timeframe("30s"))
    with pytest.raises(BadInput, match="no bars of ETH-USD at 1m are stored"):
        store.span("ETH-USD", MINUTE)


def test_series_are_checked_without_being_read(tmp_path):
    store = BarStore(tmp_path)
    store.append(minutes(1, 9))
    five = parse_timeframe("5m")
    store.path("BTC-USD", MINUTE).write_bytes(b"nothing that can be read")
    store.check([("BTC-USD", MINUTE), ("BTC-USD", five)])
    missing = [("BTC-USD", five), ("BTC-USDT", five), ("ETH-USD", five)]
    with pytest.raises(BadInput, match="no bars of BTC-USDT at 5m or shorter are stored; did you mean 'BTC-USD'"):
        store.check(missing)
    with pytest.raises(BadInput, match="no bars of ETH-USD at 5m or shorter are stored; stored: BTC-USD 1m"):
        store.check(missing[2:])


@pytest.mark.parametrize("symbol", ["", "../up", "BTC/USD", ".hidden", "a b", "-x", "x\n"])
def test_a_symbol_that_is_no_file_name_is_refused(tmp_path, symbol):
    with pytest.raises(BadInput, match="is not valid"):
        BarStore(tmp_path).append(minutes(1, 5, symbol=symbol))
    assert list(tmp_path.iterdir()) == []


def test_strange_files_are_passed_over(tmp_path):
    store = BarStore(tmp_path)
    store.append(minutes(1, 9))
    for name in ("notes.parquet", "60m.parquet", "copy of 1m.parquet", ".1m.parquet.4242"):
        (tmp_path / "BTC-USD" / name).write_bytes(b"?")
    (tmp_path / "two words").mkdir()
    (tmp_path / "two words" / "1m.parquet").write_bytes(b"?")
    assert store.list() == [("BTC-USD", MINUTE)]
    assert len(store.load("BTC-USD", parse_timeframe("2m"))) == 4


def test_a_stored_file_that_is_broken_is_named_with_the_way_out(tmp_path):
    store = BarStore(tmp_path)
    store.append(minutes(1, 500))
    path = store.path("BTC-USD", MINUTE)
    whole = path.read_bytes()
    for broken in (b"", b"no parquet at all", whole[: len(whole) // 2], whole[:40] + b"\0" * 200 + whole[240:]):
        path.write_bytes(broken)
        with pytest.raises(BadInput, match=r"1m.parquet: the stored bars cannot be read: .*--replace"):
            store.load("BTC-USD", MINUTE)
        with pytest.raises(BadInput, match=r"cannot be read"):
            store.append(minutes(500, 510))
        assert path.read_bytes() == broken
    pq.write_table(pa.table({"close_time": [1], "open": [1.0]}), path)
    with pytest.raises(BadInput, match=r"cannot be read: .*high"):
        store.load("BTC-USD", MINUTE)


@pytest.mark.parametrize("room", [0, 100, 1500])
def test_a_full_disk_leaves_the_store_as_it_was(tmp_path, room):
    store = BarStore(tmp_path)
    store.append(minutes(1, 2000))
    before = files_of(tmp_path)
    with no_room(room), pytest.raises(BadInput, match=r"1m.parquet: cannot be written: .*nothing was changed"):
        store.append(minutes(1, 4000))
    assert files_of(tmp_path) == before
    assert store.append(minutes(1, 4000)) == 2000


def test_several_symbols_are_stored_together_or_not_at_all(tmp_path):
    store = BarStore(tmp_path)
    store.append(minutes(1, 50, symbol="ZZZ-USD"))
    before = files_of(tmp_path)
    parts = [minutes(40, 60, symbol="AAA-USD"), minutes(1, 4000, symbol="ZZZ-USD")]
    with no_room(2200), pytest.raises(BadInput, match=r"ZZZ-USD.*cannot be written"):
        store.append_all(parts)
    other = replace(parts[1], volume=parts[1].volume + 1)
    with pytest.raises(BadData, match=r"^ZZZ-USD 1m: volume"):
        store.append_all([parts[0], other])
    assert store.count_new(parts) == (20, 3950)
    assert files_of(tmp_path) == before
    assert store.append_all(parts) == (20, 3950)
    assert [symbol for symbol, _ in store.list()] == ["AAA-USD", "ZZZ-USD"]


def test_a_folder_that_cannot_be_written_is_named_and_stays_as_it_was():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = BarStore(folder)
        store.append(minutes(1, 50))
        before = files_of(folder)
        for path in (folder / "BTC-USD", folder):
            path.chmod(0o555)
        try:
            with as_nobody():
                assert store.load("BTC-USD", MINUTE).fingerprint == minutes(1, 50).fingerprint
                for symbol in ("BTC-USD", "ETH-USD"):
                    with pytest.raises(BadInput, match=rf"{name}.*{symbol}.*cannot be written.*nothing was changed"):
                        store.append(minutes(40, 60, symbol=symbol))
        finally:
            for path in (folder, folder / "BTC-USD"):
                path.chmod(0o755)
        assert files_of(folder) == before


def test_a_file_where_the_folder_should_be_is_named(tmp_path):
    (tmp_path / "bars").write_text("in the way")
    with pytest.raises(BadInput, match="cannot be written"):
        BarStore(tmp_path / "bars").append(minutes(1, 5))
    assert (tmp_path / "bars").read_text() == "in the way"


def run_python(code: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


APPEND = """
import sys
from pathlib import Path
import numpy as np
from tradesieve.market.bars import Bars
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import parse_timeframe
MINUTE = parse_timeframe("1m")
for first in range(int(sys.argv[2]), 400, 20):
    number = np.arange(first, first + 10, dtype=np.int64)
    price = 100.0 + number % 7
    time, volume = number * MINUTE.duration, number % 5 + 0.5
    bars = Bars("BTC-USD", MINUTE, time, price, price + 1, price - 1, price, volume)
    BarStore(Path(sys.argv[1])).append(bars)
"""


def test_two_processes_that_append_at_once_lose_nothing(tmp_path):
    running = [run_python(APPEND, tmp_path, first) for first in (0, 10)]
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert BarStore(tmp_path).load("BTC-USD", MINUTE).fingerprint == minutes(0, 400).fingerprint


CRASH = """
import os, signal, sys
from pathlib import Path
from tradesieve.market.storage.files import atomic_write
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"PAR1 half of a")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_crash_leaves_the_old_file_and_the_next_append_tidies_up(tmp_path):
    store = BarStore(tmp_path)
    store.append(minutes(1, 50))
    path = store.path("BTC-USD", MINUTE)
    before = path.read_bytes()
    process = run_python(CRASH, path)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert len(list(path.parent.glob(".1m.parquet.*"))) == 1, "the half file lies beside it, under another name"
    assert store.append(minutes(50, 60)) == 10
    assert list(path.parent.glob(".1m.parquet.*")) == []
    assert store.load("BTC-USD", MINUTE).fingerprint == minutes(1, 60).fingerprint


def test_a_block_that_fails_changes_nothing(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]
    assert path.read_text() == "old"
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert files_of(tmp_path) == {"result.json": b"new"}


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        (10, 20, [*range(1, 11), *range(21, 31)]),  # bars that close after the start, up to the end
        (None, 20, [*range(21, 31)]),
        (20, None, [*range(1, 21)]),
        (40, 50, [*range(1, 31)]),
    ],
)
def test_a_stretch_is_removed_and_the_rest_stays(tmp_path, start, end, left):
    store = BarStore(tmp_path)
    store.append(minutes(1, 31))
    times = [None if minute is None else minute * MINUTE.duration for minute in (start, end)]
    assert store.remove("BTC-USD", MINUTE, *times) == 30 - len(left)
    assert (store.load("BTC-USD", MINUTE).close_time // MINUTE.duration).tolist() == left
    assert store.append(minutes(1, 31)) == 30 - len(left)
    assert store.load("BTC-USD", MINUTE).fingerprint == minutes(1, 31).fingerprint


def test_a_series_without_a_bar_left_is_no_longer_stored(tmp_path):
    store = BarStore(tmp_path / "bars")
    store.append(minutes(1, 31))
    store.append(minutes(1, 31, symbol="ETH-USD"))
    assert store.remove("BTC-USD", MINUTE) == 30
    assert store.list() == [("ETH-USD", MINUTE)]
    assert list(files_of(tmp_path / "bars")) == ["ETH-USD/1m.parquet"]
    with pytest.raises(BadInput, match="no bars of BTC-USD at 1m are stored"):
        store.remove("BTC-USD", MINUTE)


def test_what_is_removed_from_repaired_bars_does_not_come_back_by_undoing(tmp_path):
    store = BarStore(tmp_path)
    store.append(minutes(1, 31))
    record = {"fix": "filled", "changes": [], "n_changes": 1, "asked": "2024-01-01T00:00:00Z"}
    store.repair("BTC-USD", MINUTE, lambda bars: (bars.where(bars.close_time != 25 * MINUTE.duration), [record]))
    assert store.remove("BTC-USD", MINUTE, None, 20 * MINUTE.duration) == 20
    assert store.repairs("BTC-USD", MINUTE) == (record,)
    assert store.undo_repairs("BTC-USD", MINUTE) == 1
    assert (store.load("BTC-USD", MINUTE).close_time // MINUTE.duration).tolist() == [*range(21, 31)]
    store.repair("BTC-USD", MINUTE, lambda bars: (bars[1:], [record]))
    assert store.remove("BTC-USD", MINUTE) == 9
    assert files_of(tmp_path) == {}
