"""Locks between processes, which the system releases however their holder ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def open_folder_lock(folder: Path) -> int:
    """Open what stands for a folder's lock: the folder itself, or a file in it where folders cannot be opened.

    Raises
    ------
    OSError : if the folder cannot be read, or on Windows written.
    """
    if sys.platform == "win32":
        return os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def lock(file: int, *, wait: bool) -> None:
    """Lock an open file for this process alone.

    Parameters
    ----------
    file : its descriptor; closing it releases the lock.
    wait : for the process that holds it; Windows gives up after ten seconds.

    Raises
    ------
    OSError : if it cannot be locked, or another process holds it and `wait` is False.
    """
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
