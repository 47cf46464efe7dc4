"""Permutation tests: is the filter better than random filters, and than the same filter at other times?

`permutation_test` catches a filter that gains by trading less, `rotation_test` one that merely sat out a bad season.

NaN rules: an undefined statistic of the data at hand gives NaN, which passes no gate. An undefined statistic of a
resample counts against the filter.

Examples
--------
Three hundred daily trades whose return grows with their score, and a filter that keeps the better half:

>>> import numpy as np
>>> from tradesieve.market.calendars.trading_days import ALWAYS
>>> from tradesieve.market.timeframes import DAY
>>> random, n = np.random.default_rng(1), 300
>>> score, noise, ones, time = random.random(n), random.normal(0.0, 0.01, n), np.ones(n), np.arange(n) * DAY
>>> dataset = Dataset(
...     X=score[:, None], feature_names=("score",), y=ones, weight=ones, decision_time=time, exit_time=time + DAY // 2,
...     net_return=noise + 0.004 * (score - 0.5), stake=ones, instance=np.zeros(n, dtype=np.int64),
...     instance_names=("breakout|BTC-USD|1d",), period=(0, n * DAY - 1), calendar=ALWAYS)
>>> sizes = np.where(score > 0.5, 1.0, 0.0)
>>> p_value, null_sortinos = permutation_test(dataset, sizes, seed=7)
>>> round(p_value, 4), null_sortinos.shape
(0.0085, (2000,))
>>> round(rotation_test(dataset, sizes, seed=7)[0], 4)
0.0215
>>> chance = random_filter(dataset, sizes, seed=7)
>>> round(chance.coverage, 2), round(chance.sortino, 2)
(0.49, 0.31)
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness import capital_effects, checked_sizes
from tradesieve.models.json_values import json_safe
from tradesieve.models.significance.resampling_kernels import (
    rotated_sortinos_nb,
    shuffled_sortinos_nb,
    sortino_of_sizes_nb,
)


def permutation_test(
    dataset: Dataset, sizes: np.ndarray, *, n_permutations: int = 2000, seed: int
) -> tuple[float, np.ndarray]:
    """Test the filter's Sortino ratio against random filters of the same coverage (Fisher, 1935).

    1. Compute the Sortino ratio of the filtered trades.
    2. Shuffle the sizes among the trades of each strategy instance and compute the ratio again, many times. Neither
       trading less nor preferring a better strategy makes a difference then.
    3. The p-value is ``(1 + n(null >= observed)) / (1 + n_permutations)`` (Phipson and Smyth, 2010).

    Exact when sizes are exchangeable within an instance. Where sizes and returns both move together over weeks and
    across instances it rejects too often; `rotation_test` does not.

    Parameters
    ----------
    sizes : float (n_trades,), finite, at least 0; 0 refuses the trade.
    n_permutations : at least 1.

    Returns
    -------
    p_value : a shuffle without a downside counts as at least as good. NaN when the filter's own ratio is undefined.
    null_sortinos : float64 (n_permutations,), annualised.

    Raises
    ------
    BadInput, BadData : as `models.fitness.daily_returns`, and if `n_permutations` is below 1.
    """
    rows = _grouped(dataset, sizes, n_permutations)
    generator = np.random.default_rng(seed)
    return rows.p_value(
        shuffled_sortinos_nb(rows.day, rows.effect, rows.sizes, rows.offsets, rows.n_days, n_permutations, generator)
    )


def rotation_test(
    dataset: Dataset, sizes: np.ndarray, *, n_rotations: int = 2000, seed: int
) -> tuple[float, np.ndarray]:
    """Test the filter's Sortino ratio against the same filter at other times.

    1. Compute the Sortino ratio of the filtered trades.
    2. Bend the time from the first to the last decision into a circle. Rotate the sizes along it by a random shift,
       the same for all instances: every trade gets the size of its instance's trade nearest to the shifted time.
       Compute the ratio again, many times.
    3. The p-value is ``(1 + n(null >= observed)) / (1 + n_rotations)``.

    Runs of sizes and their agreement across instances survive, only their timing against the returns is lost. Coverage
    is kept on average, not in every draw. Approximate, because the two ends of the time did not meet.

    Parameters
    ----------
    sizes : as `permutation_test`.
    n_rotations : at least 1.

    Returns
    -------
    p_value, null_sortinos : as `permutation_test`.

    Raises
    ------
    BadInput, BadData : as `permutation_test`.
    """
    rows = _grouped(dataset, sizes, n_rotations)
    generator = np.random.default_rng(seed)
    return rows.p_value(
        rotated_sortinos_nb(
            rows.day, rows.effect, rows.sizes, rows.position, rows.offsets, rows.n_days, n_rotations, generator
        )
    )


@dataclass(frozen=True)
class RandomFilter:
    """The Sortino ratio of random filters of the same coverage in each instance.

    Parameters
    ----------
    n_draws : number of random filters.
    coverage : kept trades as a fraction of all, the same for every draw.
    sortino : median, annualised; NaN when at least half of the draws have none.
    sortino_low, sortino_high : 5th and 95th percentile of the defined ones.
    """

    n_draws: int
    coverage: float
    sortino: float
    sortino_low: float
    sortino_high: float

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the summary ready for JSON, with None for NaN."""
        return json_safe(asdict(self))


def random_filter(dataset: Dataset, sizes: np.ndarray, *, n_draws: int = 200, seed: int) -> RandomFilter:
    """Summarise random filters of the same coverage, the benchmark that stands beside a filter on the leaderboard.

    Raises
    ------
    BadInput, BadData : as `permutation_test`.
    """
    _, sortinos = permutation_test(dataset, sizes, n_permutations=n_draws, seed=seed)
    defined = sortinos[~np.isnan(sortinos)]
    low, middle, high = np.quantile(defined, (0.05, 0.5, 0.95)) if 2 * len(defined) > n_draws else (math.nan,) * 3
    coverage = np.count_nonzero(sizes) / len(sizes) if len(sizes) else math.nan
    return RandomFilter(n_draws, float(coverage), float(middle), float(low), float(high))


@dataclass(frozen=True, eq=False)
class _Grouped:
    """The rows as the kernels take them: grouped by instance, each group in decision order."""

    day: np.ndarray
    effect: np.ndarray
    sizes: np.ndarray
    position: np.ndarray
    offsets: np.ndarray
    n_days: int
    days_per_year: float

    def p_value(self, null: np.ndarray) -> tuple[float, np.ndarray]:
        observed = sortino_of_sizes_nb(self.day, self.effect, self.sizes, self.n_days)
        # The same trades added in another order differ by a rounding error, which must not decide a tie.
        reached = np.isnan(null) | (null >= observed - 1e-9 * abs(observed))
        p_value = math.nan if math.isnan(observed) else float((1 + np.count_nonzero(reached)) / (1 + len(null)))
        return p_value, null * math.sqrt(self.days_per_year)


def _grouped(dataset: Dataset, sizes: np.ndarray, n_draws: int) -> _Grouped:
    if n_draws < 1:
        raise BadInput(f"{n_draws} draws are too few: at least 1 is needed")
    sizes = checked_sizes(dataset, sizes)
    day, effect, n_days = capital_effects(dataset)
    order, offsets = dataset.by_instance()
    # Where a row's decision lies between the first (0) and the last one (just below 1).
    since_first = dataset.decision_time - dataset.decision_time[:1]
    position = since_first / (since_first[-1:] + 1)
    per_year = dataset.calendar.days_per_year
    return _Grouped(day[order], effect[order], sizes[order], position[order], offsets, n_days, per_year)
