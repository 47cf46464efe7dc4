"""What commands show stops where the hold-out begins, depends on nothing behind it, and is written down otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import Command
from tradesieve.market.bars import Bars, format_time
from tradesieve.market.timeframes import DAY
from tradesieve.models.splits import holdout_start
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.sealing import holdout_border, shown_chunks

GIVEN = ("--timeframe", "15m", "--strategies", "volatility_breakout,dip_buying", "--num-strategies", "2")
OPTIMISED = ("trades", "optimise", "volatility_breakout(multiple=1)", "--timeframe", "15m", "--windows", "2",
             "--trials", "2", "--min-trades", "5")  # fmt: skip


@pytest.fixture(scope="module")
def few_bars(small_bars: Bars) -> Bars:
    """Sixty days."""
    return small_bars[:5760]


@pytest.fixture(scope="module")
def border(few_bars: Bars) -> int:
    return holdout_start((int(few_bars.close_time[0]), int(few_bars.close_time[-1])))


@pytest.fixture(scope="module")
def other_holdout(few_bars: Bars, border: int) -> Bars:
    """The same bars before the hold-out, and others in it: reciprocal prices turn every gain into a loss."""
    sealed = few_bars.close_time >= border
    price = float(few_bars.close[~sealed][-1])

    def turned(name: str, source: str) -> np.ndarray:
        return np.where(sealed, price**2 / getattr(few_bars, source), getattr(few_bars, name))

    sources = {"open": "open", "high": "low", "low": "high", "close": "close"}
    return few_bars.with_columns({name: turned(name, source) for name, source in sources.items()})


def looking(folder: Path) -> dict[str, tuple[object, ...]]:
    """Name the commands that show results."""
    return {
        "stats": ("trades", "stats", *GIVEN, "--by", "month", "--html", folder / "stats.html"),
        "plot": ("trades", "plot", *GIVEN, "--output", folder / "plot.html"),
        "generate": ("trades", "generate", *GIVEN, "--output", folder / "trades.csv"),
        "optimise": (*OPTIMISED, "--html", folder / "walk.html"),
        "compute": ("factors", "compute", *GIVEN, "--features", "minimal", "--output", folder / "features.csv"),
        "describe": ("factors", "describe", *GIVEN, "--features", "minimal", "--html", folder / "features.html"),
    }


@pytest.mark.parametrize("command", looking(Path()))
def test_what_is_shown_does_not_depend_on_the_holdout(
    run: Command,
    make_home: Callable[..., Settings],
    few_bars: Bars,
    other_holdout: Bars,
    border: int,
    tmp_path: Path,
    command: str,
) -> None:
    shown = []
    for bars in (few_bars, other_holdout):
        home = make_home(bars=bars)
        ended = run(*looking(tmp_path)[command], "--json", home=home.home)
        assert ended.json()["sealed_from"] == format_time(border)
        written = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
        for path in written:
            (tmp_path / path).unlink()
        shown.append((ended.out, written))
        assert home.ledger.holdout_openings(["AAA"]) == []
    assert shown[0] == shown[1]
    assert shown[0][1], "a file is written"


def test_what_is_shown_of_the_holdout_depends_on_it(
    run: Command, make_home: Callable[..., Settings], few_bars: Bars, other_holdout: Bars
) -> None:
    whole = [
        run("trades", "generate", *GIVEN, "--with-holdout", "--json", home=make_home(bars=bars).home).out
        for bars in (few_bars, other_holdout)
    ]
    assert whole[0] != whole[1]


@pytest.mark.parametrize("command", ["stats", "plot", "generate", "optimise", "compute"])
def test_a_look_at_the_holdout_is_said_and_recorded(
    run: Command, make_home: Callable[..., Settings], few_bars: Bars, border: int, tmp_path: Path, command: str
) -> None:
    home = make_home(bars=few_bars)
    arguments = list(looking(tmp_path)[command])
    sealed = run(*arguments, home=home.home).out
    assert f"results stop at {format_time(border)[:10]}, where the hold-out begins" in sealed
    assert "--with-holdout" in sealed
    arguments += ["--replace"] * (command in ("stats", "generate"))
    told = run(*arguments, "--with-holdout", "--json", home=home.home).json()
    assert (told["sealed_from"], told["holdout_opening"]) == (None, 1)
    said = run(*arguments, "--with-holdout", home=home.home).out
    assert "the gate of an experiment that opens it next allows 1/4 of the errors" in said, "the same look counts once"
    (look,) = home.ledger.holdout_openings(["AAA"])
    assert (look["border"], look["until"], look["look"]) == (border, int(few_bars.close_time[-1]), True)
    assert look["reason"].startswith(("trades ", "factors ")[command == "compute"] + command)


def test_an_export_may_be_whole(
    run: Command, make_home: Callable[..., Settings], few_bars: Bars, border: int, tmp_path: Path
) -> None:
    home, path = make_home(bars=few_bars).home, tmp_path / "trades.csv"
    assert run("trades", "generate", *GIVEN, "--output", path, home=home).code == 0
    until_border = pd.read_csv(path)
    assert until_border["exit_time"].max() < border
    run("trades", "generate", *GIVEN, "--output", path, "--replace", "--with-holdout", home=home)
    whole = pd.read_csv(path)
    assert whole["exit_time"].max() > border
    ended = whole[whole["exit_time"] < border].reset_index(drop=True)
    closed = until_border[until_border["exit_reason"] != "end_of_data"].reset_index(drop=True)
    pd.testing.assert_frame_equal(closed, ended)


def test_a_look_lowers_the_limits_of_an_experiment(
    run: Command, make_home: Callable[..., Settings], small_experiment: Experiment, tmp_path: Path
) -> None:
    config = tmp_path / "experiment.yaml"
    config.write_text(small_experiment.to_yaml())
    limits, said = [], []
    for options in ((), ("--with-holdout",)):
        home = make_home()
        assert run("trades", "stats", "--config", config, *options, home=home.home).code == 0
        result = run_experiment(small_experiment, home)
        (condition,) = (each for each in result["gate"]["conditions"] if each["name"] == "beats_random_filter")
        limits.append(condition["threshold"])
        said.append(run("model", "experiment", "--config", config, home=home.home).out)
        assert result["holdout_looks"] == len(options)
    assert limits == pytest.approx([0.05, 0.0125])
    assert "the hold-out was not opened before." in said[0]
    assert (
        "the hold-out was opened 1 time before, of which 1 look without a judgement, so the gate allows 1/4" in said[1]
    )


def test_the_border_is_that_of_an_experiment(finished: Any) -> None:
    chunks = load_chunks(finished.experiment, finished.settings)
    border = holdout_border(finished.experiment, chunks)
    assert finished.result["data"]["holdout"][0] == format_time(border)
    less = replace(finished.experiment, plan=replace(finished.experiment.plan, holdout_fraction=0.5))
    assert holdout_border(less, chunks) < border


def test_a_later_start_does_not_look_behind_an_earlier_border_unseen(
    run: Command, make_home: Callable[..., Settings], few_bars: Bars, border: int
) -> None:
    home = make_home(bars=few_bars)
    late = few_bars.close_time[-1] - 8 * DAY
    said = run("trades", "stats", *GIVEN, "--from", format_time(int(late)), home=home.home).out
    assert f"without --from the hold-out begins at {format_time(border)[:10]}" in said
    (look,) = home.ledger.holdout_openings(["AAA"])
    end = holdout_start((int(late), int(few_bars.close_time[-1]))) - 1
    assert border < late < look["border"] + DAY
    assert (look["until"], look["look"]) == (end, True)
    later = (end + 1, int(few_bars.close_time[-1]))
    assert home.ledger.holdout_openings(["AAA"], later) == [], "an experiment that begins as late pays nothing"
    assert len(home.ledger.holdout_openings(["AAA"], (border, later[1]))) == 1
    run("trades", "stats", *GIVEN, "--from", format_time(int(few_bars.close_time[0]) - 1), home=home.home)
    assert len(home.ledger.holdout_openings(["AAA"])) == 1, "a start before the first bar is no later start"
    noon, evening = (format_time(int(few_bars.close_time[-1]) - hours * DAY // 24) for hours in (12, 6))
    said = run("trades", "stats", *GIVEN, "--from", noon, "--to", evening, home=home.home).out
    assert "without --from the hold-out begins at" in said
    assert "results stop at" not in said, "a few hours have no hold-out of their own"
    assert home.ledger.holdout_openings(["AAA"])[1]["until"] == few_bars.close_time[-1] - DAY // 4


def test_symbols_of_the_holdout_alone_are_left_out(make_home: Callable[..., Settings], few_bars: Bars) -> None:
    home = make_home(bars=few_bars)
    home.bars.append(replace(few_bars[-200:], symbol="NEW"))
    experiment = Experiment(symbols=("AAA", "NEW"), timeframes=("15m",), num_strategies=1)
    seen = shown_chunks(experiment, load_chunks(experiment, home), home, with_holdout=False, reason="a test")
    assert [chunk.symbol for chunk in seen.chunks] == ["AAA"]
    assert "NEW 15m is left out: all its bars lie in the hold-out" in seen.describe()


def test_too_few_bars_have_no_holdout(make_home: Callable[..., Settings], few_bars: Bars) -> None:
    home = make_home(bars=few_bars[:20])
    experiment = Experiment(symbols=("AAA",), timeframes=("15m",), num_strategies=1)
    for with_holdout in (False, True):
        seen = shown_chunks(experiment, load_chunks(experiment, home), home, with_holdout=with_holdout, reason="a test")
        assert len(seen.chunks[0].bars) == 20
        assert (seen.as_dict(), seen.describe()) == ({"sealed_from": None, "holdout_opening": None}, [])
    assert home.ledger.holdout_openings(["AAA"]) == []
