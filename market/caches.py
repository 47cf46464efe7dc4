"""Caches that cannot be used: whatever is wrong with one, its work is done without it, and a warning says so.

A cache holds what can be computed again, so it never makes a command fail. Stores of results do.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path


class CacheWarning(UserWarning):
    """A cache cannot be read or written; results are the same, and take longer."""


def warn_of_cache(folder: Path | str, error: BaseException) -> None:
    """Warn that a cache cannot be used, naming its folder and the reason.

    The same warning may be given for every file; `pipelines.command_line` shows it once.
    """
    if isinstance(error, FileExistsError | NotADirectoryError):
        reason = "a file is where a folder should be"
    else:
        # Arrow wraps what the system says in words of its own.
        system = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
        reason = system or str(error).partition("\n")[0] or type(error).__name__
    message = f"the cache {folder} cannot be used: {reason}; continuing without it, with the same results"
    warnings.warn(message, CacheWarning, stacklevel=2)
