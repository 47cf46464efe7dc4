"""A dataset whose features are known: what each of them tells, and how it changes over time."""

from __future__ import annotations

import numpy as np

from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset

HOUR = DAY // 24
NOISE = tuple(f"noise_{number}" for number in range(20))
NAMES = ("signal", "copy", "drifting", "vanishing", "sides", "constant", *NOISE)


def planted_dataset(n: int = 8000, n_days: int = 300, seed: int = 3) -> Dataset:
    """Two strategies decide at the same closes; one feature foretells, one is its copy, one drifts, one vanishes."""
    random = np.random.default_rng(seed)
    decision = np.repeat(np.sort(random.choice(n_days * 24, n // 2, replace=False)) * HOUR, 2) + 20_000 * DAY
    at_close = {name: np.repeat(random.normal(size=n // 2), 2) for name in NAMES}
    age = (decision - decision[0]) / (n_days * DAY)
    at_close["copy"] = -np.exp(at_close["signal"])
    at_close["drifting"] += 3 * age
    at_close["vanishing"] = np.where(np.repeat(random.random(n // 2), 2) < age, np.nan, at_close["vanishing"])
    at_close["sides"] = np.sign(at_close["sides"])
    at_close["constant"] = np.ones(n)
    net_return = 0.002 * (0.2 * at_close["signal"] + random.normal(size=n))
    return Dataset(
        X=np.column_stack([at_close[name] for name in NAMES]),
        feature_names=NAMES,
        y=(net_return > 0).astype(np.float64),
        weight=np.ones(n),
        decision_time=decision,
        exit_time=decision + random.integers(1, 9, n) * HOUR,
        net_return=net_return,
        stake=np.ones(n),
        instance=np.tile([0, 1], n // 2),
        instance_names=("first()|AAA|1h", "second()|AAA|1h"),
        period=(20_000 * DAY, (20_000 + n_days) * DAY),
        calendar=ALWAYS,
    )
