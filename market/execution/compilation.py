"""Compilation: how the kernels of the fill rule are compiled and cached.

numba caches machine code on disk, keyed by the function's own file. But the machine code of a kernel contains that of
the kernels it calls, and these are in other files: after a change there, it would run stale code. So the name under
which numba caches a kernel carries a hash of all files of this drawer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradesieve.market.kernel_cache import njit

FILES = tuple(sorted(Path(__file__).parent.glob("*.py")))
"""The files that cached machine code depends on: kernels, and the records and constants that they use."""

_DIGEST = hashlib.sha256(b"".join(path.read_bytes() for path in FILES)).hexdigest()[:12]


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile and cache a function that is a kernel of the fill rule, or calls one.

    Parameters
    ----------
    options : of `numba.njit`, beyond ``cache`` and ``nogil``, which are on.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        function.__qualname__ = f"{function.__qualname__}_{_DIGEST}"
        return njit(cache=True, nogil=True, **options)(function)

    return compiled
