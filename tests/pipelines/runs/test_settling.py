"""Finer bars settle what came first within a bar: from the YAML and the command line to the trades."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.resampling import resample
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.command_line import main
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import Chunk, load_chunks
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.registry import parse_strategy

RULE = "volatility_breakout(window=20,multiple=1)+fixed_stop(ranges=0.5)+reward_target(reward=1)"
FIVE, FIFTEEN = parse_timeframe("5m"), parse_timeframe("15m")


@pytest.fixture(scope="module")
def finer() -> Bars:
    return SyntheticMarket(n_days=30, timeframe=FIVE).generate("AAA")[0]


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Settings], finer: Bars) -> Settings:
    return make_home(bars=finer)


def key(chunk: Chunk) -> str:
    return chunk.trades_key(chunk.strategies)


@pytest.fixture(scope="module")
def settled() -> Experiment:
    return Experiment(symbols=("AAA",), timeframes=("15m",), strategies=(RULE,), num_strategies=None, settle_with="5m")


def test_trades_are_those_of_the_simulator_with_finer_bars(home: Settings, settled: Experiment, finer: Bars) -> None:
    (chunk,), (plain,) = load_chunks(settled, home), load_chunks(replace(settled, settle_with=None), home)
    bars = resample(finer, FIFTEEN)
    with_finer, without = generate_trades(chunk, home), generate_trades(plain, home)
    for found, given in ((with_finer, finer), (without, None)):
        expected = simulate(parse_strategy(RULE), bars, chunk.instrument, finer=given)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert chunk.aligned_finer.covered_rate == 1.0
    stops = [(table["exit_reason"] == "stop").mean() for table in (with_finer, without)]
    assert stops[0] < stops[1], "what was taken for a loss was none"


def test_the_finer_bars_are_part_of_what_trades_follow_from(
    make_home: Callable[..., Settings], home: Settings, settled: Experiment, finer: Bars
) -> None:
    (chunk,) = load_chunks(settled, home)
    assert key(chunk) != key(load_chunks(replace(settled, settle_with=None), home)[0])
    # One minute more volume changes no coarse price, but it is another file.
    volume = finer.volume.copy()
    volume[100] += 1.0
    other = make_home(bars=resample(finer, FIFTEEN))
    other.bars.append(replace(finer, volume=volume))
    (changed,) = load_chunks(settled, other)
    assert changed.bars.fingerprint == chunk.bars.fingerprint
    assert key(changed) != key(chunk)


def test_timeframes_that_are_not_longer_stay_as_they_are(home: Settings, settled: Experiment) -> None:
    fine, coarse = load_chunks(replace(settled, timeframes=("5m", "15m")), home)
    assert (fine.finer, coarse.finer is not None) == (None, True)
    assert len(generate_trades(fine, home)) > 0
    both = replace(settled, timeframes=("5m", "15m"))
    apart = [key(load_chunks(both.restricted_to("AAA", timeframe), home)[0]) for timeframe in both.timeframes]
    assert apart == [key(fine), key(coarse)], "a flow's task makes the trades that the whole reads"


def test_finer_bars_of_another_source_are_refused(
    make_home: Callable[..., Settings], settled: Experiment, finer: Bars
) -> None:
    other = make_home(bars=SyntheticMarket(n_days=30, timeframe=FIFTEEN, seed=8).generate("AAA")[0])
    other.bars.append(finer)
    with pytest.raises(BadInput, match="those bars of AAA make up none of its 15m bars: they are of another source"):
        load_chunks(settled, other)


@pytest.mark.parametrize(
    ("finer", "said"),
    [
        ("3m", "settle_with is 3m, but 5m bars are not made up of 3m bars"),
        ("15m", "settle_with is 15m, but no timeframe is longer"),
        ("soon", "timeframe 'soon' is not valid"),
    ],
)
def test_a_timeframe_that_settles_nothing_is_refused(finer: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Experiment(symbols=("A",), timeframes=("5m", "15m"), settle_with=finer)


def test_the_command_line_says_how_much_is_settled(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADESIEVE_HOME", str(home.home))
    given = ["trades", "generate", "--strategies", RULE, "--timeframe", "15m"]

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["tradesieve", *given, *arguments])
        main()
        return capsys.readouterr().out

    assert "5m bars settle the order of events within 100.0% of the 15m bars of AAA" in run("--settle-with", "5m")
    assert json.loads(run("--settle-with", "5m", "--json"))["settled"] == {"AAA 15m": 1.0}
    assert json.loads(run("--json"))["settled"] == {}
    (config := tmp_path / "experiment.yaml").write_text("symbols: [AAA]\ntimeframes: [15m]\nsettle_with: 5m\n")
    assert json.loads(run("--config", str(config), "--json"))["settled"] == {"AAA 15m": 1.0}
