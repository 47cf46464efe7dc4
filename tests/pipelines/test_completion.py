"""TAB completes commands, stored symbols, strategies and runs, and creates nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.pipelines.command_line import tradesieve
from tradesieve.pipelines.settings import read_settings


def completed(*words: str) -> list[str]:
    """Complete the last word."""
    *before, last = words
    shell = ShellComplete(tradesieve, {}, "tradesieve", "_TRADESIEVE_COMPLETE")
    return [item.value for item in shell.get_completions(before, last)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_stored_symbols_continue_a_list(home: Path) -> None:
    assert completed("trades", "stats", "--symbols", "") == []
    assert not home.exists()
    for symbol in ("AAA", "ABC", "BBB"):
        read_settings().bars.append(SyntheticMarket(n_days=1).generate(symbol)[0])
    assert completed("trades", "stats", "--symbols", "A") == ["AAA", "ABC"]
    assert completed("model", "experiment", "--symbols", "AAA,B") == ["AAA,BBB"]
    assert completed("data", "repair", "--symbol", "B") == ["BBB"]
    assert completed("data", "check", "--symbols", "AAA,B") == ["AAA,BBB"]
    assert completed("paper", "--symbol", "B") == ["BBB"]


def test_rules_and_modifiers_continue_a_strategy(home: Path) -> None:
    assert completed("trades", "plot", "--strategies", "dip") == ["dip_buying"]
    assert completed("trades", "plot", "--strategies", "dip_buying,don") == ["dip_buying,donchian_channel"]
    assert completed("trades", "plot", "--strategies", "dip_buying+trai") == ["dip_buying+trailing"]
    assert completed("trades", "optimise", "dip") == ["dip_buying"]
    assert completed("trades", "weights", "--method", "z") == ["zero_one"]


def test_runs_and_commands(home: Path) -> None:
    assert completed("model", "show", "la") == ["last"]
    (home / "trade_sets").mkdir(parents=True)
    (home / "trade_sets" / "mine.parquet").touch()
    assert completed("trades", "stats", "--trades", "m") == ["mine"]
    assert "doctor" in completed("do")
