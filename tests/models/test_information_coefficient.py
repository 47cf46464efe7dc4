"""The information coefficient and its honest error: oracles, planted features, and noise within its level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, spearmanr
from scipy.stats import t as student

from tradesieve.features.profiling.clusters import rank_features
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.information_coefficient import MINIMUM_ROWS, InformationCoefficients, information_coefficients

HOUR = DAY // 24


def trades(n: int, n_days: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decision times, exit times and months of thirty days, of trades that last for hours."""
    random = np.random.default_rng(seed)
    decision = np.sort(random.integers(0, n_days * 24, n)) * HOUR
    return decision, decision + random.integers(1, 12, n) * HOUR, decision // (30 * DAY)


def judged(
    X: np.ndarray, net_return: np.ndarray, times: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> InformationCoefficients:
    decision, end, period = times
    return information_coefficients(rank_features(X), net_return, decision_time=decision, exit_time=end, period=period)


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Forty columns of noise behind one that foretells, its opposite, a constant and one that is mostly unknown."""
    random = np.random.default_rng(21)
    times = trades(6000, 300, seed=21)
    signal = random.normal(size=6000)
    net_return = np.exp(0.15 * signal + random.normal(size=6000)) * 0.01 - 0.01
    holed = np.where(random.random(6000) < 0.5, signal, np.nan)
    X = np.column_stack([signal, -signal, np.ones(6000), holed, random.normal(size=(6000, 40))])
    return X, net_return, times


def test_the_coefficient_is_that_of_scipy(planted) -> None:
    X, net_return, times = planted
    found = judged(X, net_return, times)
    for column in (0, 1, 3, 4, 5):
        known = ~np.isnan(X[:, column])
        expected = spearmanr(X[known, column], net_return[known]).statistic
        assert found.coefficient[column] == pytest.approx(expected, abs=1e-12)
        for number in range(10):
            rows = known & (times[2] == number)
            expected = spearmanr(X[rows, column], net_return[rows]).statistic
            assert found.by_period[number, column] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(found.coefficient[2])
    assert np.isnan(found.p_adjusted[2])


def test_the_error_is_that_of_statsmodels(planted) -> None:
    from statsmodels.regression.linear_model import OLS

    X, net_return, times = planted
    found = judged(X, net_return, times)
    assert found.n_lags == int(4 * (300 / 100) ** (2 / 9)) + 1 == 6
    for column in (0, 3, 7):
        known = ~np.isnan(X[:, column])
        u, v = (np.argsort(np.argsort(values[known])) for values in (X[:, column], net_return))
        product = (u - u.mean()) * (v - v.mean()) / (u.std() * v.std())
        daily = np.bincount(times[0][known] // DAY, product - product.mean())
        fit = OLS(daily, np.ones(len(daily))).fit(cov_type="HAC", cov_kwds={"maxlags": 6, "use_correction": False})
        error = fit.bse[0] * len(daily) / known.sum()
        assert found.standard_error[column] == pytest.approx(error, rel=1e-9)
        t_statistic = product.mean() / error
        assert found.t_statistic[column] == pytest.approx(t_statistic, rel=1e-9)
        assert found.p_value[column] == pytest.approx(2 * student.sf(abs(t_statistic), 300 // 7 - 1), rel=1e-9)


def test_the_rest_follows_from_the_coefficients(planted) -> None:
    found = judged(*planted)
    known = ~np.isnan(found.p_value)
    np.testing.assert_allclose(found.p_adjusted[known], false_discovery_control(found.p_value[known]))
    for column in (0, 3, 9):
        own = found.by_period[:, column]
        assert found.mean[column] == pytest.approx(own.mean())
        assert found.ratio[column] == pytest.approx(own.mean() / own.std(ddof=1))
        assert found.sign_rate[column] == np.mean(np.sign(own) == np.sign(found.coefficient[column]))


def test_what_foretells_is_found_and_noise_is_not(planted) -> None:
    found = judged(*planted)
    # The copula is normal: Spearman's is 6 / pi * arcsin(r / 2) of the correlation r of 0.15 / sqrt(1 + 0.15 ** 2).
    expected = 6 / np.pi * np.arcsin(0.15 / np.sqrt(1 + 0.15**2) / 2)
    assert found.coefficient[0] == pytest.approx(expected, abs=3 * found.standard_error[0])
    assert found.coefficient[1] == pytest.approx(-found.coefficient[0], abs=1e-12)
    assert (found.p_adjusted[[0, 1, 3]] < 1e-3).all()
    assert (found.p_adjusted[4:] > 0.05).all(), "none of forty columns of noise"
    assert (found.sign_rate[[0, 1]] == 1.0).all()
    assert found.ratio[0] > 1 > abs(found.ratio[4:]).max()


@pytest.mark.parametrize("held", [6 * HOUR, 3 * DAY])
def test_noise_stays_within_its_level_where_trades_hang_together(held: int) -> None:
    """Ten strategies decide at the same closes, and what one earns the others earn too, for as long as they hold."""
    random = np.random.default_rng(5)
    n_closes, n_days, n_features = 500, 250, 600
    decision = np.sort(random.integers(0, n_days * 24, n_closes)) * HOUR
    market = np.concatenate([[0.0], np.cumsum(random.normal(size=n_days * 24 + 200))])
    gained = market[(decision + held) // HOUR] - market[decision // HOUR]
    feature_of_hour = np.zeros((n_days * 24 + 1, n_features))
    for hour in range(1, n_days * 24):  # a feature that lasts for about two days
        feature_of_hour[hour] = 0.98 * feature_of_hour[hour - 1] + random.normal(size=n_features)
    rows = np.repeat(np.arange(n_closes), 10)
    X = feature_of_hour[decision // HOUR][rows]
    net_return = gained[rows] + random.normal(size=len(rows)) * 0.3 * gained.std()
    times = (decision[rows], decision[rows] + held, decision[rows] // (30 * DAY))
    found = judged(X, net_return, times)
    naive = np.array([spearmanr(X[:, column], net_return).pvalue for column in range(100)])
    assert np.mean(naive < 0.05) > 0.4, "rows taken for independent find much that is not there"
    assert np.mean(found.p_value < 0.05) < 0.1
    assert np.mean(found.p_value < 0.5) == pytest.approx(0.5, abs=0.15)


def test_the_order_of_the_rows_is_no_matter(planted) -> None:
    X, net_return, times = planted
    shuffled = np.random.default_rng(1).permutation(len(X))
    first, second = (
        judged(X, net_return, times),
        judged(X[shuffled], net_return[shuffled], tuple(t[shuffled] for t in times)),
    )
    for name in ("coefficient", "standard_error", "p_adjusted", "by_period", "ratio", "sign_rate"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-9, atol=1e-15)


def test_few_trades_say_nothing() -> None:
    random = np.random.default_rng(2)
    times = trades(200, 90, seed=2)
    X = random.normal(size=(200, 2))
    X[MINIMUM_ROWS - 1 :, 0] = np.nan
    period = np.repeat([0, 1], [200 - MINIMUM_ROWS + 1, MINIMUM_ROWS - 1])
    found = judged(X, random.normal(size=200), (times[0], times[1], period))
    assert np.isnan(found.coefficient[0])
    assert np.isfinite(found.coefficient[1])
    assert np.isfinite(found.by_period[0, 1])
    assert np.isnan(found.by_period[1]).all()
    assert np.isnan(found.ratio[1]), "one period has no deviation"
    equal = judged(X, np.zeros(200), times)
    assert np.isnan(equal.coefficient).all()
    assert np.isnan(equal.p_adjusted).all()


def test_one_day_is_no_evidence() -> None:
    random = np.random.default_rng(2)
    decision = np.full(100, 5 * DAY)
    found = judged(random.normal(size=(100, 1)), random.normal(size=100), (decision, decision + HOUR, decision * 0))
    assert np.isfinite(found.coefficient[0])
    assert np.isnan(found.p_value[0])


def test_wrong_arguments_are_named() -> None:
    decision, end, period = trades(100, 50, seed=3)
    X, results = np.random.default_rng(0).normal(size=(100, 2)), np.zeros(100)
    with pytest.raises(BadInput, match=r"net_return has shape \(99,\)"):
        judged(X, results[1:], (decision, end, period))
    results[4] = np.nan
    with pytest.raises(BadData, match=r"net_return\[4\] is nan"):
        judged(X, results, (decision, end, period))
