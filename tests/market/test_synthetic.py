from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.perturbation import isolate, scramble_after
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY, parse_timeframe

RANDOM = SyntheticMarket(edge=0.0, n_days=180)


def log_returns(bars: Bars) -> np.ndarray:
    return np.log(bars.close / bars.open)  # a bar opens where the one before it closed


def variance_ratio(returns: np.ndarray, n: int) -> float:
    """Variance of n-bar returns over n times that of one-bar returns: 1 for a martingale (Lo & MacKinlay 1988)."""
    sums = np.convolve(returns, np.ones(n), mode="valid")
    return float(np.var(sums) / (n * np.var(returns)))


def test_a_recipe_makes_the_same_bars_every_time_and_each_symbol_its_own():
    first, regime = SyntheticMarket(n_days=5).generate("A")
    again, regime_again = SyntheticMarket(n_days=5).generate("A")
    assert first.fingerprint == again.fingerprint
    assert regime.tolist() == regime_again.tolist()
    others = [
        SyntheticMarket(n_days=5).generate("B")[0],
        SyntheticMarket(n_days=5, seed=8).generate("A")[0],
        SyntheticMarket(n_days=5, edge=0.2).generate("A")[0],
    ]
    assert len({tuple(np.diff(bars.close)[:5]) for bars in [first, *others]}) == 4
    returns = np.corrcoef(log_returns(first), log_returns(others[0]))[0, 1]
    assert abs(returns) < 0.1, "symbols do not move together"


@pytest.mark.parametrize("text", ["1m", "5m", "1h", "1d"])
@pytest.mark.parametrize("edge", [0.0, 0.3])
def test_bars_are_lawful_and_start_where_asked(text, edge):
    timeframe = parse_timeframe(text)
    bars, regime = SyntheticMarket(edge=edge, n_days=4, timeframe=timeframe, start_time=10 * DAY).generate("A")
    Bars("A", timeframe, **{name: getattr(bars, name) for name in COLUMNS})
    assert len(bars) == len(regime) == 4 * DAY // timeframe.duration
    assert bars.open_time[0] == 10 * DAY
    assert bars.close_time[-1] == 14 * DAY
    assert bars.open[0] == pytest.approx(100.0)
    assert bars.open[1:].tolist() == bars.close[:-1].tolist()
    assert regime.dtype == np.int8
    assert set(np.unique(regime)) <= {-1, 0, 1}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_random_market_is_a_martingale(seed):
    bars, regime = SyntheticMarket(edge=0.0, n_days=180, seed=seed).generate("A")
    assert not regime.any()
    returns = log_returns(bars)
    for n, bound in ((2, 0.03), (10, 0.08), (50, 0.2)):
        # About four standard errors each, volatility clusters included.
        assert variance_ratio(returns, n) == pytest.approx(1.0, abs=bound)
    # The price, not its logarithm, has no drift: mean over its standard error.
    gain = bars.close / bars.open - 1.0
    assert abs(np.mean(gain) / (np.std(gain) / np.sqrt(len(gain)))) < 3.5
    # Nor does the sign of what was say anything about the size of what comes.
    up = gain[1:][gain[:-1] > 0]
    down = gain[1:][gain[:-1] <= 0]
    error = np.sqrt(np.var(up) / len(up) + np.var(down) / len(down))
    assert abs(np.mean(up) - np.mean(down)) / error < 3.5


def test_the_price_itself_is_a_martingale_and_not_its_logarithm():
    # Wild enough for the difference between the two, half the variance, to show.
    bars, _ = SyntheticMarket(edge=0.0, n_days=180, volatility=1.0).generate("A")
    gain = bars.close / bars.open - 1.0
    error = np.std(gain) / np.sqrt(len(gain))
    assert abs(np.mean(gain)) < 3.5 * error
    assert np.mean(log_returns(bars)) < -3.5 * error


