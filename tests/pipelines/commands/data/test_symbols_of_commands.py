"""Symbols as vendors write them: stored safely, shown as written, and found under any of their names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tradesieve.pipelines.commands.data import data

# As a user writes it, as it is shown, and another name of the same market.
NAMES = [
    ("CL=F", "CL=F", "cl=f"),
    ("M&M.NS", "M&M.NS", "m&m.ns"),
    ("ES1!", "ES1!", "CME_MINI:ES1!"),
    ("ES 03-24", "ES 03-24", "es 03-24"),
    ("BTC/USDT:USDT", "BTC-USDT-PERP", "BTCUSDT.P"),
    ("BTCUSD_PERP", "BTC-USD-PERP.BTC", "BTC-PERPETUAL"),
    ("^GSPC", "GSPC", "^gspc"),
    ("BRK-B", "BRK.B", "BRK/B"),
    ("PRN", "PRN", "prn"),
    ("0700:HK", "0700:HK", "0700:hk"),
]


@pytest.fixture
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    rows = [f"2024-01-{day:02d},10,12,9,11,5" for day in range(1, 29)]
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(["date,open,high,low,close,volume", *rows, ""]))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(data, [*map(str, arguments)])


@pytest.mark.parametrize(("written", "shown", "alias"), NAMES)
def test_a_symbol_is_stored_safely_and_found_under_any_name(bars, tmp_path, written, shown, alias):
    imported = run("import", bars, "--symbol", written, "--timeframe", "1d", "--json")
    assert imported.exit_code == 0, imported.exception
    assert json.loads(imported.stdout)["symbol"] == shown
    again = run("import", bars, "--symbol", alias, "--timeframe", "1d", "--json")
    assert json.loads(again.stdout)["files"][0]["new"] == 0
    (folder,) = (tmp_path / "home" / "bars").iterdir()
    assert re.fullmatch(r"[A-Za-z0-9._%-]+", folder.name)
    assert folder.name.upper() not in ("PRN", "CON")
    (stored,) = json.loads(run("list", "--json").stdout)["bars"]
    assert stored["symbol"] == shown
    for command in (
        ("check", "--symbols", alias),
        ("resample", "--symbol", alias, "--timeframe", "7d"),
        ("repair", "--symbol", alias, "--timeframe", "1d", "--fix", "frozen", "--dry-run"),
        ("remove", "--symbol", alias, "--timeframe", "1d", "--all"),
    ):
        ended = run(*command, "--json")
        assert ended.exit_code == 0, (command, ended.exception)
        assert shown in ended.stdout
    assert [each["timeframe"] for each in json.loads(run("list", "--json").stdout)["bars"]] == ["7d"]


def test_a_name_of_two_markets_is_asked_about(bars):
    refused = run("import", bars, "--symbol", "BTCUSD.P", "--timeframe", "1d")
    assert "may be BTC-USD-PERP or BTC-USD-PERP.BTC: write one of these" in str(refused.exception)


@pytest.mark.parametrize("column", ["BTCUSDT.P", "BTC/USDT:USDT", "BTC-USDT-SWAP"])
def test_a_perpetual_is_not_stored_as_the_pair(bars, column):
    text = bars.read_text().splitlines()
    bars.write_text("\n".join([f"{text[0]},symbol", *(f"{row},{column}" for row in text[1:]), ""]))
    refused = run("import", bars, "--symbol", "BTCUSDT", "--timeframe", "1d")
    assert f"column symbol holds {column}, which is a different market from BTC-USDT" in str(refused.exception)
    assert run("import", bars, "--timeframe", "1d").exit_code == 0
    (stored,) = json.loads(run("list", "--json").stdout)["bars"]
    assert stored["symbol"] == "BTC-USDT-PERP"
