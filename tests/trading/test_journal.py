"""The journal: whole lines on disk or an error, and a restart that continues what a crash left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.trading.journal import Journal


def entries_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "bot.jsonl"
    with Journal(path) as journal:
        journal.write("decision", 1, size=0.5, note="a\nb – ü")
        assert entries_of(path) == [{"event": "decision", "time": 1, "size": 0.5, "note": "a\nb – ü"}], "at once"
        journal.write("closed", 2, net_return=-0.1)
    assert [entry["event"] for entry in entries_of(path)] == ["decision", "closed"]
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2, "one line an event, whatever its text holds"


@pytest.mark.parametrize("value", [float("nan"), np.float64("nan"), float("inf"), -np.inf, np.float64("inf")])
def test_what_is_no_number_becomes_null(tmp_path: Path, value: float) -> None:
    with Journal(tmp_path / "bot.jsonl") as journal:
        journal.write("closed", 1, r_multiple=value)
    text = (tmp_path / "bot.jsonl").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"event": "closed", "time": 1, "r_multiple": None}


def test_a_float_reads_back_bit_for_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal(200) * 10.0 ** np.arange(-100, 100)
    with Journal(tmp_path / "bot.jsonl") as journal:
        for row, value in enumerate(values):
            journal.write("closed", row, value=float(value))
    assert np.array([entry["value"] for entry in entries_of(tmp_path / "bot.jsonl")]).tobytes() == values.tobytes()


@pytest.mark.parametrize("cut", range(1, 34))
def test_a_last_line_cut_short_is_removed(tmp_path: Path, cut: int) -> None:
    """Wherever a crash cuts the last line, a restart continues after the lines before it."""
    path = tmp_path / "bot.jsonl"
    with Journal(path) as journal:
        journal.write("closed", 1)
        journal.write("decision", 2, note="ü")
    whole = path.read_bytes()
    first = len(whole.split(b"\n")[0]) + 1
    assert first + cut < len(whole)
    path.write_bytes(whole[: first + cut])
    with Journal(path) as journal:
        journal.write("decision", 3)
    assert entries_of(path) == [{"event": "closed", "time": 1}, {"event": "decision", "time": 3}]


def test_a_whole_last_line_without_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "bot.jsonl"
    path.write_text('{"event": "closed", "time": 1}')
    with Journal(path) as journal:
        journal.write("decision", 2)
    assert [entry["time"] for entry in entries_of(path)] == [1, 2]


def test_a_file_of_another_kind_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary")
    with pytest.raises(BadInput, match=r"notes\.txt"):
        Journal(path)
    assert path.read_text() == "dear diary"


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "bot.jsonl", tmp_path):
        with pytest.raises(BadInput, match="cannot be written"):
            Journal(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_said_when_written_and_when_closed() -> None:
    with pytest.raises(BadInput, match="No space left on device"), Journal(Path("/dev/full")) as journal:
        journal.write("decision", 1)
    assert journal._file.closed


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path: Path) -> None:
    """A limit on the file's size cuts a line as a full disk does; a restart with room goes on after the last one."""
    path = tmp_path / "bot.jsonl"
    script = """
        import resource, sys
        from pathlib import Path
        from tradesieve.market.errors import BadInput
        from tradesieve.trading.journal import Journal

        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try:
            with Journal(Path(sys.argv[1])) as journal:
                for number in range(50):
                    journal.write("decision", number)
        except BadInput as error:
            print(number, error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], capture_output=True, text=True, check=False
    )
    assert "cannot be written" in done.stdout, done.stderr
    failed = int(done.stdout.split()[0])
    assert [entry["time"] for entry in entries_of(path)] == list(range(failed))
    with Journal(path) as journal:
        journal.write("decision", failed)
    assert [entry["time"] for entry in entries_of(path)] == list(range(failed + 1))


def test_a_killed_bot_leaves_every_line_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "bot.jsonl"
    script = """
        import itertools, sys
        from pathlib import Path
        from tradesieve.trading.journal import Journal

        with Journal(Path(sys.argv[1])) as journal:
            for number in itertools.count():
                journal.write("decision", number, padding="x" * 1000)
                print(number, flush=True)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(path)], stdout=subprocess.PIPE)
    end = time.monotonic() + 30
    while time.monotonic() < end and (not path.exists() or path.stat().st_size < 20_000):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    told, _ = process.communicate()
    Journal(path).close()  # a restart
    numbers = [entry["time"] for entry in entries_of(path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > int(told.split()[-1]) > 5
