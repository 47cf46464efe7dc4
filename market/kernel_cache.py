"""The cache of compiled kernels: numba's own, which slows a start down when it cannot be used, and fails nothing.

numba keeps machine code beside the source, else under the user's home. It raises if neither can be written, if the disk
is full, or if a file is damaged. Kernels import `njit` from here, so that this holds for them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba.core.dispatcher
from numba import njit
from numba.core.caching import FunctionCache, NullCache

from tradesieve.market.caches import warn_of_cache

__all__ = ["njit"]


class _KernelCache(FunctionCache):
    """The machine code of one kernel; what cannot be read is compiled, what cannot be written is not kept."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a damaged pickle raises anything
            _warn(self.cache_path, error)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:  # as above: the index is read before it is written
            _warn(self.cache_path, error)


def _kernel_cache(function: Callable[..., Any]) -> Any:
    try:
        return _KernelCache(function)
    except RuntimeError:
        beside = Path(function.__code__.co_filename).parent / "__pycache__"
        _warn(beside, PermissionError("it cannot be written, nor can NUMBA_CACHE_DIR or the user's own cache"))
        return NullCache()


_warned: set[str] = set()


def _warn(folder: Path | str, error: Exception) -> None:
    """Warn once of what is wrong with the folders of all kernels."""
    if str(error.args) not in _warned:
        _warned.add(str(error.args))
        warn_of_cache(folder, error)


numba.core.dispatcher.FunctionCache = _kernel_cache  # type: ignore[attr-defined]
