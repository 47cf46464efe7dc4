"""Commands go on without a cache that they cannot use, and say so in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipelines.command_runs import Ended, ended, process
from tradesieve.market.bars import Bars
from tradesieve.pipelines.settings import Settings


@pytest.mark.parametrize(
    ("cache", "command"),
    [
        ("trades", ["trades", "generate", "--strategies", "dip_buying,donchian_channel", "--symbols", "AAA"]),
        ("factors", ["factors", "compute", "--strategies", "dip_buying", "--symbols", "AAA"]),
    ],
)
def test_a_cache_that_cannot_be_used_is_said_once_and_changes_nothing(
    make_home: Callable[..., Settings], small_bars: Bars, tmp_path: Path, cache: str, command: list[str]
) -> None:
    def run(home: Path) -> Ended:
        return ended(process(*command, "--timeframes", "15m", "--json", home=home))

    usable, blocked = make_home(bars=small_bars[:1500]).home, make_home(bars=small_bars[:1500]).home
    (blocked / cache).write_text("in the way")
    expected, found = run(usable), run(blocked)
    assert found.code == 0, found.err
    assert found.json() == expected.json()
    reason = f"tradesieve: the cache {blocked / cache} cannot be used: a file is where a folder should be; continuing "
    (line,) = (line for line in found.err.splitlines() if line.startswith("tradesieve: "))
    assert line.startswith(reason)
