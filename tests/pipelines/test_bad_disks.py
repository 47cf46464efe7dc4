"""Disks that are full, read-only or not there: one line, and nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.command_runs import ROOT, Command, Ended, State, ended, frame_of, process, refuses
from tradesieve.market.bars import Bars
from tradesieve.pipelines.settings import Settings


def ends_with_one_line(found: Ended, *said: str) -> None:
    """Check the last line, after whatever progress was told before it, and that no trace was."""
    assert found.code == 2, found
    assert found.out == ""
    assert "Traceback" not in found.err
    last = found.err.splitlines()[-1]
    assert last.startswith("tradesieve: "), found.err
    assert any(text in last for text in said), last


def test_a_home_below_a_file_is_refused(run: Command, tmp_path: Path, small_bars: Bars) -> None:
    frame_of(small_bars[:100]).to_parquet(tmp_path / "bars.parquet")
    (tmp_path / "file").write_text("kept")
    for home in (tmp_path / "file", tmp_path / "file" / "home"):
        for arguments in (
            ["data", "list"],
            ["data", "import", tmp_path / "bars.parquet", "--symbol", "NEW", "--timeframe", "15m"],
            ["model", "experiment"],
            ["up"],
        ):
            refuses(run(*arguments, home=home), "the state folder", "TRADESIEVE_HOME")
    assert (tmp_path / "file").read_text() == "kept"


def limited(n_bytes: int) -> Callable[[], None]:
    """Limit the size of every file, which fails writes as a full disk does."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return limit


def test_a_full_disk_leaves_the_bars_as_they_were(
    make_home: Callable[..., Settings], folder_state: State, tmp_path: Path, small_bars: Bars
) -> None:
    home = make_home(bars=small_bars[:500]).home
    frame_of(small_bars).to_parquet(tmp_path / "bars.parquet")
    before = folder_state(home)
    command = ["data", "import", tmp_path / "bars.parquet", "--timeframe", "15m", "--symbol"]
    for symbol in ("AAA", "NEW"):
        found = ended(process(*command, symbol, home=home, preexec_fn=limited(8192)))
        ends_with_one_line(found, "cannot be written")
        assert "nothing was changed" in found.err
        left = {path: kind for path, kind in folder_state(home).items() if kind != "folder" and "lock" not in path}
        assert left == {path: kind for path, kind in before.items() if kind != "folder"}


@pytest.mark.slow
@pytest.mark.parametrize("n_bytes", [60_000, 800_000])
def test_an_experiment_on_a_full_disk_goes_on_once_there_is_room(
    make_home: Callable[..., Settings], config: Path, finished: Any, n_bytes: int, run: Command
) -> None:
    """Wherever it runs out of room it says so in one line, and leaves nothing that a later run would stumble over."""
    home = make_home().home
    found = ended(process("model", "experiment", "--config", config, home=home, preexec_fn=limited(n_bytes)))
    ends_with_one_line(found, "cannot be", "full", "disk")
    again = run("model", "experiment", "--config", config, "--json", home=home).json()
    for key in ("gate", "baseline", "filtered", "leaderboard", "n_trials", "holdout_opening"):
        assert again[key] == finished.result[key], key


def can_mount() -> bool:
    """Say whether this user may mount a file system of its own."""
    probe = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True, check=False).returncode == 0
    )


MOUNTED = """
set -e
mount -t tmpfs -o size={size} none "$MOUNT"
cp -a "$FROM"/. "$MOUNT"/
{then}
before=$(cd "$MOUNT" && find . -type f -size +0 | sort | xargs sha256sum | sha256sum)
code=0
"$PYTHON" -m pipelines.command_line "$@" || code=$?
after=$(cd "$MOUNT" && find . -type f -size +0 | sort | xargs sha256sum | sha256sum)
test "$before" = "$after" || echo "CHANGED" >&2
exit $code
"""


def in_mount(home: Path, mount: Path, *arguments: object, size: str, then: str = "") -> Ended:
    """Run a command in a file system of its own that holds a copy of a home."""
    mount.mkdir(exist_ok=True)
    environment = {"MOUNT": str(mount), "FROM": str(home), "PYTHON": sys.executable, "TRADESIEVE_HOME": str(mount)}
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", MOUNTED.format(size=size, then=then), "sh", *map(str, arguments)],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root; the mount below is")
def test_a_read_only_home_is_refused(run: Command, tmp_path: Path) -> None:
    home = tmp_path / "locked"
    home.mkdir(mode=0o555)
    assert run("data", "list", home=home).code == 0, "reading works"
    refuses(run("model", "experiment", home=home), "the state folder", "cannot be written")


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="mounting is not allowed here")
def test_a_read_only_disk_is_refused(
    make_home: Callable[..., Settings], tmp_path: Path, small_bars: Bars, config: Path
) -> None:
    home = make_home().home
    frame_of(small_bars[:100]).to_parquet(tmp_path / "bars.parquet")
    for arguments in (
        ["data", "import", tmp_path / "bars.parquet", "--symbol", "NEW", "--timeframe", "15m"],
        ["model", "experiment", "--config", config],
        ["trades", "generate", "--config", config],
        ["up"],
    ):
        found = in_mount(home, tmp_path / "mount", *arguments, size="16m", then='mount -o remount,ro "$MOUNT"')
        refuses(found, "cannot be")


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="mounting is not allowed here")
def test_a_full_file_system_is_refused(
    make_home: Callable[..., Settings], tmp_path: Path, small_bars: Bars, config: Path
) -> None:
    """Every byte is taken before the command begins: it goes on without its caches, up to what has to be stored."""
    home = make_home().home
    frame_of(small_bars).to_parquet(tmp_path / "bars.parquet")
    fill = 'dd if=/dev/zero of="$MOUNT/filler" bs=4096 2>/dev/null || true'
    importing = ["data", "import", tmp_path / "bars.parquet", "--symbol", "NEW", "--timeframe", "15m"]
    for arguments, unused, stopped_by in (
        (importing, [], "cannot be written: No space left on device"),
        (["model", "experiment", "--config", config], ["experiments", "factors", "trades"], "disk is full"),
    ):
        found = in_mount(home, tmp_path / "mount", *arguments, size="6m", then=fill)
        *caches, last = (line for line in found.err.splitlines() if line.startswith("tradesieve: "))
        refuses(replace(found, err=last), stopped_by)
        reason = " cannot be used: No space left on device; continuing without it, with the same results"
        folders = [Path(line.removeprefix("tradesieve: the cache ").removesuffix(reason)) for line in caches]
        assert sorted(folder.relative_to(tmp_path / "mount").parts[0] for folder in folders) == unused
        assert "CHANGED" not in found.err
