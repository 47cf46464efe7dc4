"""Labels: targets held against their definitions, and what they may know."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.errors import Unknown
from tradesieve.models.labels.base import TASKS
from tradesieve.models.labels.registry import LABELS, label_named

SCALED = label_named("scaled_return")


def make_trades(n: int = 300, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Trades of two rules at two timeframes in decision order, and the volatility at each decision."""
    generator = np.random.default_rng(seed)
    decision_time = np.sort(generator.integers(0, 10_000, n))
    bars_held = generator.integers(0, 40, n)
    trades = pd.DataFrame(
        {
            "strategy": generator.choice(["breakout", "dip"], n),
            "timeframe": generator.choice(["5m", "1h"], n),
            "decision_time": decision_time,
            "exit_time": decision_time + 1 + 10 * bars_held,
            "bars_held": bars_held,
            "net_return": 0.02 * generator.standard_normal(n),
        }
    )
    return trades, generator.uniform(0.001, 0.004, (n, 1))


def test_every_label_has_a_task_and_the_nearest_is_suggested() -> None:
    assert {label.task for label in LABELS.values()} == set(TASKS)
    with pytest.raises(Unknown, match="did you mean 'scaled_return'"):
        label_named("scaled_retrun")


def test_won_is_the_sign_of_the_money() -> None:
    trades, volatility = make_trades()
    won = label_named("won").targets(trades, volatility)
    np.testing.assert_array_equal(won, trades["net_return"] > 0)


def test_a_scaled_return_is_its_definition() -> None:
    trades, volatility = make_trades()
    expected = []
    for row, trade in trades.iterrows():
        same = trades[(trades["strategy"] == trade["strategy"]) & (trades["timeframe"] == trade["timeframe"])]
        exited = same[same["exit_time"] <= trade["decision_time"]]["bars_held"].clip(lower=1)
        typical = exited.median() if len(exited) else max(1, trade["bars_held"])
        expected.append(trade["net_return"] / (volatility[row, 0] * np.sqrt(typical)))
    found = SCALED.targets(trades, volatility)
    np.testing.assert_allclose(found, np.clip(expected, -3.0, 3.0), rtol=1e-12)
    assert 0 < np.mean(np.abs(found) == 3.0) < 0.5


def test_what_exits_after_a_decision_does_not_change_its_target() -> None:
    """A median over all trades would tell a training row of its test fold, and of the hold-out."""
    trades, volatility = make_trades()
    border = int(trades["decision_time"].iloc[200])
    changed = trades.copy()
    changed.loc[changed["exit_time"] > border, "bars_held"] *= 7
    known = (trades["exit_time"] <= border).to_numpy()
    before, after = SCALED.targets(trades, volatility), SCALED.targets(changed, volatility)
    np.testing.assert_array_equal(before[known], after[known])
    assert np.any(before[~known] != after[~known])


@pytest.mark.parametrize("unknown", [np.nan, 0.0, np.inf])
def test_without_a_volatility_a_trade_teaches_nothing(unknown: float) -> None:
    trades, volatility = make_trades()
    volatility[7] = unknown
    found = SCALED.targets(trades, volatility)
    assert found[7] == 0.0
    assert np.isfinite(found).all()
