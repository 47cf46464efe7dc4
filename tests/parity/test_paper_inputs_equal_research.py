"""A model with every kind of input decides live, over HTTP, as in research, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.market.errors import BadInput
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.artifact.artifact import Artifact, load_artifact, release
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.evaluation import evaluate
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.local_service import serve_locally
from tradesieve.pipelines.runs.paper_replay import PaperResult, replay
from tradesieve.pipelines.runs.research_trades import load_model_chunk, research_trades
from tradesieve.pipelines.settings import Settings
from tradesieve.strategies.trades import TRADE_COLUMNS

pytestmark = pytest.mark.slow

DAY = 86_400_000_000_000
TIMEFRAME = parse_timeframe("15m")
GAUGE = "GAUGE"
FEATURES = (
    "close__slope__window_20",
    "trade__side",
    "trade__agreeing",
    "trade__reward_to_risk",
    "trade__stop_distance__window_20",
    "trade__target_distance__window_20",
    "results__win_share__window_10",
    "results__mean_result__window_5",
    "close_of_GAUGE__slope__window_20",
    "bars_1h_of_GAUGE__range__window_4",
    "close_1h__slope__window_8",
    "bars_1h_so_far__range__window_3",
    "close_aligned__slope__window_40",
    "bars_1h_so_far_aligned__position_in_range__window_3",
    "close_1h_aligned_of_GAUGE__change__window_3",
    "close_beside_GAUGE__slope__window_20",
    "other_symbols",
)


@pytest.fixture(scope="module")
def experiment(settings: Settings) -> Experiment:
    market = SyntheticMarket(edge=0.2, reversion=0.06, n_days=60, timeframe=TIMEFRAME)
    for symbol in ("TREND-A", "TREND-B"):
        settings.bars.append(market.generate(symbol)[0])
    # The gauge begins later than the others, and does not trade at every close.
    settings.bars.append(replace(market.generate("GAUGE")[0][400::3], symbol=GAUGE))
    return Experiment(
        symbols=("TREND-A", "TREND-B"),
        timeframes=("15m",),
        num_strategies=6,
        strategies=("volatility_breakout", "dip_buying"),
        features=FEATURES,
        plan=Plan(engines={"lightgbm": 2}, applications=("proportional",), n_folds=3, minimum_trades=5),
    )


@pytest.fixture(scope="module")
def artifact(settings: Settings, experiment: Experiment) -> Artifact:
    result = run_experiment(experiment, settings)
    assert result["certificates"] == {"causality": True, "parity": True}
    found = load_artifact(Path(result["artifact"]))
    return release(found, settings.home / "released" / "one", run_id=result["run_id"], override="a test")


@pytest.fixture(scope="module")
def url(settings: Settings, artifact: Artifact) -> Iterator[str]:
    with serve_locally(artifact.folder, settings) as found:
        yield found


def assert_equal(result: PaperResult) -> None:
    assert len(result.trades) > 20
    for column in (*TRADE_COLUMNS, "size", "score"):
        live, research = result.trades[column].to_numpy(), result.research[column].to_numpy()
        assert live.dtype == research.dtype, column
        if live.dtype.kind in "fi":
            assert live.tobytes() == research.tobytes(), column
        else:
            assert live.tolist() == research.tolist(), column
    assert result.agrees


@pytest.mark.parametrize("n_days", [9, 4])
def test_every_trade_is_equal_bit_for_bit(settings: Settings, artifact: Artifact, url: str, n_days: int) -> None:
    """The record of what closed before the start is known, whenever that is."""
    end = int(settings.bars.load("TREND-A", TIMEFRAME).close_time[-1])
    result = replay(
        artifact.folder,
        settings,
        symbol="TREND-A",
        timeframe=None,
        start_time=end - n_days * DAY,
        end_time=end,
        url=url,
    )
    assert_equal(result)
    assert len(np.unique(result.trades["score"])) > 10


def test_a_start_before_the_gauge_is_known(settings: Settings, artifact: Artifact, url: str) -> None:
    """Decisions can be asked for once every window is whole, the other symbol's too."""
    bars, gauge = settings.bars.load("TREND-A", TIMEFRAME), settings.bars.load(GAUGE, TIMEFRAME)
    needed = artifact.requirements("15m", "TREND-A")
    end = int(gauge.close_time[0]) + 12 * DAY
    result = replay(artifact.folder, settings, symbol="TREND-A", timeframe=None, start_time=None, end_time=end, url=url)
    assert_equal(result)
    first = gauge.close_time[needed.others[GAUGE] - 1]
    assert first > bars.close_time[needed.bars]
    assert result.trades["decision_time"].min() >= first
    assert result.n_bars == np.count_nonzero((bars.close_time >= first) & (bars.close_time <= end))


def test_the_model_reads_every_input(settings: Settings, artifact: Artifact) -> None:
    """The alarm: to change what a decision knows changes scores, so that equal scores mean something."""
    bars = settings.bars.load("TREND-A", TIMEFRAME)
    chunk = load_model_chunk(artifact, "TREND-A", "15m", settings)
    gauge = settings.bars.load(GAUGE, TIMEFRAME)
    start = int(bars.close_time[-800])
    trades = research_trades(artifact, chunk, settings, start_time=start)
    upside_down = replace(
        gauge, open=1e4 / gauge.open, high=1e4 / gauge.low, low=1e4 / gauge.high, close=1e4 / gauge.close
    )
    other = research_trades(
        artifact, replace(chunk, others={**chunk.others, GAUGE: upside_down}), settings, start_time=start
    )
    assert (trades["score"] != other["score"]).any()
    time, side = trades["decision_time"].to_numpy(), trades["side"].to_numpy(np.float64)
    n = len(time)
    blind = Decisions(
        time, side, np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan), np.zeros(0), np.zeros(n), np.zeros(n)
    )
    assert (artifact.score(bars, blind, others=chunk.others) != trades["score"]).any()


def test_an_evaluation_of_some_strategies_counts_the_agreement_of_all(settings: Settings, artifact: Artifact) -> None:
    """Who agrees is a question to all instances that the model knows, whichever of them are looked at."""
    chunk = load_model_chunk(artifact, "TREND-A", "15m", settings)
    start = int(chunk.bars.close_time[-800])
    every = research_trades(artifact, chunk, settings, start_time=start)
    name = chunk.strategies[0].id
    some = research_trades(artifact, chunk, settings, start_time=start, strategies=[name])
    own = every[every["strategy"] == name].reset_index(drop=True)
    assert len(some) > 5
    assert some["score"].tolist() == own["score"].tolist()
    market = SyntheticMarket(edge=0.2, reversion=0.06, n_days=75, timeframe=TIMEFRAME)
    for symbol in ("TREND-A", "TREND-B"):
        settings.bars.append(market.generate(symbol)[0], replace=True)
    settings.bars.append(replace(market.generate("GAUGE")[0][400::3], symbol=GAUGE), replace=True)
    assert evaluate(artifact, settings, strategies=["dip_buying"])["filtered"]["n_trades"] >= 0


def test_a_symbol_without_bars_is_named(settings: Settings, experiment: Experiment) -> None:
    blind = replace(experiment, features=("close__slope__window_20", "close_of_SPY__slope__window_20"))
    with pytest.raises(BadInput, match="features read SPY beside TREND-A: no bars of SPY"):
        run_experiment(blind, settings)
