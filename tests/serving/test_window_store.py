"""The windows on disk: what one process writes the others read, and no damage is taken for bars."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.session_bars import SessionBars
from tradesieve.serving.bar_windows import BarWindows
from tradesieve.serving.problem_details import Problem


@pytest.fixture(scope="module")
def bars(bars_maker: Callable[..., Bars]) -> Bars:
    made = bars_maker("BTC-USD")[:60]
    volume = made.volume.copy()
    volume[3] = -0.0
    columns = {name: getattr(made, name) for name in COLUMNS} | {"volume": volume}
    return SessionBars("BTC-USD", made.timeframe, **columns)


def content(bars: Bars | None) -> bytes:
    assert bars is not None
    return b"".join(getattr(bars, name).tobytes() for name in COLUMNS)


def test_what_one_appends_the_other_holds_bit_for_bit(bars: Bars, tmp_path: Path) -> None:
    path = tmp_path / "state" / "windows.sqlite"
    first, second = BarWindows(path), BarWindows(path)
    assert second.get("BTC-USD", "5m") is None
    first.append(bars[:30], lookback=20)
    assert content(second.get("BTC-USD", "5m")) == content(first.get("BTC-USD", "5m"))
    second.append(bars[30:35], lookback=20)
    assert content(first.get("BTC-USD", "5m")) == content(bars[7:35])
    assert first.append(bars[28:36], lookback=20).added == 1
    assert content(BarWindows(path).get("BTC-USD", "5m")) == content(bars[8:36])


def test_a_refused_append_leaves_the_file_as_it_was(bars: Bars, tmp_path: Path) -> None:
    first, second = (BarWindows(tmp_path / "windows.sqlite") for _ in range(2))
    first.append(bars[:30], lookback=20)
    other = bars[29:31].with_columns({"volume": bars.volume[29:31] + 1.0})
    with pytest.raises(Problem) as caught:
        second.append(other, lookback=20)
    assert caught.value.status == 409
    assert first.append(bars[30:31], lookback=20).added == 1


def test_processes_that_append_at_once_lose_nothing(bars: Bars, tmp_path: Path) -> None:
    """Each of them appends every bar; whoever is second finds it known."""
    path = tmp_path / "windows.sqlite"
    np.savez(tmp_path / "bars.npz", **{name: getattr(bars, name) for name in COLUMNS})
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from tradesieve.market.session_bars import SessionBars\n"
        "from tradesieve.market.timeframes import parse_timeframe\n"
        "from tradesieve.serving.bar_windows import BarWindows\n"
        "bars = SessionBars('BTC-USD', parse_timeframe('5m'), **np.load(sys.argv[1]))\n"
        "windows = BarWindows(Path(sys.argv[2]))\n"
        "for row in range(1, len(bars)):\n"
        "    windows.append(bars[row - 1 : row + 1], lookback=30)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "bars.npz"), str(path)]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(120) for process in running] == [0, 0]
    assert content(BarWindows(path).get("BTC-USD", "5m")) == content(bars[-38:])


def test_damage_is_never_taken_for_bars(bars: Bars, tmp_path: Path) -> None:
    path = tmp_path / "windows.sqlite"
    BarWindows(path).append(bars[:30], lookback=20)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE windows SET bars = zeroblob(length(bars))")
    assert BarWindows(path).get("BTC-USD", "5m") is None
    for name in ("", "-wal", "-shm"):
        (tmp_path / f"windows.sqlite{name}").write_bytes(b"no database" * 1000)
    anew = BarWindows(path)
    assert anew.get("BTC-USD", "5m") is None
    assert anew.append(bars[:30], lookback=20).added == 28


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be kept in"):
        BarWindows(tmp_path / "file" / "windows.sqlite")


def test_a_locked_file_is_a_503_that_clients_try_again(bars: Bars, tmp_path: Path) -> None:
    path = tmp_path / "windows.sqlite"
    windows = BarWindows(path)
    windows._store._connection.execute("PRAGMA busy_timeout = 10")  # type: ignore[union-attr]
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Problem) as caught:
        windows.append(bars[:30], lookback=20)
    assert (caught.value.status, caught.value.kind) == (503, "unavailable")
    assert windows.get("BTC-USD", "5m") is None
    other.execute("COMMIT")
    assert windows.append(bars[:30], lookback=20).added == 28
