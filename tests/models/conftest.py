"""Datasets for the tests of models: seeded trades whose outcomes do or do not follow their scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tradesieve.market.calendars.trading_days import ALWAYS, TradingCalendar
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset

HOUR = DAY // 24


def make_trades(
    n: int = 400,
    *,
    seed: int = 0,
    n_instances: int = 4,
    n_days: int = 200,
    edge: float = 0.0,
    drift: float = 0.0,
    calendar: TradingCalendar = ALWAYS,
) -> tuple[Dataset, np.ndarray]:
    """Make trades of up to two days, and scores whose distance from 0.5, times `edge`, is added to the return."""
    generator = np.random.default_rng(seed)
    start = 20_000 * DAY
    decision_time = np.sort(generator.integers(start, start + (n_days - 3) * DAY, n))
    scores = generator.random(n)
    net_return = 0.02 * generator.standard_normal(n) + drift + edge * (scores - 0.5)
    dataset = Dataset(
        X=scores[:, None].copy(),
        feature_names=("score",),
        y=(net_return > 0).astype(np.float64),
        weight=np.ones(n),
        decision_time=decision_time,
        exit_time=decision_time + generator.integers(1, 2 * DAY, n),
        net_return=net_return,
        stake=generator.uniform(0.5, 1.0, n),
        instance=generator.integers(0, n_instances, n),
        instance_names=tuple(f"rule|S{index}|1h" for index in range(n_instances)),
        period=(start, start + n_days * DAY - 1),
        calendar=calendar,
    )
    return dataset, scores


@pytest.fixture(scope="session")
def trades() -> Callable[..., tuple[Dataset, np.ndarray]]:
    """Return `make_trades`."""
    return make_trades
