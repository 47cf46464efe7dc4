"""Pruning: a folder of kept files stays within its limit."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from stat import S_ISREG


def prune(folder: Path, limit: int) -> int:
    """Delete the files that were not used for longest until those that are left take at most `limit` bytes.

    What a killed run left half-written is among them.

    Returns
    -------
    How many were deleted. Folders stay, since another process may be about to write in one.
    """
    found = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # another process may prune too
            state = path.stat()
            if S_ISREG(state.st_mode):
                found.append((state.st_mtime_ns, state.st_size, path))
    excess, deleted = sum(size for _, size, _ in found) - limit, 0
    for _, size, path in sorted(found):
        if excess <= 0:
            break
        path.unlink(missing_ok=True)
        excess -= size
        deleted += 1
    return deleted
