"""The service refuses bars without the volume that its model reads, by the names of the features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tradesieve.features.feature_names import parse_features
from tradesieve.market.bars import PRICES, Bars
from tradesieve.serving.decision_bars import require_volume
from tradesieve.serving.problem_details import Problem
from tradesieve.serving.schemas import ScoreRequest
from tradesieve.serving.scoring import Scorer


def without_volume(bars: Bars) -> Bars:
    return bars.with_columns({"volume": np.zeros(len(bars))})


def refused(call: Callable[[], Any]) -> Problem:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value


@pytest.fixture
def scorer(artifact: Any) -> Scorer:
    return Scorer(artifact)


def test_a_request_without_volume_is_refused(
    scorer: Scorer, make_request: Callable[..., dict], columns_of: Callable, bars_maker: Callable[..., Bars]
) -> None:
    named = [each.name for each in scorer.artifact.features if each.input.column == "volume"]
    assert named, "the model of the tests reads volume"
    window = without_volume(bars_maker("BTC-USD")[401:501])
    problem = refused(lambda: scorer.score(ScoreRequest(**make_request(500, bars=columns_of(window)))))
    assert (problem.status, problem.kind, problem.field) == (422, "no-volume", "bars")
    assert problem.detail.startswith(f"{named[0]}")
    assert "no bar of BTC-USD 5m has a volume" in problem.detail
    assert "train a model without these features" in problem.hint
    assert problem.as_dict()["title"] == "The bars have no volume"


def test_a_window_in_which_nothing_traded_is_answered(
    scorer: Scorer, make_request: Callable[..., dict], columns_of: Callable, bars_maker: Callable[..., Bars]
) -> None:
    window = without_volume(bars_maker("BTC-USD")[401:501])
    still = window.with_columns({name: np.full(len(window), 100.0) for name in PRICES})
    assert 0 <= scorer.score(ScoreRequest(**make_request(500, bars=columns_of(still)))).score <= 1


def test_the_bars_of_another_symbol_are_judged_by_the_features_that_read_them(
    bars_maker: Callable[..., Bars],
) -> None:
    window, other = bars_maker("BTC-USD")[:50], without_volume(bars_maker("ETH-USD")[:50])
    prices, volume = "close_of_ETH-USD__change__window_5", "volume_of_ETH-USD__relative__window_5"
    require_volume(parse_features([prices, "volume__relative__window_5"]), window, {"ETH-USD": other})
    problem = refused(lambda: require_volume(parse_features([prices, volume]), window, {"ETH-USD": other}))
    assert (problem.detail, problem.field) == (
        f"{volume} read volume, but no bar of ETH-USD 5m has a volume",
        "others",
    )
