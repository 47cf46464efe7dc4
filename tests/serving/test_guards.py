"""Guards: no trade follows from bars that are nothing like those of training, unless a setting says so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY
from tradesieve.models.applications.threshold import Threshold
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.artifact.training_bars import TrainingBars, moves
from tradesieve.models.artifact.training_features import TrainingFeatures
from tradesieve.serving.guards import GUARDS, find_age, find_oddities, find_outside, read_clock, read_policies
from tradesieve.serving.responses import Decision
from tradesieve.serving.schemas import ScoreRequest
from tradesieve.serving.scoring import Scorer

HOUR = DAY // 24


@pytest.fixture(scope="module")
def taking_all(
    artifact_builder: Callable[..., Artifact], bars_maker: Callable[..., Bars], tmp_path_factory: pytest.TempPathFactory
) -> Artifact:
    """An artifact that takes every trade, so that only a guard can refuse one."""
    training = {f"{symbol}|5m": TrainingBars.of(bars_maker(symbol)).as_dict() for symbol in ("BTC-USD", "ETH-USD")}
    folder = tmp_path_factory.mktemp("guards") / "artifact"
    return artifact_builder(folder, application=Threshold(-1e9), training_bars=training)


def decide(artifact: Artifact, request: dict[str, Any], **policies: str) -> Decision:
    scorer = Scorer(artifact, policies=read_policies({}) | {name.replace("_", "-"): p for name, p in policies.items()})
    return scorer.score(ScoreRequest(**request))


def flat(bars: dict[str, list]) -> None:
    n_bars = len(bars["close"])
    bars |= {name: [100.0] * n_bars for name in ("open", "high", "low", "close")} | {"volume": [0.0] * n_bars}


def printed(factor: float) -> Callable[[dict[str, list]], None]:
    def change(bars: dict[str, list]) -> None:
        bars["high"][-3] *= factor

    return change


def enormous(bars: dict[str, list]) -> None:
    bars["high"][-3] = bars["close"][-3] = 1e308
    bars["low"][-3] = 5e-324


def twenty_years(bars: dict[str, list]) -> None:
    bars["close_time"][:10] = [time - 20 * 365 * DAY for time in bars["close_time"][:10]]


def half_hours(bars: dict[str, list]) -> None:
    last = bars["close_time"][-1]
    bars["close_time"] = [last - HOUR // 2 * back for back in range(len(bars["close_time"]) - 1, -1, -1)]


@pytest.mark.parametrize(
    ("change", "guard", "said"),
    [
        (flat, "no-trade", "stands at 100"),
        (printed(10.0), "move", "by a factor of 10"),
        (enormous, "move", "by a factor of"),
        (twenty_years, "gap", "are absent; in training at most 0 were"),
        (half_hours, "spacing", "6 times 5m apart, in training 1"),
    ],
)
def test_no_trade_follows_from_nonsense(
    taking_all: Artifact,
    make_request: Callable[..., dict],
    change: Callable[[dict[str, list]], None],
    guard: str,
    said: str,
) -> None:
    good = make_request()
    assert decide(taking_all, good).accept
    assert len(decide(taking_all, good).reasons) == 1
    bad = make_request()
    change(bad["bars"])
    refused = decide(taking_all, bad)
    assert (refused.accept, refused.size) == (False, 0.0)
    assert refused.reasons[0] == "refused by a guard, whatever the score"
    assert refused.reasons[1].startswith(f"guard {guard}: ")
    assert said in refused.reasons[1]
    warned = decide(taking_all, bad, **{guard: "warn"})
    assert warned.size == 1.0
    assert warned.reasons[1] == refused.reasons[1]


def test_a_guard_that_passes_takes_the_trade_whole_unless_another_refuses(
    artifact_builder: Callable[..., Artifact], make_request: Callable[..., dict], tmp_path: Path
) -> None:
    training = {"BTC-USD|5m": {"largest_move": 1e-9, "largest_step": 1, "usual_step": 1}}
    refusing = artifact_builder(tmp_path / "refusing", application=Threshold(1e9), training_bars=training)
    assert decide(refusing, make_request(), move="pass").size == 1.0
    assert "passed without the filter" in decide(refusing, make_request(), move="pass").reasons[0]
    flat_too = make_request()
    half_hours(flat_too["bars"])
    assert decide(refusing, flat_too, move="pass").size == 0.0
    assert decide(refusing, make_request(), move="warn").size == 0.0


def test_bars_as_in_training_are_never_odd(bars_maker: Callable[..., Bars]) -> None:
    for timeframe in ("5m", "1h", "1d", "1w"):
        bars = bars_maker("BTC-USD", timeframe=timeframe)
        assert not list(find_oddities(bars, TrainingBars.of(bars)))
        assert not list(find_oddities(bars[-1:], TrainingBars.of(bars)))


def test_a_move_reaches_from_the_close_before(bars_maker: Callable[..., Bars]) -> None:
    bars = bars_maker("BTC-USD")[:50]
    measured = moves(bars)
    for row in range(1, 50):
        prices = (bars.close[row - 1], bars.high[row], bars.low[row])
        assert measured[row] == pytest.approx(np.log(max(prices) / min(prices)), rel=1e-9)
    assert measured[0] == pytest.approx(np.log(bars.high[0] / bars.low[0]), rel=1e-9)


def test_a_weekend_is_no_gap_where_training_had_weekends(bars_maker: Callable[..., Bars]) -> None:
    bars = bars_maker("BTC-USD")
    weekdays = (bars.close_time // DAY + 3) % 7 < 5
    week = Bars(bars.symbol, bars.timeframe, *(getattr(bars, name)[weekdays] for name in COLUMNS))
    around_the_clock, with_weekends = TrainingBars.of(bars), TrainingBars.of(week)
    assert [each.guard for each in find_oddities(week, around_the_clock)] == ["gap"]
    assert not list(find_oddities(week, with_weekends))


def test_a_late_decision_is_stale_by_the_clock_and_not_in_a_replay(
    taking_all: Artifact, make_request: Callable[..., dict]
) -> None:
    request = make_request()
    bar = 300_000_000_000

    def at(late: int, **policies: str) -> Decision:
        clock = lambda: request["decision_time"] + late  # noqa: E731
        return Scorer(taking_all, clock=clock, policies=read_policies({}) | policies).score(ScoreRequest(**request))

    assert at(0).accept
    assert at(bar).accept
    late = at(bar + 1_000_000_000)
    assert (late.accept, late.size) == (False, 0.0)
    assert late.reasons[1].startswith("guard stale: ")
    assert "301 s old" in late.reasons[1]
    assert at(20 * 365 * DAY).size == 0.0
    assert at(2 * bar, stale="warn").size == 1.0
    assert Scorer(taking_all).score(ScoreRequest(**request)).accept
    assert read_clock({}) is time.time_ns
    assert read_clock({"TRADESIEVE_CLOCK": "replay"}) is None
    with pytest.raises(BadInput, match="must be system or replay"):
        read_clock({"TRADESIEVE_CLOCK": "sun"})


def test_a_model_is_not_relied_on_beyond_its_stated_life(
    artifact_builder: Callable[..., Artifact], make_request: Callable[..., dict], tmp_path: Path
) -> None:
    request = make_request()
    now = request["decision_time"]
    created = datetime.fromtimestamp((now - 10 * DAY) / 1e9, UTC).isoformat()
    for days, accepted in ((11, True), (9, False), (None, True)):
        artifact = artifact_builder(
            tmp_path / str(days), application=Threshold(-1e9), created=created, life_days=days, n_golden=1
        )
        decision = Scorer(artifact, clock=lambda: now).score(ScoreRequest(**request))
        assert decision.accept == accepted
    assert "10.0 days old" in "".join(finding.text for finding in find_age(created, 9.0, now))


def test_features_outside_of_training_are_found_and_those_inside_never(bars_maker: Callable[..., Bars]) -> None:
    random = np.random.default_rng(5)
    X = random.standard_t(3, size=(2000, 4))
    X[:, 2] = 1.0  # always the same: says nothing
    X[::7, 3] = np.nan
    names = ["a", "b", "c", "d"]
    measured = TrainingFeatures.of(X)
    kept = json.loads(json.dumps(measured.as_dict(names), allow_nan=False))
    training = TrainingFeatures.from_dict(names, kept, measured.n_rows)
    for name in ("center", "scale", "farthest", "n_missing"):
        assert np.array_equal(getattr(training, name), getattr(measured, name), equal_nan=True)
    assert np.array_equal(training.center[:2], np.median(X[:, :2], axis=0))
    for row in X:
        assert not list(find_outside(row, training, names))
    far = np.array([training.center[0] - 4 * training.scale[0] * training.farthest[0], 0.0, 99.0, np.nan])
    (found,) = find_outside(far, training, names)
    assert found.guard == "range"
    assert found.text.startswith("a is ")
    assert "0 of 2,000 rows of training lay beyond" in found.text
    (missing,) = find_outside(np.array([0.0, np.nan, 1.0, 0.0]), training, names)
    assert missing.text.startswith("b cannot be computed")
    assert [each.guard for each in find_outside(np.array([np.inf, 0.0, 1.0, 0.0]), training, names)] == ["range"]


def test_a_decision_outside_of_training_is_no_trade(
    artifact_builder: Callable[..., Artifact], make_request: Callable[..., dict], tmp_path: Path
) -> None:
    plain = artifact_builder(tmp_path / "plain", application=Threshold(-1e9), n_golden=1)
    names = [feature.name for feature in plain.features]
    measured = {"center": 1e6, "scale": 1.0, "farthest": 1.0, "n_missing": 0}
    artifact = artifact_builder(
        tmp_path / "a",
        application=Threshold(-1e9),
        training_features={"n_rows": 10, "features": {names[0]: measured}},
        n_golden=1,
    )
    refused = decide(artifact, make_request())
    assert (refused.size, refused.score) == (0.0, decide(plain, make_request()).score)
    assert refused.reasons[1].startswith(f"guard range: {names[0]} is ")
    assert decide(artifact, make_request(), range="warn").size == 1.0


def test_policies_are_read_and_refused_by_name() -> None:
    assert read_policies({}) == dict.fromkeys(GUARDS, "refuse")
    assert read_policies({"TRADESIEVE_GUARDS": "move=warn, gap=pass"})["gap"] == "pass"
    for text, error, said in (
        ("move", BadInput, "is not written GUARD=POLICY"),
        ("moves=warn", Unknown, "did you mean 'move'"),
        ("move=ignore", Unknown, "'ignore'"),
    ):
        with pytest.raises(error, match=said):
            read_policies({"TRADESIEVE_GUARDS": text})
