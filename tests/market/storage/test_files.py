"""Files of the state folder: a temporary file is its writer's until it is plainly abandoned."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from tests.unwritable import as_nobody, no_room
from tradesieve.market.caches import CacheWarning
from tradesieve.market.storage.files import atomic_write, mark_as_used, prune, write_cached


def test_pruning_leaves_what_another_process_is_writing(tmp_path: Path) -> None:
    stored = tmp_path / "columns" / "a.npy"
    with atomic_write(stored) as temporary:
        temporary.write_bytes(b"half")
        assert prune(tmp_path, 0) == 0
        temporary.write_bytes(b"whole")
    assert stored.read_bytes() == b"whole"
    assert prune(tmp_path, 0) == 1


def test_pruning_deletes_what_a_killed_run_left_behind(tmp_path: Path) -> None:
    left = tmp_path / ".a.npy.12345"
    left.write_bytes(b"half")
    long_ago = time.time() - 2 * 3600
    os.utime(left, (long_ago, long_ago))
    assert prune(tmp_path, 0) == 1
    assert not left.exists()


def write_whole(path: Path) -> None:
    path.write_bytes(b"whole")


def test_a_cache_that_cannot_be_written_is_said_and_fails_nothing(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("kept")
    with pytest.warns(
        CacheWarning,
        match=f"the cache {in_the_way} cannot be used: a file is where a folder should be; continuing without it",
    ):
        assert not write_cached(in_the_way / "x" / "a.npy", write_whole, folder=in_the_way)
    with no_room(3), pytest.warns(CacheWarning, match=f"{tmp_path} cannot be used: File too large"):
        assert not write_cached(tmp_path / "a.npy", write_whole, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert write_cached(tmp_path / "a.npy", write_whole, folder=tmp_path)


def test_a_cache_that_is_read_only_is_neither_written_nor_pruned_nor_fails() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_whole(folder / "a.npy")
        folder.chmod(0o555)
        try:
            with as_nobody():
                with pytest.warns(CacheWarning, match=f"{folder} cannot be used: Permission denied"):
                    assert not write_cached(folder / "b.npy", write_whole, folder=folder)
                with pytest.warns(CacheWarning, match=f"{folder} cannot be used: Permission denied"):
                    assert prune(folder, 0) == 0
                mark_as_used(folder / "a.npy")
        finally:
            folder.chmod(0o755)
        assert [path.name for path in folder.iterdir()] == ["a.npy"]
