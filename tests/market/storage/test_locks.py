"""Locks between processes: one holds, another waits or is refused, and a dead one holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tradesieve.market.storage.locks import lock, open_folder_lock

HOLDER = """
import sys
from pathlib import Path
from tradesieve.market.storage.locks import lock, open_folder_lock

lock(open_folder_lock(Path(sys.argv[1])), wait=True)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_is_held_by_one_process_until_it_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        ours = open_folder_lock(tmp_path)
        with pytest.raises(OSError, match="unavailable"):
            lock(ours, wait=False)
        holder.kill()
        lock(ours, wait=True)
        os.close(ours)
    assert not any(tmp_path.iterdir())
