"""Trades of a known law, without bars: correlated instances of rules, and filters that know nothing.

The market is a walk whose volatility comes in clusters. Rules of one family find the same trades, of which each of
their instances takes two in three; the first two instances of a family are copies. Trades overlap, and last hours to
days. So outcomes are correlated as those of real rules are, within a day, across instances and from day to day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset

HOUR = DAY // 24
N_FAMILIES = {1: 1, 6: 3, 50: 5}
"""Number of instances to that of the families that they come from."""
COVERAGES = (0.1, 0.6)
FILTERS = ("independent", "in stretches", "by volatility")
DRIFTS = {"losing": -0.002, "zero mean": 0.0, "earning": 0.002}
"""Baseline to what is added to each trade's return, whose standard deviation is 0.012."""
EDGE = 0.004
"""What the trades that a filter with skill keeps earn more than the others."""


@dataclass(frozen=True)
class Sample:
    """Trades, and filters that know nothing of their outcomes.

    Parameters
    ----------
    dataset : of trades with a mean return of zero.
    event : int64 (n_trades,), equal for trades of several instances that are the same.
    volatility : float64 (n_days,), of the market.
    sizes : float64 (n_trades,) by kind of filter and coverage.
    """

    dataset: Dataset
    event: np.ndarray
    volatility: np.ndarray
    sizes: dict[tuple[str, float], np.ndarray]


def sample(seed: int, *, n_instances: int, n_days: int) -> Sample:
    """Draw trades of `n_instances` over `n_days`, and one filter of each kind and coverage."""
    generator = np.random.default_rng((seed, n_instances, n_days))
    volatility, price = _market(n_days, generator)
    decision, exit_hour, gross, instance, event = _trades(price, n_instances, n_days, generator)
    n = len(decision)
    dataset = Dataset(
        X=np.empty((n, 0)),
        feature_names=(),
        y=np.zeros(n),
        weight=np.ones(n),
        decision_time=decision * HOUR,
        exit_time=exit_hour * HOUR,
        net_return=gross,
        stake=np.ones(n),
        instance=instance,
        instance_names=tuple(f"rule({number})|AAA|1h" for number in range(n_instances)),
        period=(0, n_days * DAY - 1),
        calendar=ALWAYS,
    )
    drawn = Sample(dataset, event, volatility, {})
    return replace(drawn, sizes=worthless_sizes(drawn, generator))


def worthless_sizes(drawn: Sample, generator: np.random.Generator) -> dict[tuple[str, float], np.ndarray]:
    """Draw one filter of each kind and coverage that knows nothing of the outcomes.

    Independent ones decide on each event, so that all instances agree on the trade that they share; the others decide
    on whole days, in stretches or by volatility, known but for some noise.
    """
    day, n_days = drawn.dataset.decision_time // DAY, len(drawn.volatility)
    noisy = drawn.volatility * np.exp(0.2 * generator.standard_normal(n_days))
    sizes = {}
    for coverage in COVERAGES:
        kept = {
            "in stretches": _stretches(n_days, coverage, generator),
            "by volatility": noisy > np.quantile(noisy, 1 - coverage),
        }
        sizes["independent", coverage] = (generator.random(drawn.event.max() + 1) < coverage)[drawn.event]
        sizes |= {(kind, coverage): days[day] for kind, days in kept.items()}
    return {key: kept.astype(np.float64) for key, kept in sizes.items()}


def drifting(dataset: Dataset, drift: float) -> Dataset:
    """Add `drift` to the return of every trade."""
    return replace(dataset, net_return=dataset.net_return + drift)


def skilled(dataset: Dataset, sizes: np.ndarray, edge: float) -> Dataset:
    """Let the trades that the filter keeps earn `edge` more than the others; the mean over all stays."""
    return replace(dataset, net_return=dataset.net_return + edge * (sizes - sizes.mean()))


def _market(n_days: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the volatility of each day and the log prices of two symbols by the hour: (2, n_hours + 1)."""
    log_volatility = np.empty(n_days)
    log_volatility[0] = 0.5 * generator.standard_normal()
    for day in range(1, n_days):
        log_volatility[day] = 0.9 * log_volatility[day - 1] + 0.5 * np.sqrt(1 - 0.81) * generator.standard_normal()
    volatility = 0.02 * np.exp(log_volatility)
    common, own = generator.standard_normal((1, 24 * n_days)), generator.standard_normal((2, 24 * n_days))
    moves = (np.sqrt(0.6) * common + np.sqrt(0.4) * own) * np.repeat(volatility, 24) / np.sqrt(24)
    return volatility, np.concatenate([np.zeros((2, 1)), np.cumsum(moves, axis=1)], axis=1)


def _trades(price: np.ndarray, n_instances: int, n_days: int, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return decision and exit hour, return, instance and event of each trade, in order of decision."""
    last_hour, n_families = 24 * n_days - 1, N_FAMILIES[n_instances]
    decision, ends, gross, taken_by, event = [], [], [], [], []
    n_events = 0
    for family in range(n_families):
        n = generator.poisson(3 * n_days)
        start = np.sort(generator.integers(0, last_hour, n))
        end = np.minimum(start + np.clip(generator.exponential(8, n), 1, 72).astype(np.int64), last_hour)
        days_of_side = np.repeat(generator.choice([-1.0, 1.0], n_days // 5 + 1), 5)
        side = days_of_side[start // 24] if family % 2 else generator.choice([-1.0, 1.0], n)
        earned = side * (price[family % 2, end] - price[family % 2, start])
        first = None
        for number, instance in enumerate(range(family, n_instances, n_families)):
            taken = generator.random(n) < 2 / 3
            if number == 0:
                first = taken
            elif number == 1 and first is not None:
                taken = first
            rows = np.flatnonzero(taken & (end > start))
            decision.append(start[rows])
            ends.append(end[rows])
            gross.append(earned[rows])
            taken_by.append(np.full(len(rows), instance))
            event.append(n_events + rows)
        n_events += n
    columns = [np.concatenate(column) for column in (decision, ends, gross, taken_by, event)]
    order = np.argsort(columns[0], kind="stable")
    return tuple(column[order] for column in columns)


def _stretches(n_days: int, coverage: float, generator: np.random.Generator) -> np.ndarray:
    """Switch on and off for days at a time: on for six days on average at 0.6, four at 0.1."""
    on_days = 4.0 + 4.0 * (coverage > 0.5)
    off_days = on_days * (1 - coverage) / coverage
    kept = np.empty(n_days, dtype=bool)
    on = bool(generator.random() < coverage)
    for day in range(n_days):
        kept[day] = on
        on = not on if generator.random() < 1 / (on_days if on else off_days) else on
    return kept
