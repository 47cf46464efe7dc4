"""Files of the state folder: a temporary file is its writer's until it is plainly abandoned."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tradesieve.market.storage.files import atomic_write, prune


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
