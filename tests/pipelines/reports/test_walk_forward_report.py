"""The walk-forward report shows the out-of-sample path beside those that only hindsight could choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.reports.walk_forward_report import walk_html
from tradesieve.strategies.search.search_space import search_space
from tradesieve.strategies.search.walk_forward import Walk, walk_forward


@pytest.fixture(scope="module")
def walk() -> Walk:
    bars = SyntheticMarket(edge=0.3, n_days=240, timeframe=parse_timeframe("1h"), seed=3).generate("AAA")[0]
    space = search_space("volatility_breakout")
    return walk_forward(space, bars, Instrument("AAA"), n_windows=4, n_trials=8, minimum_trades=10, seed=1)


def test_the_page_shows_both_paths(walk: Walk, embedded: Callable[[str, str], Any]) -> None:
    page = walk_html({"AAA 1h": walk}, title="a walk")
    for said in ("out of sample", "in hindsight", "by default", walk.hindsight, walk.windows[0].strategy):
        assert said in page
    figure = embedded(page, "paths-0")
    assert [trace["name"] for trace in figure["data"]] == ["out of sample", "in hindsight", "by default"]
    assert len(figure["layout"]["shapes"]) == len(walk.windows), "a line at each border"
    capital = np.cumprod(1.0 + walk.paths["out_of_sample"])
    assert len(figure["data"][0]["x"]) == len(walk.days) == len(capital)
    with pytest.raises(BadInput, match="no walk was given"):
        walk_html({}, title="nothing")
