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


def test_a_folder_from_elsewhere_brings_no_machine_code(kernel, tmp_path, monkeypatch):
    """Nothing is read from beside the source, and what is compiled is kept by the content of the folder."""
    assert kernel()(3) == 6
    (planted,) = tmp_path.rglob("*.nbi")
    planted.write_bytes(b"not read")
    monkeypatch.setattr(kernel_cache, "_APART", {})
    monkeypatch.setattr(kernel_cache.config, "CACHE_DIR", str(tmp_path.parent / f"{tmp_path.name}-home"))
    kernel_cache.keep_apart(tmp_path)
    assert kernel()(3) == 6
    home = Path(kernel_cache.config.CACHE_DIR)
    assert len(kept(home)) == 2
    assert planted.read_bytes() == b"not read"
    assert len(list(home.iterdir())) == 1
