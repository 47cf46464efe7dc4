"""Calendar weeks and months: what a service answers from its last bars is what research computed, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_names import parse_features
from tradesieve.features.feature_sets import MINIMAL
from tradesieve.features.requirements import requirements_of
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.errors import BadInput
from tradesieve.market.resampling import resample
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.artifact.artifact import Artifact, load_artifact
from tradesieve.serving.problem_details import Problem
from tradesieve.serving.schemas import AppendRequest, ScoreRequest
from tradesieve.serving.scoring import Scorer

SPANS = (
    "bars__from_week_open",
    "bars__from_last_week_close",
    "bars__from_last_month_low",
    "bars__from_last_month_high",
)
LONGER = ("close_1w__slope__window_5", "bars_1M_so_far__range__window_2", "close_1M__change__window_3")
FEATURES = {"1w": (*MINIMAL, *SPANS), "1d": (*SPANS, *LONGER)}


def columns_of(bars: Bars) -> dict[str, list]:
    return {name: getattr(bars, name).tolist() for name in COLUMNS}


@pytest.mark.parametrize("timeframe", ["1w", "1d"])
def test_served_equals_batch(
    timeframe: str, artifact_builder: Callable[..., Artifact], bars_maker: Callable[..., Bars], tmp_path: Path
) -> None:
    built = artifact_builder(tmp_path / "a", features=FEATURES[timeframe], timeframe=timeframe)
    artifact = load_artifact(built.folder)
    assert str(artifact.golden[0][0].bars.timeframe) == timeframe
    bars, needed = bars_maker("BTC-USD", timeframe=timeframe), artifact.requirements(timeframe).bars
    rows = np.arange(needed + 5, len(bars), 17)
    scores = artifact.score(bars, Decisions(bars.close_time[rows], np.ones(len(rows))))
    scorer, given, held = Scorer(artifact, clock=lambda: int(bars.close_time[-1])), [], []
    last = 0
    for row in rows:
        question = {"strategy": "reversion(window=10)", "symbol": "BTC-USD", "timeframe": timeframe, "side": 1,
                    "decision_time": int(bars.close_time[row])}  # fmt: skip
        given.append(scorer.score(ScoreRequest(**question, bars=columns_of(bars[row - needed + 1 : row + 1]))))
        scorer.append(
            AppendRequest(
                symbol="BTC-USD", timeframe=timeframe, bars=columns_of(bars[last : row + 1]), replace=not last
            )
        )
        last = row + 1
        held.append(scorer.score(ScoreRequest(**question)))
    for answers in (given, held):
        assert np.array([answer.score for answer in answers]).tobytes() == scores.tobytes()
        assert not [reason for answer in answers for reason in answer.reasons if "absent" in reason]


def test_a_month_without_a_bar_is_said_and_two_bars_of_a_week_are_refused(
    artifact_builder: Callable[..., Artifact], bars_maker: Callable[..., Bars], tmp_path: Path
) -> None:
    scorer = Scorer(artifact_builder(tmp_path / "a", features=FEATURES["1w"], timeframe="1w"))
    bars = bars_maker("BTC-USD", timeframe="1w")[:200]
    question = {"strategy": "reversion(window=10)", "symbol": "BTC-USD", "timeframe": "1w", "side": 1,
                "decision_time": int(bars.close_time[-1])}  # fmt: skip
    absent = scorer.score(ScoreRequest(**question, bars=columns_of(bars.where(np.arange(200) != 190))))
    assert any("1 bars are absent" in reason for reason in absent.reasons)
    columns = columns_of(bars)
    columns["close_time"][190] = columns["close_time"][191] - 1
    with pytest.raises(Problem, match="opens before the row before it has closed"):
        scorer.score(ScoreRequest(**question, bars=columns))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("timeframe", ["1w", "1M"])
def test_the_last_window_is_enough_in_every_zone(timeframe: str, zone: str) -> None:
    hours, _ = SyntheticMarket(n_days=2400, timeframe=parse_timeframe("1h")).generate("BTC-USD")
    sessions = None if zone == "UTC" else Sessions(f"00:00 {zone}")
    bars = resample(hours, parse_timeframe(timeframe), sessions=sessions)
    features = (*SPANS, "close__slope__window_20")
    needed = requirements_of(parse_features(features), bars.timeframe).bars
    batch = compute(bars, bars.close_time, features)
    for row in range(needed, len(bars), 3):
        alone = compute(bars[row - needed + 1 : row + 1], bars.close_time[[row]], features)
        assert alone.tobytes() == batch[row : row + 1].tobytes()
    assert np.isfinite(batch[-1]).all()


def test_higher_timeframes_of_the_calendar_are_periods_of_pandas() -> None:
    days, _ = SyntheticMarket(n_days=900, timeframe=parse_timeframe("1d")).generate("BTC-USD")
    values = compute(days, days.close_time, ("close_1w__change__window_2", "close_1M__change__window_2"))
    opened = pd.DatetimeIndex(days.open_time)
    for place, period in enumerate(("W-SUN", "M")):
        close = pd.Series(days.close).groupby(opened.to_period(period)).last()
        # A span is known once its last day has closed.
        known = pd.DatetimeIndex(days.close_time).to_period(period) - 1
        expected = (close / close.shift() - 1).reindex(known).to_numpy()
        inside = np.isfinite(values[:, place])
        assert inside.sum() > 800
        np.testing.assert_allclose(values[inside, place], expected[inside], rtol=1e-12)


def test_what_does_not_make_up_weeks_or_months_is_refused() -> None:
    weeks, _ = SyntheticMarket(n_days=900, timeframe=parse_timeframe("1d")).generate("BTC-USD")
    weeks = resample(weeks, parse_timeframe("1w"))
    for name in ("close_1M__slope__window_3", "close_7d__slope__window_3", "close_14d__slope__window_3"):
        with pytest.raises(BadInput, match="a higher timeframe is a multiple"):
            compute(weeks, weeks.close_time[-1:], (name,))
