"""Files of the state folder: written as a whole or not at all, and pruned to a size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

from tradesieve.market.errors import BadInput


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path` that takes its place when the block ends well, and vanishes otherwise.

    Raises
    ------
    BadInput : if the folder cannot be written or the disk is full; what stood there before still stands.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    new_folder = not path.parent.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())  # or a power cut could leave the new name on an empty file
        os.replace(temporary, path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}; nothing was changed") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
            if new_folder:
                path.parent.rmdir()  # which fails, as it should, once something is in it


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
