"""The table cache deletes the least recently used tables first."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd

from tradesieve.pipelines.table_cache import TableCache


def test_the_cache_forgets_what_was_not_used_for_longest(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": range(1000)})
    cache = TableCache(tmp_path, 10**9)
    for name in ("first", "x/second", "third"):
        cache.write(table, name)
        time.sleep(0.01)
    assert cache.prune() == 0
    assert cache.read("first", ["a"]) is not None
    size = cache.path("first").stat().st_size
    assert TableCache(tmp_path, 2 * size).prune() == 1
    assert cache.read("x/second", ["a"]) is None
    pd.testing.assert_frame_equal(cache.read("first", ["a"]), table)
    assert TableCache(tmp_path, 0).prune() == 2
