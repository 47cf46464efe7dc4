"""Instances without a trade are named, with the reason; a stock has the sessions of its exchange."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.pipelines.command_runs import exit_code
from tradesieve.market.bars import Bars
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.settings import Settings

Run = Callable[..., tuple[str, dict]]
RULES = "opening_range_breakout(reward=1),trend_day(first_minutes=60),time_of_day()"


@pytest.fixture(scope="module")
def settings(make_home: Callable[..., Settings]) -> Settings:
    timeframe, random = parse_timeframe("5m"), np.random.default_rng(2)
    open_time = pd.date_range("2024-09-01", "2024-12-31", freq="5min").as_unit("ns").asi8
    close = 100 * np.exp(np.cumsum(random.normal(0, 2e-3, len(open_time))))
    high, low = close * 1.002, close * 0.998
    bars = Bars("AAA", timeframe, open_time + timeframe.duration, close, high, low, close, np.ones(len(close)))
    return make_home(bars=bars.where(Sessions("XNYS").of_bars(bars).inside))


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs a command of trades in this process: its lines, and its JSON."""
    monkeypatch.setenv("TRADESIEVE_HOME", str(settings.home))

    def call(command: str, *arguments: object) -> tuple[str, dict]:
        common = ["trades", command, "--symbols", "AAA", "--timeframe", "5m", *arguments]
        assert exit_code(monkeypatch, *common) == 0
        lines = " ".join(capsys.readouterr()[0].split())
        assert exit_code(monkeypatch, *common, "--json") == 0
        return lines, json.loads(capsys.readouterr()[0])

    return call


@pytest.mark.parametrize("command", ["generate", "stats", "plot"])
def test_an_instance_without_a_trade_is_named_with_the_calendar_that_its_bars_keep_to(
    run: Run, tmp_path, command: str
) -> None:
    output = ["--output", tmp_path / "plot.html"] if command == "plot" else []
    lines, result = run(command, "--strategies", f"{RULES},volatility_breakout(multiple=900)", *output)
    assert (
        "no trade by 1 instance of opening_range_breakout on AAA 5m: no bar lies within the first 60 minutes of its "
        "session, the 24 hours from 00:00 UTC, and the bars keep to XNYS: set calendar: XNYS for AAA in instruments"
    ) in lines
    assert "no trade by 1 instance of volatility_breakout on AAA 5m: no signal" in lines
    assert len(result["without_trades"]) == 4


@pytest.mark.parametrize("terms", [{"kind": "stock"}, {"calendar": "XNYS"}])
def test_a_stock_trades_in_the_sessions_of_its_exchange(run: Run, tmp_path, terms: dict[str, str]) -> None:
    config = tmp_path / "experiment.yml"
    config.write_text(yaml.safe_dump({"instruments": {"AAA": terms}}))
    lines, result = run("stats", "--config", config, "--strategies", RULES)
    assert "sessions of AAA: XNYS, 09:30 to 16:00 America/New_York" in lines
    assert ("(default of kind stock; set calendar" in lines) == ("kind" in terms)
    assert not result["without_trades"]
    assert all("session=XNYS" in group["instance"] for group in result["groups"])


def test_a_fixed_minute_of_a_market_with_sessions_is_explained(run: Run, tmp_path) -> None:
    config = tmp_path / "experiment.yml"
    config.write_text(yaml.safe_dump({"instruments": {"AAA": {"calendar": "XNYS"}}}))
    lines, _ = run("stats", "--config", config, "--strategies", "trend_day(session_minute=0)")
    assert "the 24 hours from 00:00 UTC: leave session_minute out, or set session=XNYS" in lines


def test_a_history_shorter_than_the_lookback_is_the_reason(run: Run, tmp_path) -> None:
    config = tmp_path / "experiment.yml"
    config.write_text(yaml.safe_dump({"start": "2024-12-20"}))
    lines, _ = run("stats", "--config", config, "--strategies", "donchian_channel(window=5000)")
    assert "no signal: its history of" in lines
    assert "is shorter than its lookback of" in lines
