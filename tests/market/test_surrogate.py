"""Surrogate bars keep the size of every move and lose its direction."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.surrogate import random_walk
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Bars of a market that trends."""
    return SyntheticMarket(edge=0.4, n_days=60, timeframe=parse_timeframe("1h"), seed=3).generate("AAA")[0]


def test_ranges_moves_gaps_and_volume_stay(bars: Bars) -> None:
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(bars))
    walk = random_walk(bars, signs)
    np.testing.assert_allclose(np.log(walk.high / walk.low), np.log(bars.high / bars.low), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.log(walk.close / walk.open), signs * np.log(bars.close / bars.open), atol=1e-12)
    np.testing.assert_array_equal(walk.volume, bars.volume)
    np.testing.assert_array_equal(walk.close_time, bars.close_time)


def test_the_expected_close_is_the_first_open(bars: Bars) -> None:
    """Over all signs of ten bars, exactly: a martingale, so that no rule earns on it before costs."""
    few = bars[:10]
    closes = [random_walk(few, np.array(signs)).close[-1] for signs in itertools.product([-1.0, 1.0], repeat=10)]
    assert np.mean(closes) == pytest.approx(few.open[0], rel=1e-12)


def test_nothing_tells_up_from_down(bars: Bars) -> None:
    """The trend is gone: moves of a day follow those of the day before in the market, and not in the walk."""

    def persistence(of: Bars) -> float:
        days = np.log(of.close[24::24] / of.close[:-24:24])
        return float(np.corrcoef(days[1:], days[:-1])[0, 1])

    walks = [
        persistence(random_walk(bars, np.random.default_rng(seed).choice([-1.0, 1.0], len(bars)))) for seed in range(20)
    ]
    assert persistence(bars) > 0.2
    assert abs(np.mean(walks)) < 0.1
