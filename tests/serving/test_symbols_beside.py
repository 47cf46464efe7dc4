"""A model that reads symbols beside each other: served values equal research, and what is missing is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.features.feature_sets import expand
from tradesieve.market.bars import Bars
from tradesieve.models.artifact.artifact import Artifact, verify
from tradesieve.serving.problem_details import Problem
from tradesieve.serving.schemas import AppendRequest, ScoreRequest
from tradesieve.serving.scoring import Scorer

SYMBOLS = ("BTC-USD", "ETH-USD")
OWN, OTHER = SYMBOLS
FEATURES = expand(["minimal", "other_symbols"], symbols=SYMBOLS)
ROWS = np.arange(300, 340)
NEEDED = 51
"""The bars that the moves in units of the volatility of 50 bars read."""


@pytest.fixture(scope="module")
def artifact_beside(artifact_builder: Callable[..., Artifact], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return artifact_builder(tmp_path_factory.mktemp("beside") / "first", features=FEATURES)


@pytest.fixture
def scorer(artifact_beside: Artifact) -> Scorer:
    return Scorer(artifact_beside)


@pytest.fixture
def ask(bars_maker: Callable[..., Bars], columns_of: Callable[[Bars], dict]) -> Callable[..., ScoreRequest]:
    """A function that makes the request of a decision with the bars of its own symbol only."""

    def make(row: int = 320, symbol: str = OWN, **changes: Any) -> ScoreRequest:
        window = bars_maker(symbol)[row - 99 : row + 1]
        content = {
            "strategy": "breakout(lookback=20)", "symbol": symbol, "timeframe": "5m", "side": 1.0 if row % 2 else -1.0,
            "decision_time": int(window.close_time[-1]), "bars": columns_of(window),
        }  # fmt: skip
        return ScoreRequest(**(content | changes))

    return make


def appended(bars: Bars, columns_of: Callable[[Bars], dict], *, replaces: bool = False) -> AppendRequest:
    return AppendRequest(symbol=bars.symbol, timeframe="5m", bars=columns_of(bars), replace=replaces)


def refusal(scorer: Scorer, request: ScoreRequest) -> Problem:
    with pytest.raises(Problem) as caught:
        scorer.score(request)
    return caught.value


def test_the_manifest_names_every_feature_and_what_a_decision_requires(artifact_beside: Artifact) -> None:
    assert artifact_beside.manifest["features"] == list(FEATURES)
    assert all("each" not in name for name in FEATURES)
    for own, other in (SYMBOLS, SYMBOLS[::-1]):
        required = artifact_beside.requirements("5m", own)
        assert (required.bars, required.others) == (100, {other: NEEDED})
    assert artifact_beside.requirements("5m").others == dict.fromkeys(SYMBOLS, NEEDED)
    assert verify(artifact_beside) == 6


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_scores_from_requests_and_from_windows_are_those_of_research(
    scorer: Scorer, ask: Callable[..., ScoreRequest], columns_of: Callable[[Bars], dict],
    bars_maker: Callable[..., Bars], symbol: str,
) -> None:  # fmt: skip
    (other,) = set(SYMBOLS) - {symbol}
    bars, beside = bars_maker(symbol), bars_maker(other)
    decisions = Decisions(bars.close_time[ROWS], np.where(ROWS % 2, 1.0, -1.0))
    expected = scorer.artifact.score(bars, decisions, others={other: beside})
    sent = [
        scorer.score(ask(row, symbol, others={other: columns_of(beside[row + 1 - NEEDED : row + 1])})) for row in ROWS
    ]
    assert np.array([answer.score for answer in sent]).tobytes() == expected.tobytes()
    scorer.append(appended(beside[ROWS[0] + 1 - NEEDED : ROWS[0]], columns_of))
    for row, answer in zip(ROWS, sent, strict=True):
        scorer.append(appended(beside[row : row + 1], columns_of))
        assert scorer.score(ask(row, symbol)) == answer
    alone = scorer.artifact.score(bars, decisions, others={other: replace(beside[:100], symbol=other)})
    assert (alone != expected).any(), "the model reads the other symbol"


def test_a_request_with_its_own_bars_only_is_told_what_to_push(
    scorer: Scorer,
    ask: Callable[..., ScoreRequest],
    columns_of: Callable[[Bars], dict],
    bars_maker: Callable[..., Bars],
) -> None:
    problem = refusal(scorer, ask())
    assert (problem.status, problem.kind, problem.field) == (409, "no-window", f"others.{OTHER}")
    assert problem.detail == f"the model reads {OTHER} beside {OWN}, but the service holds no bars of {OTHER} 5m"
    assert problem.hint == (f"send its last {NEEDED} closed bars as others.{OTHER}, or append them by POST /bars first")
    beside = bars_maker(OTHER)
    scorer.append(appended(beside[320 + 1 - NEEDED : 321], columns_of))
    assert scorer.score(ask()).score > 0


def test_a_window_that_lags_is_refused_and_bars_that_were_sent_are_believed(
    scorer: Scorer,
    ask: Callable[..., ScoreRequest],
    columns_of: Callable[[Bars], dict],
    bars_maker: Callable[..., Bars],
) -> None:
    """The service cannot know whether a bar is late or does not exist; who sends the bars says that it does not."""
    bars, beside = bars_maker(OWN), bars_maker(OTHER)
    late = beside[200:320]
    scorer.append(appended(late, columns_of))
    problem = refusal(scorer, ask())
    assert (problem.status, problem.kind, problem.field) == (409, "stale-window", f"others.{OTHER}")
    assert f"none of the service's bars of {OTHER} 5m closes at the decision" in problem.detail
    assert f"append the bars of {OTHER} up to the decision by POST /bars first" in problem.hint
    answer = scorer.score(ask(others={OTHER: columns_of(late[-NEEDED:])}))
    decision = Decisions(bars.close_time[320:321], np.array([-1.0]))
    assert answer.score == scorer.artifact.score(bars, decision, others={OTHER: late})[0]
    assert any(f"the last bar of {OTHER} closes at" in reason for reason in answer.reasons)
    scorer.append(appended(beside[320:321], columns_of))
    assert scorer.score(ask()).score != answer.score
