"""Files of the state folder: atomic writes, and caches, which are pruned to a size and never fail."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

from tradesieve.market.caches import warn_of_cache
from tradesieve.market.errors import BadInput

_ABANDONED_AFTER = 3600.0
"""Seconds after which a temporary file is what a killed run left behind: none takes as long to write."""


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it if the block succeeds, and is deleted otherwise.

    Parameters
    ----------
    durable : wait until the disk has it, or a power failure may leave an empty file.

    Raises
    ------
    BadInput : if the folder cannot be written or the disk is full; an earlier file at `path` is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    new_folder = not path.parent.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be written: {os.strerror(error.errno) if error.errno else error}; nothing was changed"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
            if new_folder:
                path.parent.rmdir()  # fails, as it should, if the folder is not empty


def write_cached(path: Path, write: Callable[[Path], object], *, folder: Path) -> bool:
    """Write a file of a cache, as `atomic_write` does; a warning says why if it cannot be written.

    It need not be durable: what reads a cache counts a damaged file as missing.

    Parameters
    ----------
    write : called with the temporary path to write to.
    folder : of the whole cache, which the warning names.

    Returns
    -------
    Whether the file was written.
    """
    try:
        with atomic_write(path, durable=False) as temporary:
            write(temporary)
    except BadInput as error:
        warn_of_cache(folder, error.__cause__ or error)
        return False
    return True


def mark_as_used(path: Path) -> None:
    """Set the time of a file that `prune` goes by, where this user may."""
    with suppress(OSError):
        os.utime(path)


def prune(folder: Path, limit: int) -> int:
    """Delete the least recently used files of a cache until the rest takes at most `limit` bytes.

    Temporary files count too once they are an hour old, as killed runs leave them; another process may be writing a
    younger one. Folders stay, since another process may be about to write into one. A warning says why if a file cannot
    be deleted.

    Returns
    -------
    How many files were deleted.
    """
    found = []
    abandoned = time.time() - _ABANDONED_AFTER
    for path in folder.rglob("*"):
        with suppress(OSError):  # another process may prune too, and files of other users may be out of reach
            state = path.stat()
            in_use = path.name.startswith(".") and state.st_mtime > abandoned
            if S_ISREG(state.st_mode) and not in_use:
                found.append((state.st_mtime_ns, state.st_size, path))
    excess, deleted = sum(size for _, size, _ in found) - limit, 0
    for _, size, path in sorted(found):
        if excess <= 0:
            break
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            warn_of_cache(folder, error)
            break
        excess -= size
        deleted += 1
    return deleted
