"""Decisions: equal to the model's own, refused when the window is not the one that the decision was made on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.models.applications.base import Application
from tradesieve.models.applications.kelly import Kelly
from tradesieve.models.applications.per_rule_threshold import PerRuleThreshold
from tradesieve.models.applications.per_strategy_threshold import PerStrategyThreshold
from tradesieve.models.applications.positive_score import PositiveScore
from tradesieve.models.applications.proportional import Proportional
from tradesieve.models.applications.quantile import Quantile
from tradesieve.models.applications.threshold import Threshold
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.problem_details import Problem, unknown_name
from tradesieve.serving.schemas import AppendRequest, ScoreRequest
from tradesieve.serving.scoring import Scorer
from tradesieve.serving.thresholds import acceptance_thresholds


@pytest.fixture
def scorer(artifact: Artifact) -> Scorer:
    return Scorer(artifact)


def refusal(scorer: Scorer, content: dict[str, Any]) -> Problem:
    with pytest.raises(Problem) as caught:
        scorer.score(ScoreRequest(**content))
    return caught.value


def without(bars: Bars, *rows: int) -> Bars:
    return Bars(bars.symbol, bars.timeframe, *(np.delete(getattr(bars, name), rows) for name in COLUMNS))


def shifted(bars: Bars, nanoseconds: int) -> Bars:
    columns = {name: getattr(bars, name) for name in COLUMNS}
    return Bars(bars.symbol, bars.timeframe, **{**columns, "close_time": bars.close_time + nanoseconds})


def test_a_decision_is_the_models(
    scorer: Scorer, artifact: Artifact, make_request: Callable[..., dict], bars_maker: Callable[..., Bars]
) -> None:
    threshold = artifact.manifest["application"]["parameters"]["threshold"]
    bars = bars_maker("BTC-USD")
    outcomes = set()
    for row in range(300, 340):
        decision = scorer.score(ScoreRequest(**make_request(row, side=-1)))
        expected = artifact.score(bars, Decisions(bars.close_time[[row]], np.array([-1.0])))[0]
        assert decision.score == expected
        assert decision.threshold == threshold
        assert decision.accept == (expected >= threshold)
        assert decision.size == float(decision.accept)
        assert decision.model == artifact.fingerprint
        assert decision.reasons[0].startswith("accepted" if decision.accept else "refused")
        outcomes.add(decision.accept)
    assert outcomes == {True, False}


def test_more_bars_than_needed_change_nothing(
    scorer: Scorer, make_request: Callable[..., dict], bars_maker: Callable[..., Bars], columns_of: Callable
) -> None:
    exact = scorer.score(ScoreRequest(**make_request(500)))
    assert scorer.score(ScoreRequest(**make_request(500, bars=columns_of(bars_maker("BTC-USD")[:501])))) == exact


def test_a_timeframe_may_be_written_otherwise(scorer: Scorer, make_request: Callable[..., dict]) -> None:
    assert scorer.score(ScoreRequest(**make_request(timeframe="300s"))) == scorer.score(ScoreRequest(**make_request()))


@pytest.mark.parametrize(
    ("changes", "field", "hint"),
    [
        ({"strategy": "breakout(lookback=21)"}, "strategy", "did you mean 'breakout(lookback=20)'?"),
        ({"symbol": "BTC-USDT"}, "symbol", "did you mean 'BTC-USD'?"),
        ({"symbol": "§" * 60}, "symbol", "known: BTC-USD, ETH-USD"),
        ({"timeframe": "5mi"}, "timeframe", "did you mean '5m'?"),
        ({"timeframe": "1h"}, "timeframe", "known: 5m"),
        ({"timeframe": "9" * 60}, "timeframe", "known: 5m"),
    ],
)
def test_an_unknown_name_is_a_404_with_the_nearest(
    scorer: Scorer, make_request: Callable[..., dict], changes: dict, field: str, hint: str
) -> None:
    problem = refusal(scorer, make_request(**changes))
    assert (problem.status, problem.kind, problem.field, problem.hint) == (404, "unknown-name", field, hint)


def test_a_combination_that_was_not_trained_is_a_404(
    artifact_builder: Callable[..., Artifact], tmp_path: Path, make_request: Callable[..., dict]
) -> None:
    artifact = artifact_builder(tmp_path / "a")
    artifact.manifest["instances"].pop()  # reversion(window=10)|ETH-USD|5m
    problem = refusal(Scorer(artifact), make_request(strategy="reversion(window=10)", symbol="ETH-USD"))
    assert (problem.status, problem.field) == (404, "instance")


@pytest.mark.parametrize("symbol", ["BTCUSD", "btc/usd", "XBT-USD", "COINBASE:BTCUSD"])
def test_a_symbol_may_be_written_otherwise(
    scorer: Scorer,
    make_request: Callable[..., dict],
    bars_maker: Callable[..., Bars],
    columns_of: Callable,
    symbol: str,
) -> None:
    expected = scorer.score(ScoreRequest(**make_request(320)))
    assert scorer.score(ScoreRequest(**make_request(320, symbol=symbol))) == expected
    bars = bars_maker("BTC-USD")[:50]
    answer = scorer.append(AppendRequest(symbol=symbol, timeframe="5m", bars=columns_of(bars)))
    assert answer.symbol == "BTC-USD"
    assert scorer.windows.get("BTC-USD", "5m") is not None


def test_windows_that_do_not_fit_the_decision_are_refused(
    scorer: Scorer, make_request: Callable[..., dict], bars_maker: Callable[..., Bars], columns_of: Callable
) -> None:
    bars = bars_maker("BTC-USD")

    def refused(window: Bars, **changes: Any) -> tuple[int, str, str | None]:
        problem = refusal(scorer, make_request(500, bars=columns_of(window), **changes))
        return problem.status, problem.kind, problem.field

    assert refused(bars[402:501]) == (422, "too-few-bars", "bars")
    assert refused(bars[:0]) == (422, "too-few-bars", "bars")
    assert refused(bars[300:500]) == (422, "stale-window", "decision_time")
    assert refused(bars[300:502]) == (422, "unknowable-bars", "bars")
    assert refused(shifted(bars[300:501], 1)) == (422, "off-grid", "bars.close_time[0]")
    milliseconds = columns_of(bars[300:501])
    milliseconds["close_time"] = [time // 1_000_000 for time in milliseconds["close_time"]]
    problem = refusal(scorer, make_request(500, bars=milliseconds))
    assert (problem.status, problem.kind) == (422, "invalid-value")


def test_too_few_bars_says_how_many_are_needed(
    scorer: Scorer, make_request: Callable[..., dict], bars_maker: Callable[..., Bars], columns_of: Callable
) -> None:
    problem = refusal(scorer, make_request(500, bars=columns_of(bars_maker("BTC-USD")[499:501])))
    assert "2 bars were sent, a decision on 5m needs 100" in problem.detail


def test_gaps_are_allowed_and_reported(
    scorer: Scorer, make_request: Callable[..., dict], bars_maker: Callable[..., Bars], columns_of: Callable
) -> None:
    bars = without(bars_maker("BTC-USD")[:501], 450, 451, 470)
    decision = scorer.score(ScoreRequest(**make_request(500, bars=columns_of(bars))))
    assert "3 bars are absent in 2 gaps" in decision.reasons[1]
    before_the_window = without(bars_maker("BTC-USD")[:501], 200)
    assert len(scorer.score(ScoreRequest(**make_request(500, bars=columns_of(before_the_window)))).reasons) == 1


def test_every_decision_mentions_an_override(
    artifact_builder: Callable[..., Artifact], tmp_path: Path, make_request: Callable[..., dict]
) -> None:
    artifact = artifact_builder(tmp_path / "a", gate={"open": False}, override="a rehearsal")
    assert "a rehearsal" in Scorer(artifact).score(ScoreRequest(**make_request())).reasons[-1]


def test_the_own_window_answers_like_the_request(
    scorer: Scorer, make_request: Callable[..., dict], bars_maker: Callable[..., Bars], columns_of: Callable
) -> None:
    def append(bars: Bars) -> Any:
        return scorer.append(AppendRequest(symbol="BTC-USD", timeframe="5m", bars=columns_of(bars)))

    bars = bars_maker("BTC-USD")
    problem = refusal(scorer, make_request(500, bars=None))
    assert (problem.status, problem.kind) == (409, "no-window")
    assert "100 closed bars" in problem.hint
    assert append(bars[402:501]).needed == 100
    assert refusal(scorer, make_request(500, bars=None)).kind == "too-few-bars"
    for row in range(501, 520):
        append(bars[row : row + 1])
        assert scorer.score(ScoreRequest(**make_request(row, bars=None))) == scorer.score(
            ScoreRequest(**make_request(row))
        )
    # A decision of a few bars ago can still be asked for; one before that, or not yet known, cannot.
    assert scorer.score(ScoreRequest(**make_request(514, bars=None))).score >= 0
    assert refusal(scorer, make_request(500, bars=None)).status == 409
    assert refusal(scorer, make_request(520, bars=None)).kind == "stale-window"
    assert refusal(scorer, make_request(520, bars=None)).status == 409


def test_appended_bars_are_checked(scorer: Scorer, bars_maker: Callable[..., Bars], columns_of: Callable) -> None:
    bars = bars_maker("BTC-USD")

    def refused(window: Bars, **changes: Any) -> tuple[int, str]:
        content = {"symbol": "BTC-USD", "timeframe": "5m", "bars": columns_of(window), **changes}
        with pytest.raises(Problem) as caught:
            scorer.append(AppendRequest(**content))
        return caught.value.status, caught.value.kind

    assert refused(bars[:0]) == (422, "too-few-bars")
    assert refused(shifted(bars[:5], 7)) == (422, "off-grid")
    assert refused(bars[:5], symbol="BTC") == (404, "unknown-name")
    assert refused(bars[:5], timeframe="x") == (404, "unknown-name")


def test_the_grid_is_that_of_the_training_bars(
    artifact: Artifact, make_request: Callable[..., dict], bars_maker: Callable[..., Bars], columns_of: Callable
) -> None:
    scorer = Scorer(artifact)
    learned = scorer._bars._offsets
    learned.update(dict.fromkeys(learned, np.array([60_000_000_000])))  # bars that close a minute past
    window = shifted(bars_maker("BTC-USD")[401:501], 60_000_000_000)
    content = make_request(500, bars=columns_of(window), decision_time=int(window.close_time[-1]))
    assert 0 <= scorer.score(ScoreRequest(**content)).score <= 1
    assert refusal(scorer, make_request(500)).kind == "off-grid"


@pytest.mark.parametrize(
    ("application", "expected"),
    [
        (Threshold(0.1 + 0.2), 0.1 + 0.2),
        (Threshold(0.0), 0.0),
        (Threshold(5e-324), 5e-324),
        (Threshold(1.0), 1.0),
        (Threshold(1.1), 1.1),
        (Threshold(-0.5), -0.5),
        (Threshold(-0.0), 0.0),
        (PositiveScore(0.3), 0.003),
        (Threshold(np.inf), None),
        (Quantile(0.5, 0.37), 0.37),
        (Proportional(0.4, 0.6), np.nextafter(0.4, 1.0)),
        (Kelly(2.0, 1.0), 1 / 3),
    ],
)
def test_the_threshold_is_the_lowest_score_that_is_accepted(
    application: Application, expected: float | None, artifact: Artifact, make_request: Callable[..., dict]
) -> None:
    other = Artifact(artifact.folder, artifact.manifest, artifact.model, artifact.features, application)
    found = acceptance_thresholds(other)[0]
    if expected is None:
        assert found is None
        decision = Scorer(other).score(ScoreRequest(**make_request()))
        assert (decision.accept, decision.threshold) == (False, None)
        return
    assert found == pytest.approx(expected, rel=1e-14)
    index = np.array([0])
    assert application.sizes(np.array([found]), index)[0] > 0
    if found > 0:
        assert application.sizes(np.array([np.nextafter(found, 0.0)]), index)[0] == 0


@pytest.mark.parametrize("kind", [PerStrategyThreshold, PerRuleThreshold])
def test_each_instance_has_its_own_threshold(artifact: Artifact, kind: type[PerStrategyThreshold]) -> None:
    application = kind((0.1, 0.2, 0.3, np.inf), 0.9)
    other = Artifact(artifact.folder, artifact.manifest, artifact.model, artifact.features, application)
    assert acceptance_thresholds(other) == [0.1, 0.2, 0.3, None]


def test_threads_get_the_answers_of_one(scorer: Scorer, make_request: Callable[..., dict]) -> None:
    requests = [ScoreRequest(**make_request(row)) for row in range(300, 340)]
    alone = [scorer.score(request) for request in requests]
    answers: dict[int, list] = {}

    def ask(name: int) -> None:
        answers[name] = [scorer.score(request) for request in requests]

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[name] for name in range(4)] == [alone] * 4


def test_a_time_to_come_is_refused_and_blocks_nothing(
    artifact: Artifact, make_request: Callable[..., dict], bars_maker: Callable[..., Bars], columns_of: Callable
) -> None:
    bars = bars_maker("BTC-USD")
    now = int(bars.close_time[500])
    scorer = Scorer(artifact, clock=lambda: now)
    assert scorer.score(ScoreRequest(**make_request(500))).model == artifact.fingerprint
    problem = refusal(scorer, make_request(501))
    assert (problem.status, problem.kind, problem.field) == (422, "future-bars", "decision_time")
    append = {"symbol": "BTC-USD", "timeframe": "5m"}
    with pytest.raises(Problem, match="clock says") as caught:
        scorer.append(AppendRequest(**append, bars=columns_of(bars[400:502])))
    assert caught.value.kind == "future-bars"
    assert scorer.append(AppendRequest(**append, bars=columns_of(bars[400:501]))).last_time == now
    slow = Scorer(artifact, clock=lambda: now - 4_000_000_000)
    assert slow.score(ScoreRequest(**make_request(500))).model == artifact.fingerprint


def test_a_side_that_a_strategy_never_took_is_refused(
    tmp_path: Path, artifact_builder: Callable[..., Artifact], make_request: Callable[..., dict]
) -> None:
    name = "breakout(lookback=20)|BTC-USD|5m"
    scorer = Scorer(artifact_builder(tmp_path / "long_only", only_sides={name: 1.0}, application=Threshold(-1e9)))
    long, short = (scorer.score(ScoreRequest(**make_request(side=side))) for side in (1, -1))
    assert long.accept
    assert (short.accept, short.size) == (False, 0.0)
    assert short.reasons[:2] == [
        "refused by a guard, whatever the score",
        f"guard side: {name} took no short trade before the model was trained",
    ]


def test_the_nearest_of_ten_thousand_names_is_found_among_those_that_begin_alike() -> None:
    names = [f"breakout(lookback={number})|BTC-USD|5m" for number in range(10_000)]
    problem = unknown_name("instance", "breakout(lookback=77)|BTC-USDT|5m", names)
    assert problem.hint == "did you mean 'breakout(lookback=77)|BTC-USD|5m'?"
