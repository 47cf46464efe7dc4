"""What each law plants, measured in bars; the default law makes the bars that it made before there were others."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.edge_laws import FOLLOWED_BARS, LAWS
from tradesieve.market.errors import Unknown
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

QUARTER = parse_timeframe("15m")
EDGE = 0.25


def market(law: str, **parameters: object) -> SyntheticMarket:
    return SyntheticMarket(edge=EDGE, n_days=360, timeframe=QUARTER, law=law, **parameters)


@pytest.fixture(scope="module")
def planted() -> dict[str, tuple[Bars, np.ndarray]]:
    return {law: market(law).generate("BBB") for law in LAWS}


def moves(bars: Bars) -> np.ndarray:
    """Log returns, each over the volatility of its own half day."""
    returns = np.log(bars.close / bars.open)
    return returns / np.sqrt(np.convolve(returns**2, np.ones(49) / 49, mode="same"))


def t_value(values: np.ndarray) -> float:
    return float(values.mean() / (values.std() / np.sqrt(len(values))))


@pytest.mark.parametrize("law", LAWS)
def test_the_price_drifts_by_the_edge_where_the_law_says_and_nowhere_else(law, planted):
    bars, regime = planted[law]
    drift = moves(bars)
    expected = 0.8 * EDGE if law == "jumps" else EDGE  # jumps add to the volatility that moves are measured in
    for side in set(np.unique(regime)) - {0}:
        assert np.mean(drift[regime == side]) * side == pytest.approx(expected, abs=0.05)
    assert np.mean(drift[regime == 0]) == pytest.approx(0.0, abs=0.03)
    assert 0.15 < np.mean(regime != 0) < 0.6


@pytest.mark.parametrize("law", LAWS)
def test_equal_parameters_make_equal_markets_and_without_an_edge_every_law_is_a_random_walk(law, planted):
    again, _ = market(law).generate("BBB")
    assert again.fingerprint == planted[law][0].fingerprint
    walk, regime = SyntheticMarket(edge=0.0, n_days=5, timeframe=QUARTER, law=law).generate("BBB")
    assert not regime.any()
    assert walk.fingerprint == SyntheticMarket(edge=0.0, n_days=5, timeframe=QUARTER).generate("BBB")[0].fingerprint


def test_only_volatile_bars_trend(planted):
    bars, regime = planted["volatility"]
    spread = np.log(bars.high / bars.low)
    assert np.mean(spread[regime != 0]) > 1.5 * np.mean(spread[regime == 0])


def test_the_clock_alone_tells_the_hours_of_the_edge(planted):
    bars, regime = planted["hours"]
    hour = bars.open_time // 3_600_000_000_000 % 24
    assert set(hour[regime > 0]) == set(range(6, 12))
    assert set(hour[regime < 0]) == set(range(12, 18))


def test_one_side_never_falls(planted):
    assert set(np.unique(planted["one_side"][1])) == {0, 1}


def test_volume_announces_the_direction(planted):
    bars, regime = planted["volume"]
    begins = np.flatnonzero((regime != 0) & (np.append(0, regime[:-1]) == 0))
    announcing = begins - 1
    assert np.median(bars.volume[announcing]) > 3 * np.median(bars.volume)
    assert regime[begins].tolist() == np.sign(bars.close[announcing] - bars.open[announcing]).tolist()
    assert abs(t_value(moves(bars)[announcing])) < 3.5, "nothing announces the announcement"


def test_jumps_come_beside_the_trend_and_tell_nothing(planted):
    usual, trend = planted["trend"]
    bars, regime = planted["jumps"]
    assert regime.tolist() == trend.tolist()
    jump = np.log(bars.close / bars.open) - np.log(usual.close / usual.open)
    jumped = np.abs(jump) > 3 * np.std(np.log(usual.close / usual.open))
    assert np.mean(jumped) == pytest.approx(0.005, rel=0.5)
    assert abs(t_value(np.sign(jump[jumped]))) < 3.5


def test_the_followers_drift_after_the_leader_and_the_leader_is_a_random_walk(planted):
    regime = planted["leader"][1]
    leader, none = market("leader").generate("AAA")
    assert not none.any()
    move = np.log(leader.open[FOLLOWED_BARS:] / leader.open[:-FOLLOWED_BARS])
    followed = regime[FOLLOWED_BARS:]
    assert np.all(np.sign(move)[followed != 0] == followed[followed != 0])
    assert np.abs(move[followed != 0]).min() >= np.abs(move[followed == 0]).max()
    other, led = market("leader", leader="BBB").generate("AAA")
    assert led.any()
    assert other.fingerprint != leader.fingerprint


def test_a_dying_edge_is_the_trend_until_half_way(planted):
    usual, trend = planted["trend"]
    bars, regime = planted["dying"]
    half = len(bars) // 2
    assert regime[:half].tolist() == trend[:half].tolist()
    assert bars[:half].fingerprint == usual[:half].fingerprint
    assert not regime[half:].any()
    returns = np.log(bars.close / bars.open)[half:]
    sums = np.convolve(returns, np.ones(20), mode="valid")
    assert np.var(sums) / (20 * np.var(returns)) == pytest.approx(1.0, abs=0.25), "a martingale"


def test_a_law_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(Unknown, match="unknown law 'hour': did you mean 'hours'"):
        SyntheticMarket(law="hour")


@pytest.mark.parametrize("edge", [0.0, 0.2])
def test_the_default_law_makes_the_bars_that_it_always_made(edge):
    """Against the generator as it was before there were laws, step by step and without compilation."""
    bars, regime = SyntheticMarket(edge=edge, n_days=30, timeframe=parse_timeframe("1h"), seed=3).generate("A")
    n, per_day, random = 720, 24, np.random.default_rng([3, zlib.crc32(b"A")])
    kind = np.zeros(n, np.int8)
    if edge > 0:
        lengths = random.geometric(1.0 / 240.0, size=int(4 * n / 240.0) + 16)
        kinds = np.where(np.arange(len(lengths)) % 2 == 0, random.choice([-1, 1], size=len(lengths)), 0)
        kind = np.repeat(kinds, lengths)[:n].astype(np.int8)
    assert regime.tolist() == kind.tolist()
    shocks = random.standard_normal(n) * 0.35 * np.sqrt(1.0 - 0.995**2)
    calm = np.empty(n)
    calm[0] = shocks[0] / np.sqrt(1.0 - 0.995**2)
    for bar in range(1, n):
        calm[bar] = 0.995 * calm[bar - 1] + shocks[bar]
    season = 1.0 + 0.5 * np.cos(2.0 * np.pi * (np.arange(n) % per_day / per_day - 0.6))
    deviation = 0.03 / np.sqrt(per_day) * season * np.exp(calm)
    noise = random.standard_normal((n, 12))
    price = anchor = np.log(100.0)
    closes = []
    for bar in range(n):
        if bar > 0 and kind[bar] != kind[bar - 1]:
            anchor = price
        step = deviation[bar] / np.sqrt(12)
        for k in range(12):
            drift = edge * kind[bar] * deviation[bar] / 12 - 0.5 * step * step
            if edge > 0 and kind[bar] == 0:
                drift -= 0.08 / 12 * (price - anchor)
            price += drift + step * noise[bar, k]
        closes.append(price)
    volume = np.exp(3.0 + 0.8 * calm + 0.4 * random.standard_normal(n)) * season
    np.testing.assert_allclose(bars.close, np.exp(closes), rtol=1e-12)
    np.testing.assert_allclose(bars.volume, volume, rtol=1e-12)
