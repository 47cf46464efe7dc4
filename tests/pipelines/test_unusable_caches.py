"""A command goes on without the caches that it cannot use, and says so in one line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.pipelines.command_runs import Ended, ended, process
from tradesieve.market.bars import Bars
from tradesieve.pipelines.settings import Settings


def test_caches_that_cannot_be_used_are_said_once_and_change_nothing(
    make_home: Callable[..., Settings], small_bars: Bars, tmp_path: Path
) -> None:
    def run(home: Path, name: str) -> Ended:
        command = ["factors", "compute", "--strategies", "dip_buying,donchian_channel", "--symbols", "AAA"]
        return ended(process(*command, "--timeframes", "15m", "--output", tmp_path / name, home=home))

    usable, blocked = make_home(bars=small_bars[:1500]).home, make_home(bars=small_bars[:1500]).home
    caches = [blocked / "factors", blocked / "trades"]
    for cache in caches:
        cache.write_text("in the way")
    expected, found = run(usable, "a.csv"), run(blocked, "b.csv")
    assert (expected.code, found.code) == (0, 0), found.err
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
    said = sorted(line for line in found.err.splitlines() if line.startswith("tradesieve: "))
    reason = "cannot be used: a file is where a folder should be; continuing without it, with the same results"
    assert said == [f"tradesieve: the cache {cache} {reason}" for cache in caches]
