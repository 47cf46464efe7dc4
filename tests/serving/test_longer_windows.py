"""Windows that are built from shorter bars are research's, bit for bit, however the shorter ones arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.resampling import resample
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.longer_windows import complete_bars
from tradesieve.serving.problem_details import Problem
from tradesieve.serving.schemas import AppendRequest, ScoreRequest
from tradesieve.serving.scoring import Scorer

QUARTER = parse_timeframe("15m")


@pytest.fixture(scope="module")
def quarters(artifact_builder: Callable[..., Artifact], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A model of 15m bars, with features of 15m and of 1h."""
    features = ("close__slope__window_20", "close_1h__slope__window_5", "bars_1h_so_far__range__window_2")
    return artifact_builder(tmp_path_factory.mktemp("longer") / "a", timeframe="15m", features=features)


def holed(bars: Bars, share: float) -> Bars:
    return bars.where(np.random.default_rng(4).random(len(bars)) >= share)


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("base", ["1m", "5m"])
def test_decisions_on_built_windows_are_research(
    quarters: Artifact, base: str, share: float, bars_maker: Callable[..., Bars], columns_of: Callable[[Bars], dict]
) -> None:
    short = holed(bars_maker("BTC-USD", timeframe=base)[: 6000 if base == "1m" else 2000], share)
    research = resample(short, QUARTER)
    scorer, chance = Scorer(quarters), np.random.default_rng(1)
    first, decided, expected = 7, 0, []
    while first < len(short):
        last = first + int(chance.integers(1, 40))
        part = short[max(0, first - int(chance.integers(0, 3))) : last]  # what was sent may be sent again
        scorer.append(AppendRequest(symbol="BTC-USD", timeframe=base, bars=columns_of(part)))
        first = last
        held = scorer.windows.get("BTC-USD", "15m")
        if held is None or len(held) < quarters.requirements("15m").bars:
            continue
        time = int(held.close_time[-1])
        row = int(np.searchsorted(research.close_time, time))
        for name in COLUMNS:
            same = getattr(research, name)[row + 1 - len(held) : row + 1]
            assert getattr(held, name).tobytes() == same.tobytes()
        question: dict[str, Any] = {"symbol": "BTC-USD", "timeframe": "15m", "side": 1, "decision_time": time}
        answer = scorer.score(ScoreRequest(strategy="breakout(lookback=20)", **question))
        expected.append((answer.score, quarters.score(research, Decisions(np.array([time]), np.array([1.0])))[0]))
        decided += 1
    assert decided > 40
    assert all(served == batch for served, batch in expected)
    assert len({served for served, _ in expected}) > 10


def test_a_bar_is_built_once_it_is_complete_and_never_from_half_of_it(bars_maker: Callable[..., Bars]) -> None:
    short = bars_maker("BTC-USD")[:30]  # the first opens a quarter
    assert (short.close_time[0] - short.timeframe.duration) % QUARTER.duration == 0
    for first, last, n_bars in ((0, 3, 1), (0, 2, 0), (0, 5, 1), (1, 6, 1), (1, 3, 0), (2, 9, 2)):
        built = complete_bars(short[first:last], QUARTER)
        assert len(built) == n_bars
        assert set(built.close_time.tolist()) <= set(resample(short, QUARTER).close_time.tolist())


def test_what_cannot_be_built_is_refused_and_contradictions_too(
    quarters: Artifact, bars_maker: Callable[..., Bars], columns_of: Callable[[Bars], dict]
) -> None:
    scorer, short = Scorer(quarters), bars_maker("BTC-USD")[:300]

    def append(bars: Bars, timeframe: str = "5m", **changes: Any) -> Any:
        request = {"symbol": "BTC-USD", "timeframe": timeframe, "bars": columns_of(bars)} | changes
        return scorer.append(AppendRequest(**request))

    for timeframe in ("10m", "4m", "1h", "1d"):
        with pytest.raises(Problem) as caught:
            append(short, timeframe)
        assert caught.value.status == 404
    appended = append(short[:200].where(np.arange(200) != 150))
    assert (appended.needed, appended.n_bars, appended.absent) == (3, 11, 0)
    changed = short[195:].close.copy()
    changed[0] = short.low[195]
    corrected = short[195:].with_columns({"close": changed})
    with pytest.raises(Problem, match="has close"):
        append(corrected)
    doubled = columns_of(short[200:205])
    doubled["close_time"][1] = doubled["close_time"][0]
    with pytest.raises(Problem) as caught:
        scorer.append(AppendRequest(symbol="BTC-USD", timeframe="5m", bars=doubled))
    assert caught.value.status == 422
    assert append(short[202:210]).absent == 2
    longer = resample(short, QUARTER)
    other = longer.with_columns({"volume": longer.volume + 1.0})
    with pytest.raises(Problem, match="the window holds"):
        append(other, "15m")
    assert append(longer, "15m", replace=True).known == 0