def test_regimes_drift_by_the_edge_and_chop_returns_to_its_anchor():
    bars, regime = SyntheticMarket(edge=0.25, n_days=180).generate("A")
    returns = log_returns(bars)
    # In units of the volatility of their own hour, trends drift by the edge.
    deviation = np.sqrt(np.convolve(returns**2, np.ones(49) / 49, mode="same"))
    for side in (1, -1):
        drift = np.mean((returns / deviation)[regime == side]) * side
        assert drift == pytest.approx(0.25, abs=0.05)
    assert abs(np.mean(returns[regime == 0])) < 0.02 * np.std(returns)
    assert 0.4 < np.mean(regime != 0) < 0.6
    # Where chop begins is its anchor: the further away, the more of the way comes back.
    begins = np.flatnonzero((regime == 0) & (np.append(1, regime[:-1]) != 0))
    anchor = np.log(bars.open[begins])[np.searchsorted(begins, np.arange(len(bars)), side="right") - 1]
    chop = (regime == 0) & (np.arange(len(bars)) >= begins[0])
    slope = np.polyfit((np.log(bars.open) - anchor)[chop], returns[chop], 1)[0]
    assert slope == pytest.approx(-0.08, abs=0.015)
    lengths = np.diff(np.flatnonzero(np.diff(regime, prepend=9)))
    assert np.mean(lengths) == pytest.approx(240, rel=0.25)


def test_breakouts_pay_with_the_edge_and_not_without():
    def follow(bars: Bars, n: int = 20) -> float:
        """Hold for a bar in the direction of the last n: mean return in units of its standard error."""
        returns = log_returns(bars)
        past = np.convolve(returns, np.ones(n), mode="valid")[:-1]
        held = np.sign(past) * returns[n:]
        return float(np.mean(held) / (np.std(held) / np.sqrt(len(held))))

    assert follow(SyntheticMarket(edge=0.25, n_days=180).generate("A")[0]) > 5
    assert abs(follow(RANDOM.generate("A")[0])) < 3.5


def test_a_day_has_its_season_and_its_volatility():
    bars, _ = RANDOM.generate("A")
    by_hour = np.sqrt(np.mean((log_returns(bars) ** 2).reshape(-1, 24, 12), axis=(0, 2)))
    assert by_hour.argmax() in range(12, 18), "busiest at 0.6 of the day"
    assert by_hour.max() / by_hour.min() > 2
    daily = np.diff(np.log(bars.close[287::288]))
    assert np.std(daily) == pytest.approx(0.03, rel=0.4)
    assert np.mean(bars.high - bars.low) / np.mean(np.abs(bars.close - bars.open)) > 1.5, "bars have wicks"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("edge", -0.1),
        ("edge", np.nan),
        ("edge", np.inf),
        ("n_days", 0),
        ("volatility", 0.0),
        ("regime_bars", 1.0),
        ("reversion", -1.0),
        ("seed", -1),
        ("timeframe", parse_timeframe("2d")),
        ("timeframe", parse_timeframe("7m")),
    ],
)
def test_a_recipe_that_cannot_be_made_names_its_parameter(name, value):
    with pytest.raises(BadInput, match=f"{name} is"):
        SyntheticMarket(**{name: value})


def test_scrambling_changes_every_later_bar_and_no_earlier_one(market_bars):
    cut = int(market_bars.close_time[5000])
    changed = scramble_after(market_bars, cut, seed=1)
    assert changed.close_time.tolist() == market_bars.close_time.tolist()
    assert changed[:5001].fingerprint == market_bars[:5001].fingerprint
    for name in COLUMNS[1:]:
        assert np.mean(getattr(changed, name)[5001:] == getattr(market_bars, name)[5001:]) < 0.01
    assert scramble_after(market_bars, cut, seed=1).fingerprint == changed.fingerprint
    assert scramble_after(market_bars, cut, seed=2).fingerprint != changed.fingerprint
    assert scramble_after(market_bars, int(market_bars.close_time[-1]), seed=1).fingerprint == market_bars.fingerprint
    assert scramble_after(market_bars, 0, seed=1).open[0] != market_bars.open[0]


def test_isolated_bars_are_equal_and_lie_between_nothing(market_bars):
    part = market_bars[100:120]
    alone = isolate(part)
    assert alone.fingerprint == part.fingerprint
    assert not np.shares_memory(alone.close, market_bars.close)
    around = np.lib.stride_tricks.as_strided(alone.close[19:], shape=(2,), strides=alone.close.strides)
    assert np.isnan(around[1]), "one place too far is NaN, where a slice would show the next bar"
    next_bar = np.lib.stride_tricks.as_strided(part.close[19:], shape=(2,), strides=part.close.strides)[1]
    assert next_bar == market_bars.close[120]
