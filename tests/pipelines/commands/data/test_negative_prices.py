"""Prices at or below zero, as those of oil on 2020-04-20: stored if wanted, refused where returns are needed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import Command, Ended, refuses
from tradesieve.market.bars import COLUMNS, PRICES, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.pipelines.runs.research_trades import load_model_chunk
from tradesieve.pipelines.settings import Settings

QUARTERS = parse_timeframe("15m")
NEGATIVE = slice(1000, 1007)
"""The bars whose prices are below zero, the first and the last but for their open and close."""
ELEVENTH = ("--from", "2023-01-11", "--to", "2023-01-12")
FIRST, LAST = "2023-01-11T10:15:00Z", "2023-01-11T11:45:00Z"


def oil_bars() -> Bars:
    """Thirty days of a market that traded below zero for a while."""
    bars = SyntheticMarket(n_days=30, timeframe=QUARTERS).generate("OIL")[0]
    columns = {name: getattr(bars, name).copy() for name in COLUMNS}
    for name, price in zip(("open", "high", "low", "close"), (-30.0, -20.0, -40.0, -37.6), strict=True):
        columns[name][NEGATIVE] = price
    columns["high"][NEGATIVE.start] = columns["open"][NEGATIVE.start] = 1.0
    return Bars("OIL", QUARTERS, **columns, allow_negative=True)


def file_of(bars: Bars, path: Path) -> Path:
    columns = {"time": bars.open_time // 10**9} | {name: getattr(bars, name) for name in COLUMNS[1:]}
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


@pytest.fixture
def oil(tmp_path: Path) -> Path:
    return file_of(oil_bars(), tmp_path / "oil.csv")


@pytest.fixture
def importing(run: Command) -> Command:
    def call(*arguments: object) -> Ended:
        return run("data", "import", *arguments, "--symbol", "OIL", "--timeframe", "15m")

    return call


@pytest.fixture
def stored(importing: Command, oil: Path, tmp_path: Path) -> BarStore:
    """A home with the bars; those of the first half were imported later."""
    bars = oil_bars()
    assert importing(file_of(bars[900:], tmp_path / "later.csv"), "--allow-negative").code == 0
    assert importing(file_of(bars[:950], tmp_path / "earlier.csv")).code == 0
    return BarStore(tmp_path / "home" / "bars")


def test_such_rows_are_refused_and_a_proposed_command_stores_them(
    run: Command, importing: Command, oil: Path, tmp_path: Path
) -> None:
    refused = importing(oil)
    refuses(refused, f"row {NEGATIVE.start} at {FIRST} has a price that is not positive", "low -40", "and 2 more")
    assert len(re.findall(r"row \d+ at", refused.err)) == 5
    proposed = refused.err.partition("import it with: ")[2].strip().split(" or: ")
    assert len(proposed) == 2
    (command,) = [each for each in proposed if "--allow-negative" in each]
    words = shlex.split(command)
    ended = run(*words[words.index("data") :])
    assert ended.code == 0, ended.err
    assert "kept 7 rows at or below zero: row 1000" in ended.out
    assert BarStore(tmp_path / "home" / "bars").load("OIL", QUARTERS, end=int(oil_bars().close_time[999])).has_volume


def test_the_mark_stays_with_the_series_but_is_no_leave_for_later_imports(
    importing: Command, stored: BarStore, tmp_path: Path
) -> None:
    bars = oil_bars()
    kept = stored.stored_bars("OIL", QUARTERS)
    assert kept.allow_negative
    assert kept.fingerprint == bars.fingerprint
    assert stored.allows_negative("OIL")
    later = bars.with_columns({"close_time": bars.close_time + 40 * DAY})
    before = stored.path("OIL", QUARTERS).read_bytes()
    refuses(importing(file_of(later, tmp_path / "again.csv")), "has a price that is not positive")
    assert stored.path("OIL", QUARTERS).read_bytes() == before


def test_an_import_that_needs_no_leave_makes_no_mark(importing: Command, tmp_path: Path) -> None:
    assert importing(file_of(oil_bars()[:900], tmp_path / "calm.csv"), "--allow-negative").code == 0
    assert not BarStore(tmp_path / "home" / "bars").allows_negative("OIL")


def test_other_laws_hold_beside_them(importing: Command, tmp_path: Path) -> None:
    bars = oil_bars()
    path = file_of(bars, tmp_path / "oil.csv")
    frame = pd.read_csv(path)
    frame.loc[3, "high"] = 0.0
    frame.to_csv(path, index=False)
    refuses(importing(path, "--allow-negative"), "row 3", "has a high below its open or close")
    ended = importing(path, "--allow-negative", "--bad-rows", "drop", "--json")
    assert ended.json()["files"][0]["bars"] == len(bars) - 1


def test_it_is_listed_checked_plotted_resampled_and_removed(run: Command, stored: BarStore, tmp_path: Path) -> None:
    (row,) = run("data", "list", "--json").json()["bars"]
    assert (row["allows_negative"], row["has_volume"]) == (True, True)
    assert "prices at or below zero" in run("data", "list").out
    (row,) = run("data", "check", "--json", "--plot", tmp_path / "page.html").json()["bars"]
    (finding,) = [each for each in row["findings"] if each["kind"] == "negative_price"]
    assert (finding["count"], finding["defect"], finding["worst"]) == (7, False, f"-40 at {FIRST}")
    assert np.isfinite(row["distribution"]["return_mean"])
    assert row["n_defects"] == 0
    assert (tmp_path / "page.html").is_file()
    assert run("data", "resample", "--symbol", "OIL", "--timeframe", "1d").code == 0
    days = stored.stored_bars("OIL", parse_timeframe("1d"))
    assert (days.allow_negative, days.low.min()) == (True, -40.0)
    refuses(run("data", "repair", "--symbol", "OIL", "--timeframe", "15m", "--fix", "splits"), "at or below zero")
    removed = run("data", "remove", "--symbol", "OIL", "--timeframe", "15m", *ELEVENTH)
    assert removed.code == 0
    assert stored.load("OIL", QUARTERS).low.min() > 0


@pytest.mark.parametrize(
    "command",
    [
        ("trades", "generate", "--output", "trades.parquet"),
        ("trades", "stats"),
        ("factors", "compute", "--features", "close__change__window_5", "--output", "factors.csv"),
        ("factors", "describe", "--features", "close__change|volatility__window_5"),
        ("factors", "check", "--features", "close__change__window_5", "--times", "4"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_what_needs_returns_refuses_it_up_to_the_last_such_bar(
    run: Command, stored: BarStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [*command, "--symbols", "OIL", "--timeframe", "15m"]
    if command[1] != "check":
        given += ["--strategies", "dip_buying", "--num-strategies", "1"]
    refused = run(*given)
    refuses(refused, f"the bar that closes at {FIRST} has a price of -40, the first of 7 such bars", "--from")
    proposed = re.search(r"--from (\S+),", refused.err)
    assert proposed is not None
    assert proposed[1] == LAST
    ended = run(*given, "--from", proposed[1])
    assert ended.code == 0, ended.err


def test_the_bars_before_the_first_one_can_be_used(run: Command, stored: BarStore) -> None:
    given = ["trades", "stats", "--symbols", "OIL", "--timeframe", "15m", "--strategies", "dip_buying"]
    assert run(*given, "--num-strategies", "1", "--to", "2023-01-11T10:00").code == 0


def test_an_experiment_refuses_it_too(run: Command, stored: BarStore) -> None:
    given = ["--symbols", "OIL", "--timeframe", "15m", "--num-strategies", "1"]
    refuses(run("model", "experiment", *given), f"closes at {FIRST}", f"--from {LAST}")


def test_a_series_that_features_read_beside_another_is_refused_likewise(run: Command, stored: BarStore) -> None:
    bars = SyntheticMarket(n_days=30, timeframe=QUARTERS).generate("AAA")[0]
    stored.append(bars)
    given = ["--symbols", "AAA", "--timeframe", "15m", "--features", "close_of_OIL__change__window_5"]
    refuses(run("factors", "check", *given), "features read OIL beside AAA", f"--from {LAST}")
    assert run("factors", "check", *given, "--times", "4", "--from", LAST).code == 0


def test_a_model_knows_a_marked_market_from_its_training_on(
    trained: Artifact, make_home: Callable[..., Settings], small_bars: Bars
) -> None:
    settings = make_home()
    first = small_bars[:20]
    below = dict.fromkeys(PRICES, np.full(len(first), -1.0))
    earlier = {"close_time": first.close_time - len(first) * QUARTERS.duration, **below, "allow_negative": True}
    settings.bars.append(first.with_columns(earlier))
    with pytest.raises(BadInput, match="at or below zero"):
        settings.bars.load("AAA", QUARTERS)
    chunk = load_model_chunk(trained, "AAA", "15m", settings)
    assert chunk.bars.fingerprint == small_bars.fingerprint
