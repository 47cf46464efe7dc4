"""Guards: no trade follows from bars that are nothing like those of training, unless a setting says so."""

from __future__ import annotations

from collections.abc import Callable
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
from tradesieve.serving.guards import GUARDS, find_oddities, read_policies
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
