"""Weights over time: worked by hand, and the same whatever happens after them."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY, HOUR
from tradesieve.strategies.allocation.instance_returns import InstanceReturns
from tradesieve.strategies.allocation.methods import METHODS, check_method, estimate_weights
from tradesieve.strategies.allocation.reestimation import Estimation, Estimator, WeightPath, weight_paths
from tradesieve.strategies.allocation.skfolio_methods import SKFOLIO_METHODS
from tradesieve.strategies.statistics.grouping import Backtest

HAND = {
    "a": {0: 0.02, 1: -0.01, 3: -0.05, 5: 0.05, 8: 0.04},
    "b": {0: -0.01, 1: 0.005, 3: 0.03, 5: -0.04, 8: 0.01},
}
"""Net return of the trade that left at noon of a day."""
needs_skfolio = pytest.mark.skipif(
    find_spec("skfolio") is None,
    reason="needs skfolio, which `make test-engines` installs in an environment of its own",
)
EACH_METHOD = [pytest.param(name, marks=[needs_skfolio] if name in SKFOLIO_METHODS else []) for name in METHODS]


def table_of(returns: dict[str, dict[int, float]]) -> pd.DataFrame:
    rows = [(name, day, value) for name, by_day in returns.items() for day, value in by_day.items()]
    table = pd.DataFrame(rows, columns=["strategy", "day", "net_return"])
    left = table.pop("day").to_numpy() * DAY + DAY // 2
    return table.assign(
        symbol="A", timeframe="1h", decision_time=left - 2 * HOUR, exit_time=left, stake=1.0, exit_reason="time"
    )


def backtest_of(table: pd.DataFrame, n_days: int) -> Backtest:
    names = tuple(f"{name}|A|1h" for name in dict.fromkeys(table["strategy"]))
    return Backtest(names, (24 * n_days,) * len(names), (0, n_days * DAY - 1), ALWAYS)


def paths_of(table: pd.DataFrame, backtest: Backtest, estimation: Estimation, warm_up: int) -> dict[str, WeightPath]:
    estimator = Estimator(InstanceReturns.of(table, backtest), estimation)
    return {path.name: path for path in weight_paths(estimator, warm_up=warm_up)}


@pytest.fixture(scope="module")
def hand() -> dict[str, WeightPath]:
    """Days 0 and 1 are learned from. 1970-01-01 was a Thursday: day 4 is the only Monday."""
    table = table_of(HAND)
    return paths_of(table, backtest_of(table, 10), Estimation("zero_one", minimum_trades=1), 2)


@pytest.mark.parametrize(
    ("name", "estimated", "chosen", "returns"),
    [
        # Before day 4, a has lost 0.04 and b has earned 0.025; before day 6, a has earned 0.01 and b has lost 0.015.
        ("daily", range(2, 10), "aabbaaaa", [0, -0.05, 0, -0.04, 0, 0, 0.04, 0]),
        ("weekly", [2, 4], "ab", [0, -0.05, 0, -0.04, 0, 0, 0.01, 0]),
        ("monthly", [2], "a", [0, -0.05, 0, 0.05, 0, 0, 0.04, 0]),
        ("once", [2], "a", [0, -0.05, 0, 0.05, 0, 0, 0.04, 0]),
    ],
)
def test_weights_of_zero_and_one_worked_by_hand(
    hand: dict[str, WeightPath], name: str, estimated: list[int], chosen: str, returns: list[float]
) -> None:
    path = hand[name]
    assert path.estimated.tolist() == list(estimated)
    assert path.weights.tolist() == [[1.0, 0.0] if one == "a" else [0.0, 1.0] for one in chosen]
    assert path.returns == pytest.approx(returns)


def test_equal_weights_and_measures_worked_by_hand(hand: dict[str, WeightPath]) -> None:
    assert hand["equal"].returns == pytest.approx([0, -0.01, 0, 0.005, 0, 0, 0.025, 0])
    found = hand["daily"].measures
    assert found["total_return"] == pytest.approx(0.95 * 0.96 * 1.04 - 1)
    assert found["max_drawdown"] == pytest.approx(0.95 * 0.96 - 1)
    mean, downside = -0.05 / 8, np.sqrt((0.05**2 + 0.04**2) / 8)
    assert found["sortino"] == pytest.approx(mean / downside * np.sqrt(365))
    # The week until day 3 lost; the one from day 4 made 0.96 x 1.04 = 0.9984. The only month lost.
    assert (found["n_weeks"], found["profitable_weeks_rate"]) == (2, 0.0)
    assert (found["n_months"], found["profitable_months_rate"]) == (1, 0.0)
    assert (found["n_trades"], found["n_estimates"]) == (3, 8)
    assert found["turnover"] == pytest.approx(3 / 8 * 365)
    assert found["reallocated"] == pytest.approx(2 / 8 * 365), "all capital moved to b, and back to a"
    assert (hand["once"].measures["reallocated"], hand["equal"].measures["n_trades"]) == (0.0, 6)


def test_a_trade_keeps_the_weight_of_its_decision() -> None:
    table = table_of(HAND)
    early = (table["strategy"] == "b") & (table["exit_time"] == 5 * DAY + DAY // 2)
    table.loc[early, "decision_time"] = 3 * DAY + HOUR  # while all capital was in a
    path = paths_of(table, backtest_of(table, 10), Estimation("zero_one", minimum_trades=1), 2)["daily"]
    assert path.returns == pytest.approx([0, -0.05, 0, 0, 0, 0, 0.04, 0])


def test_a_window_forgets_and_few_trades_get_no_capital() -> None:
    table = table_of(HAND)
    estimator = Estimator(InstanceReturns.of(table, backtest_of(table, 10)), Estimation("zero_one", 3, 1))
    assert estimator.at(6).tolist() == [0.0, 0.0], "in days 3 to 5 a earned nothing, and b lost"
    assert estimator.at(9).tolist() == [0.5, 0.5], "in days 6 to 8 both earned"
    counted = Estimator(InstanceReturns.of(table, backtest_of(table, 10)), Estimation("zero_one", 3, 2))
    assert counted.at(9).tolist() == [0.0, 0.0], "in days 6 to 8 both traded only once"
    demanding = Estimator(InstanceReturns.of(table, backtest_of(table, 10)), Estimation("zero_one", minimum_trades=5))
    assert (demanding.at(8).tolist(), demanding.at(10).tolist()) == ([0.0, 0.0], [1.0, 0.0])


def test_a_trade_that_the_data_ended_teaches_nothing() -> None:
    table = table_of(HAND)
    table.loc[table["exit_time"] > 8 * DAY, "exit_reason"] = "end_of_data"
    path = paths_of(table, backtest_of(table, 10), Estimation("zero_one", minimum_trades=1), 2)["once"]
    assert path.returns == pytest.approx([0, -0.05, 0, 0.05, 0, 0, 0, 0])


@pytest.fixture(scope="module")
def many() -> pd.DataFrame:
    random = np.random.default_rng(5)
    drift = {"v": 0.002, "w": 0.001, "x": 0.0, "y": -0.001, "z": 0.003}
    return table_of(
        {
            name: {int(day): random.normal(mean, 0.01) for day in np.sort(random.choice(90, 70, replace=False))}
            for name, mean in drift.items()
        }
    )


@pytest.mark.parametrize("method", EACH_METHOD)
@pytest.mark.parametrize("window", [None, 30])
def test_no_weight_knows_what_comes_after_it(many: pd.DataFrame, method: str, window: int | None) -> None:
    border = 80
    changed = many.copy()
    later = changed["exit_time"] >= border * DAY
    assert later.sum() > 20
    changed.loc[later, "net_return"] = np.random.default_rng(9).normal(-0.02, 0.05, int(later.sum()))
    backtest, estimation = backtest_of(many, 90), Estimation(method, window, 5)
    before, after = (paths_of(table, backtest, estimation, 72) for table in (many, changed))
    for name, path in before.items():
        known = path.estimated <= border
        assert np.array_equal(path.weights[known], after[name].weights[known]), name
        assert np.all(path.weights >= 0)
        assert np.allclose(path.weights.sum(axis=1), 1.0)
    if method != "equal":
        assert not np.array_equal(before["daily"].weights[-1], after["daily"].weights[-1]), (
            "it does know what came before"
        )


@pytest.mark.parametrize("method", EACH_METHOD)
def test_weights_of_an_oracle(many: pd.DataFrame, method: str) -> None:
    history = InstanceReturns.of(many, backtest_of(many, 90)).by_day()
    found = estimate_weights(method, history, np.full(5, 70))
    assert found.sum() == pytest.approx(1.0)
    risk = np.sqrt(np.mean(np.minimum(history - history.mean(axis=0), 0.0) ** 2, axis=0))

    def semi_deviation(weights: np.ndarray) -> np.ndarray:
        returns = history @ weights
        return np.sqrt(np.mean(np.minimum(returns - returns.mean(axis=0), 0.0) ** 2, axis=0))

    if method == "inverse_volatility":
        assert found == pytest.approx((1 / history.std(axis=0)) / (1 / history.std(axis=0)).sum())
    if method == "mean_risk":
        drawn = np.random.default_rng(0).dirichlet(np.ones(5), 5000).T
        assert (history @ found).mean() / semi_deviation(found) > (
            (history @ drawn).mean(axis=0) / semi_deviation(drawn)
        ).max()
    if method == "risk_budgeting":
        step = 1e-6 * np.eye(5)
        added = found * [(semi_deviation(found + one) - semi_deviation(found - one)) / 2e-6 for one in step]
        assert added == pytest.approx(np.full(5, added.mean()), rel=0.02)
    if method == "hierarchical_risk_parity":
        pair = estimate_weights(method, history[:, :2], np.full(2, 70))
        assert pair[0] / pair[1] == pytest.approx(risk[1] / risk[0], rel=1e-6)


def test_nothing_that_earned_means_nothing_is_traded() -> None:
    history = -np.abs(np.random.default_rng(0).normal(size=(30, 3))) / 100
    assert estimate_weights("zero_one", history, np.full(3, 30)).tolist() == [0.0] * 3
    assert estimate_weights("inverse_volatility", np.zeros((30, 3)), np.full(3, 30)).tolist() == [0.0] * 3
    if find_spec("skfolio") is not None:
        assert estimate_weights("mean_risk", history, np.full(3, 30)).tolist() == [0.0] * 3


def test_bad_values_are_named(many: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unknown, match="unknown method 'inverse_vol': did you mean 'inverse_volatility'"):
        check_method("inverse_vol")
    with pytest.raises(BadInput, match="window is 1: weights need at least 2 days"):
        Estimation("equal", 1)
    with pytest.raises(BadInput, match="minimum trades are 0: ask for at least 1"):
        estimate_weights("equal", np.zeros((1, 1)), np.ones(1), minimum_trades=0)
    for warm_up in (0, 89, 200):
        with pytest.raises(BadInput, match=f"the warm-up takes {warm_up} of 90 trading days: leave at least 2"):
            paths_of(many, backtest_of(many, 90), Estimation("equal"), warm_up)
    monkeypatch.setitem(sys.modules, "skfolio", None)
    for method in SKFOLIO_METHODS:
        with pytest.raises(BadInput, match=r"skfolio is not installed: pip install 'tradesieve\[skfolio\]'"):
            check_method(method)
