"""Kernels are compiled whether numba can keep them or not."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator

from tests.unwritable import no_room
from tradesieve.market import kernel_cache
from tradesieve.market.caches import CacheWarning

SOURCE = """
from tradesieve.market.kernel_cache import njit

@njit(cache=True)
def doubled_nb(x):
    return 2 * x
"""


@pytest.fixture(autouse=True)
def nothing_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_cache, "_warned", set())


@pytest.fixture
def kernel(tmp_path: Path) -> Callable[[], Callable[[int], int]]:
    path = tmp_path / "kernels.py"
    path.write_text(SOURCE)

    def load() -> Callable[[int], int]:
        spec = importlib.util.spec_from_file_location("kernels", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.doubled_nb

    return load


def kept(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.nbi")) + sorted(folder.rglob("*.nbc"))


def test_a_kernel_is_kept_where_it_can_be(kernel, tmp_path):
    assert kernel()(3) == 6
    assert len(kept(tmp_path)) == 2


def test_a_full_disk_is_said_once(kernel, tmp_path):
    kernels = kernel(), kernel()
    with no_room(10), pytest.warns(CacheWarning, match="__pycache__ cannot be used: File too large") as warned:
        assert [each(3) for each in kernels] == [6, 6]
    assert len(warned) == 1
    assert kernel()(3) == 6
    assert len(kept(tmp_path)) == 2


def test_a_damaged_index_is_compiled_again(kernel, tmp_path):
    assert kernel()(3) == 6
    (index,) = tmp_path.rglob("*.nbi")
    index.write_bytes(index.read_bytes()[:-20])
    with pytest.warns(CacheWarning, match="__pycache__ cannot be used"):
        assert kernel()(3) == 6


def test_no_folder_to_keep_kernels_in_is_said(kernel, monkeypatch):
    for locator in (InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator):
        monkeypatch.setattr(locator, "from_function", classmethod(lambda cls, function, file: None))
    with pytest.warns(CacheWarning, match="NUMBA_CACHE_DIR") as warned:
        assert (kernel()(3), kernel()(3)) == (6, 6)
    assert len(warned) == 1
