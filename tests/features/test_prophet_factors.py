"""Prophet's factors: named and refused without Prophet; with it, its own numbers, one fit a day, and the invariants."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from tradesieve.features import prophet_factors
from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.invariants.features import check_features
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import parse_timeframe

HOUR = 3_600_000_000_000
PARTS = ("trend", "daily", "weekly", "forecast")
NAMES = [f"bars__prophet_{part}__days_14" for part in PARTS]
N = 24 * 19
installed = pytest.mark.skipif(
    find_spec("prophet") is None, reason="Prophet is an extra: make test-engines installs it"
)


def hourly(*, seed: int = 0) -> Bars:
    """Make bars with a daily wave, from the midnight that begins a week."""
    generator = np.random.default_rng(seed)
    moved = np.cumsum(generator.normal(0.0, 0.004, N)) + 0.01 * np.sin(2 * np.pi * np.arange(N) / 24)
    close = 100.0 * np.exp(moved)
    open_ = np.append(100.0, close[:-1])
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    time = (np.arange(N) + 1 + 24 * 18_000) * HOUR
    return Bars("BTC-USD", parse_timeframe("1h"), time, open_, high, low, close, np.ones(N))


def test_names_parse_back_and_say_what_is_wrong() -> None:
    feature = parse_feature("bars_1h_aligned__prophet_trend__days_30")
    assert (feature.factor.name, dict(feature.values)) == ("prophet_trend", {"days": 30.0})
    assert feature.window(parse_timeframe("5m")) == 31 * 24 + 1
    assert all("rophet" in parse_feature(name).factor.formula for name in NAMES)
    for wrong in ("close__prophet_trend__days_30", "bars__prophet_yearly__days_30", "bars__prophet_trend__days_13"):
        with pytest.raises(BadInput, match="PART one of trend, daily, weekly, forecast and at least 14 days"):
            parse_feature(wrong)


def test_without_prophet_a_value_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prophet", None)
    prophet_factors.fitted.cache_clear()
    bars = hourly()
    with pytest.raises(BadInput, match=r"prophet is not installed: pip install 'tradesieve\[prophet\]'"):
        compute(bars, bars.close_time[-1:], NAMES[:1])
    # Nothing is fitted where the window does not hold the days.
    assert np.isnan(compute(bars, bars.close_time[:300:50], NAMES)).all()


@installed
def test_values_are_those_that_prophet_predicts() -> None:
    import pandas as pd

    bars, row = hourly(), N - 10
    found = dict(zip(PARTS, compute(bars, bars.close_time[[row]], NAMES)[0], strict=True))
    today = row // 24 * 24
    training = slice(today - 14 * 24, today)
    log_price = np.log(bars.close[training] / bars.close[today - 1])
    model = prophet_factors.fitted_prophet(bars.close_time[training], log_price)
    time = bars.close_time[row] + np.array([0, 24 * HOUR])
    expected = model.predict(pd.DataFrame({"ds": pd.to_datetime(time)}))
    assert found["daily"] == pytest.approx(expected["daily"][0], abs=1e-9)
    assert found["weekly"] == pytest.approx(expected["weekly"][0], abs=1e-9)
    assert found["trend"] == pytest.approx(expected["trend"][1] - expected["trend"][0], abs=1e-9)
    now = np.log(bars.close[row] / bars.close[today - 1])
    assert found["forecast"] == pytest.approx(expected["yhat"][0] - now, abs=1e-9)
    wave = 0.01 * np.sin(2 * np.pi * np.arange(N) / 24)
    assert found["daily"] == pytest.approx(wave[row], abs=0.005), "the planted wave is found"


@installed
def test_one_fit_serves_all_decisions_of_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []
    fit = prophet_factors.fitted_prophet

    def counted(time, log_price):
        fits.append(int(time[-1]))
        return fit(time, log_price)

    monkeypatch.setattr(prophet_factors, "fitted_prophet", counted)
    prophet_factors.fitted.cache_clear()
    bars = hourly()
    days = N // 24 - np.arange(2, 0, -1)
    at = np.concatenate([bars.close_time[day * 24 : (day + 1) * 24 : 5] for day in days])
    values = compute(bars, at, NAMES)
    assert fits == [int(bars.close_time[day * 24 - 1]) for day in days], "on the bars before the day, once"
    assert np.isfinite(values).all()
    assert len(set(values[:5, 3])) == 5, "the forecast is that of the decision's time"


@installed
def test_they_keep_the_invariants_of_every_feature() -> None:
    bars = hourly(seed=1)
    aligned = [name.replace("bars__", "bars_aligned__") for name in NAMES]
    at = bars.close_time[[N - 60, N - 59, N - 30, N - 2]]
    decisions = Decisions(at, np.array([1.0, -1.0, 1.0, -1.0]))
    assert check_features(bars, decisions, [*NAMES, *aligned], n_samples=4, seed=0) == []
