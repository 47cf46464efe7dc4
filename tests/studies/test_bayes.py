"""The filter that knows the law says what it may: its probabilities are those of the regimes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.bayes import posterior
from tradesieve.market.bars import Bars
from tradesieve.market.perturbation import scramble_after
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

MARKET = SyntheticMarket(edge=0.15, reversion=0.06, n_days=200, timeframe=parse_timeframe("15m"), seed=1)


@pytest.fixture(scope="module")
def known() -> list[tuple[Bars, np.ndarray, np.ndarray]]:
    """Bars, regimes and what the filter knows, of three symbols."""
    made = [MARKET.generate(symbol) for symbol in ("A", "B", "C")]
    return [(bars, regime, posterior(bars, MARKET)) for bars, regime in made]


def test_regimes_come_as_often_as_their_probability_says(known):
    regime = np.concatenate([one[1] for one in known])
    probability = np.concatenate([one[2] for one in known])
    np.testing.assert_allclose(probability[:, :3].sum(axis=1), 1.0)
    for column, side in enumerate((-1, 0, 1)):
        likely = probability[:, column]
        for low in (0.1, 0.3, 0.5, 0.7):
            alike = (likely >= low) & (likely < low + 0.2)
            assert np.mean(regime[alike] == side) == pytest.approx(likely[alike].mean(), abs=0.12)
    assert np.mean(probability[:, :3].argmax(axis=1) - 1 == regime) > 0.7


def test_the_volatility_is_near_that_of_the_returns_and_the_way_back_comes(known):
    bars, regime, found = known[0]
    *_, way_back, deviation = found.T
    moves = np.log(bars.close / bars.open) / deviation
    assert np.std(moves) == pytest.approx(1.0, abs=0.05)
    chop = regime[1:] == 0
    slope = np.polyfit(way_back[:-1][chop], moves[1:][chop], 1)[0]
    assert slope == pytest.approx(0.06, abs=0.03)


def test_later_bars_change_nothing(known):
    bars = known[0][0][:3000]
    changed = scramble_after(bars, int(bars.close_time[1999]), seed=1)
    assert np.array_equal(posterior(changed, MARKET)[:2000], posterior(bars, MARKET)[:2000])
    assert not np.array_equal(posterior(changed, MARKET)[2000:], posterior(bars, MARKET)[2000:])
