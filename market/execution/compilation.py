"""Kernels: how the compiled functions of the fill rule are compiled and kept.

numba keeps machine code on disk, and makes it anew when the function's own file has changed. But the machine code of a
function holds that of the functions it calls, and these stand in other files: after a change there, the old code would
go on running. So the name under which machine code is kept says what all these files hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

FILES = ("records.py", "accounting.py", "fill_rule.py", "time_search.py", "fast_forward.py")
"""The files of this drawer whose compiled functions call each other."""

_DIGEST = hashlib.sha256(b"".join((Path(__file__).parent / name).read_bytes() for name in FILES)).hexdigest()[:12]


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that calls kernels of the fill rule, or is one; its machine code is kept.

    Parameters
    ----------
    options : of `numba.njit`, beyond ``cache`` and ``nogil``, which are on.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        function.__qualname__ = f"{function.__qualname__}_{_DIGEST}"
        return njit(cache=True, nogil=True, **options)(function)

    return compiled
