"""Research trades are those of the simulator, scored alone as in one batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import Bars
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.pipelines.runs.research_trades import load_model_chunk, model_instrument, research_trades
from tradesieve.pipelines.settings import Settings
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.registry import parse_strategy


@pytest.fixture
def home(make_home: Callable[..., Settings]) -> Settings:
    return make_home()


def test_research_trades_are_simulated_and_scored(trained: Artifact, home: Settings, small_bars: Bars) -> None:
    instrument = model_instrument(trained, "AAA")
    start = int(small_bars.close_time[5000])
    trades = research_trades(trained, load_model_chunk(trained, "AAA", "15m", home), home, start_time=start)
    assert trades["decision_time"].is_monotonic_increasing
    assert trades["decision_time"].min() > start
    assert "end_of_data" not in set(trades["exit_reason"])
    for name in trained.manifest["instances"]:
        strategy = name.split("|")[0]
        expected = simulate(parse_strategy(strategy), small_bars, instrument)
        expected = expected[(expected["decision_time"] > start) & (expected["exit_reason"] != "end_of_data")]
        mine = trades[trades["strategy"] == strategy]
        assert mine["net_return"].tolist() == expected["net_return"].tolist()
    row = trades.iloc[len(trades) // 2]
    alone = trained.score(
        small_bars.between(None, int(row["decision_time"]))[-trained.requirements("15m").bars :],
        Decisions(np.array([row["decision_time"]]), np.array([float(row["side"])])),
    )
    assert alone[0] == row["score"]
