"""Cache keys change with the code that made a result, and with no other code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.instruments import Instrument
from tradesieve.pipelines import fingerprints
from tradesieve.pipelines.fingerprints import code_fingerprint
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.strategies.registry import choose_strategies

ROOMS = ("market", "features", "strategies", "models", "serving", "trading", "pipelines")
MAKE_TRADES = {"market", "strategies"}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A source tree with a module in each room, whose code the fingerprints are of."""
    for room in ROOMS:
        (tmp_path / room / "drawer").mkdir(parents=True)
        (tmp_path / room / "drawer" / "module.py").write_text("")
    monkeypatch.setattr(fingerprints, "ROOT", tmp_path)
    code_fingerprint.cache_clear()
    yield tmp_path
    code_fingerprint.cache_clear()


def key_of_trades(bars: Bars) -> str:
    code_fingerprint.cache_clear()  # as in another process
    strategies = tuple(choose_strategies(2))
    return Chunk(bars, Instrument(bars.symbol), strategies).trades_key(strategies)


@pytest.mark.parametrize("room", ROOMS)
def test_trades_depend_on_the_rooms_that_make_them(source: Path, small_bars: Bars, room: str) -> None:
    before = key_of_trades(small_bars)
    (source / room / "drawer" / "module.py").write_text("changed = True\n")
    assert (key_of_trades(small_bars) != before) == (room in MAKE_TRADES)


def test_styles_and_templates_of_pages_invalidate_nothing(source: Path, small_bars: Bars) -> None:
    before = key_of_trades(small_bars), code_fingerprint("market", "features", "strategies", "models")
    for name in ("static/page.css", "static/tables.js", "templates/base.html.jinja", "html.py"):
        path = source / "pipelines" / "reports" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("changed")
    assert (key_of_trades(small_bars), code_fingerprint("market", "features", "strategies", "models")) == before
