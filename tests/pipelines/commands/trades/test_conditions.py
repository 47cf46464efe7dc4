"""tradesieve trades conditions: what earns in one market only is found there, before the hold-out, in every output."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import Command, refuses
from tradesieve.market.bars import Bars
from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.condition_table import UNKNOWN, judge_conditions, with_conditions
from tradesieve.strategies.statistics.grouping import Backtest
from tradesieve.strategies.statistics.market_conditions import CONDITIONS, conditions_at
from tradesieve.strategies.trades import trades_frame

GIVEN = ("trades", "conditions", "--strategies", "volatility_breakout,dip_buying", "--num-strategies", "3",
         "--timeframe", "15m")  # fmt: skip


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Settings]) -> Path:
    return make_home().home


def planted(bars: Bars, *, edge: float) -> pd.DataFrame:
    """Trades of one strategy that earn where volatility is high and lose elsewhere, as told with another program."""
    from tradesieve.market.execution.records import TRADE

    random = np.random.default_rng(4)
    time = bars.close_time[np.sort(random.choice(len(bars) - 200, 1500, replace=False)) + 100]
    trades = pd.DataFrame(index=range(len(time))).join(trades_frame(np.zeros(len(time), TRADE), "rule()", "AAA", "15m"))
    wild = conditions_at(bars, time)["volatility"] == 2
    earned = random.normal(0.0, 0.01, len(time)) + np.where(wild, edge, -edge)
    return trades.assign(
        decision_time=time, exit_time=time + 900 * 10**9, net_return=earned, stake=1.0, exit_reason="target"
    )


def test_what_earns_in_one_market_is_found_there(small_bars: Bars) -> None:
    backtest = Backtest(
        ("rule()|AAA|15m",), (len(small_bars),),
        (int(small_bars.close_time[0]) // DAY * DAY, int(small_bars.close_time[-1])), ALWAYS,
    )  # fmt: skip
    chunk = SimpleNamespace(bars=small_bars)
    for edge in (0.004, 0.0):
        trades = with_conditions([SimpleNamespace(chunk=chunk, trades=planted(small_bars, edge=edge))])
        judged = judge_conditions(trades, backtest, by="instance", seed=1)
        found = {(row["condition"], row["state"]): row for row in judged["rows"]}
        assert sum(row["n_trades"] for row in judged["rows"] if row["condition"] == "volatility") == 1500
        if edge:
            assert found["volatility", "wild"]["found"] == "earns"
            assert found["volatility", "calm"]["found"] == "loses"
            assert found["volatility", "wild"]["low"] < edge < found["volatility", "wild"]["high"]
            assert found["volatility", "wild"]["sortino"] > 0
        else:
            assert {row["found"] for row in judged["rows"]} == {"cannot be told"}
    assert found["volatility", UNKNOWN]["n_trades"] > 0


def test_the_command_shows_each_condition_and_writes_what_it_shows(run: Command, home: Path, tmp_path: Path) -> None:
    table, page = tmp_path / "conditions.csv", tmp_path / "conditions.html"
    done = run(*GIVEN, "--output", table, "--html", page, home=home)
    assert done.code == 0, done.err
    for condition, states in CONDITIONS.items():
        assert f"By {condition}: " in done.out
        assert all(state.split()[0] in done.out for state in states)
    assert "results stop at 2023-04-07, where the hold-out begins" in done.out
    assert "Benjamini and Hochberg" in done.out
    found = json.loads(run(*GIVEN, "--json", home=home).out)
    written = pd.read_csv(table)
    assert written[["group", "condition", "state"]].to_dict("records") == [
        {name: row[name] for name in ("group", "condition", "state")} for row in found["rows"]
    ]
    per_condition = written.groupby(["group", "condition"])["n_trades"].sum().unstack()
    assert (per_condition.nunique(axis=1) == 1).all(), "each condition tells every trade"
    assert found["sealed_from"].startswith("2023-04-07")
    assert "In which markets each strategy earns" in page.read_text()
    refuses(run(*GIVEN, "--by", "hour", home=home), "hour")
    refuses(run(*GIVEN, "--html", tmp_path / "conditions.pdf", home=home), "ending in .html")


@pytest.mark.slow
def test_a_browser_draws_the_map_at_desktop_and_phone_width(
    run: Command,
    home: Path,
    tmp_path: Path,
    open_page: Callable[[Path], Any],
    requested: Callable[[Any], set[str]],
) -> None:
    page = tmp_path / "conditions.html"
    assert run(*GIVEN, "--html", page, home=home).code == 0
    opened = open_page(page)
    assert opened.execute_script("return document.querySelectorAll('.heatmaplayer .hm').length") == 1
    assert opened.get_log("browser") == []
    assert requested(opened) <= {"file", "data", "blob"}
    opened.set_window_size(390, 900)
    try:
        opened.get(page.as_uri())
        assert opened.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        opened.set_window_size(1280, 1000)
