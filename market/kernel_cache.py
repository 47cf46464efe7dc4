"""The cache of compiled kernels: numba's own, which slows a start down when it cannot be used, and fails nothing.

numba keeps machine code beside the source, else under the user's home; that of a folder which came from elsewhere, see
`keep_apart`, under the home alone. It raises if neither can be written, if the disk is full, or if a file is damaged.
Kernels import `njit` from here, so that this holds for them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba.core.dispatcher
from numba import config, njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, NullCache, UserWideCacheLocator

from tradesieve.market.caches import warn_of_cache

__all__ = ["keep_apart", "njit"]

_APART: dict[Path, str] = {}


def keep_apart(folder: Path) -> None:
    """Keep the machine code of a folder's kernels under the user's home, and load none from the folder.

    Machine code that lies in a folder from elsewhere may be anything, whatever the source beside it says. Folders with
    equal files share what was compiled.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    _APART[folder] = digest.hexdigest()[:32]


class _ApartLocator(UserWideCacheLocator):
    """A folder under the user's home, named by the content of the kernels' folder."""

    def __init__(self, function: Any, file: str) -> None:
        super().__init__(function, file)
        digest = next(_APART[folder] for folder in Path(file).parents if folder in _APART)
        home = config.CACHE_DIR or os.path.dirname(self._cache_path)  # type: ignore[attr-defined]
        self._cache_path = os.path.join(home, f"tradesieve_{digest}")


class _ApartImplementation(CompileResultCacheImpl):
    _locator_classes = [_ApartLocator]  # noqa: RUF012


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


class _ApartCache(_KernelCache):
    _impl_class = _ApartImplementation  # type: ignore[assignment]


def _kernel_cache(function: Callable[..., Any]) -> Any:
    apart = _APART and any(folder in _APART for folder in Path(function.__code__.co_filename).parents)
    try:
        return _ApartCache(function) if apart else _KernelCache(function)
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
