"""tradesieve events: table, file and page say the same, stop at the hold-out, and a wrong event is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.pipelines.command_runs import Command, refuses
from tradesieve.pipelines.settings import Settings

GIVEN = ("events", "close < previous(close)", "--symbols", "AAA", "--timeframe", "15m", "--move", "0.005")


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Settings]) -> Path:
    return make_home().home


def test_it_counts_and_stops_at_the_holdout(run: Command, home: Path, tmp_path: Path) -> None:
    table, page = tmp_path / "events.csv", tmp_path / "events.html"
    done = run(*GIVEN, "--output", table, "--html", page, home=home)
    assert done.code == 0, done.err
    for text in ("By hour: ", "By weekday: ", "By volatility: ", "episodes that do not overlap", "hold-out begins"):
        assert text in done.out
    found = run(*GIVEN, "--json", home=home).json()
    written = pd.read_csv(table)
    assert written["n_events"].tolist() == [row["n_events"] for row in found["rows"]]
    assert found["rows"][0]["n_events"] == found["n_events"] > 1000
    assert found["n_episodes"] < found["n_events"] < found["n_bars"]
    assert "How often the move followed" in page.read_text()
    assert found["holdout_opening"] is None
    looked = run(*GIVEN, "--with-holdout", "--json", home=home).json()
    assert looked["holdout_opening"] == 1
    assert looked["n_bars"] > found["n_bars"]


def test_what_is_wrong_is_refused(run: Command, home: Path, tmp_path: Path) -> None:
    wrong = run("events", "clse > 5", *GIVEN[2:], home=home)
    assert wrong.code == 2
    assert wrong.err.splitlines()[-2:] == ["    clse > 5", "    ^"]
    refuses(run("events", "close > 5", "--symbols", "AAA", "--timeframes", "15m,1h", home=home), "one timeframe")
    refuses(run(*GIVEN, "--move", "2", home=home), "between 0 and 1")
    refuses(run(*GIVEN, "--html", tmp_path / "events.pdf", home=home), "ending in .html")
