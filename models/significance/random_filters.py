"""Random filters: is the filter better than the same filter at other times?

A rotation keeps what a filter is (how much it trades of each instance, for how long at a stretch, in how many instances
together) and loses only its timing. So neither trading less, nor preferring a better strategy, nor many copies of one
trade make a filter look skilled. Shuffles of the sizes within an instance do not hold their level on correlated
instances, since each copy is shuffled on its own.

Filters are compared by what they add each day, `models.fitness.filtered_returns.improvement_returns`, over its
deviation. Undivided, a filter of volatile days without skill beats its rotations, which are of calmer ones, too often;
by the Sortino ratio, so does any filter in stretches of rules that earn (tests/studies/LEVELS.md).

NaN rules: a filter that keeps nothing has a p-value of NaN, which passes no gate. A rotation that keeps nothing counts
against the filter.

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
>>> p_value, _ = rotation_test(dataset, sizes, seed=7)
>>> p_value < 0.05
True
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import capital_effects, checked_sizes, excess_effects
from tradesieve.models.json_values import json_safe
from tradesieve.models.significance.rotation_kernels import rotated_sums_nb, sums_of_sizes_nb


@dataclass(frozen=True, eq=False)
class Rotations:
    """A filter at other times.

    Parameters
    ----------
    improvement : float64 (n_rotations,), annualised Sharpe ratio of `improvement_returns`; 0 where nothing is added,
        NaN where nothing is kept.
    sortino : float64 (n_rotations,), annualised; NaN without a downside.
    expectancy : float64 (n_rotations,), net return per unit of capital; NaN where nothing is kept.
    observed : the improvement of the filter itself.
    """

    improvement: np.ndarray
    sortino: np.ndarray
    expectancy: np.ndarray
    observed: float


def rotate(dataset: Dataset, sizes: np.ndarray, *, n_rotations: int, seed: int) -> Rotations:
    """Give the sizes to other times, many times.

    1. Bend the time from the first to the last decision into a circle.
    2. Rotate the sizes along it by a random shift, the same for all instances: every trade gets the size of its
       instance's trade nearest to the shifted time.

    Coverage is kept on average, not in every draw.

    Parameters
    ----------
    sizes : float (n_trades,), finite, at least 0; 0 refuses the trade.
    n_rotations : at least 1.

    Raises
    ------
    BadInput, BadData : as `models.fitness.filtered_returns.daily_returns`, and if `n_rotations` is below 1.
    """
    if n_rotations < 1:
        raise BadInput(f"n_rotations is {n_rotations}, but must be at least 1")
    sizes = checked_sizes(dataset, sizes)
    day, effect, n_days = capital_effects(dataset)
    order, offsets = dataset.by_instance()
    capital = dataset.stake / len(dataset.instance_names)
    # Where a row's decision lies between the first (0) and the last one (just below 1).
    since_first = dataset.decision_time - dataset.decision_time[:1]
    position = since_first / (since_first[-1:] + 1)
    day, effect, capital, sizes = day[order], effect[order], capital[order], sizes[order]
    excess = excess_effects(dataset)[order]
    own = sums_of_sizes_nb(day, effect, capital, excess, sizes, n_days)
    drawn = rotated_sums_nb(
        day, effect, capital, excess, sizes, position[order], offsets, n_days, n_rotations, np.random.default_rng(seed)
    )
    total, squared_downside, invested, added, squared_added = np.vstack([own, drawn]).T
    year = math.sqrt(dataset.calendar.days_per_year)
    with np.errstate(divide="ignore", invalid="ignore"):
        sortino = total / n_days / np.sqrt(squared_downside / n_days) * year
        expectancy = total / invested
        deviation = np.sqrt((squared_added - added**2 / n_days) / (n_days - 1))
        improvement = np.where(squared_added > 0, added / n_days / deviation * year, 0.0)
    improvement[invested == 0] = np.nan
    expectancy[invested == 0] = np.nan
    sortino[squared_downside == 0] = np.nan
    return Rotations(improvement[1:], sortino[1:], expectancy[1:], float(improvement[0]))


def rotation_test(
    dataset: Dataset, sizes: np.ndarray, *, n_rotations: int = 2000, seed: int
) -> tuple[float, Rotations]:
    """Test whether the filter adds more than itself at other times.

    The p-value is ``(1 + n(null >= observed)) / (1 + n_rotations)`` (Phipson and Smyth, 2010) of the Sharpe ratio of
    what is added, so it is studentised (Chung and Romano, 2013). Approximate, because the two ends of the time did not
    meet.

    Parameters
    ----------
    sizes, n_rotations : as `rotate`.

    Returns
    -------
    p_value : NaN when the filter keeps nothing.
    rotations : the null distribution.

    Raises
    ------
    BadInput, BadData : as `rotate`.
    """
    rotations = rotate(dataset, sizes, n_rotations=n_rotations, seed=seed)
    observed, null = rotations.observed, rotations.improvement
    if math.isnan(observed):
        return math.nan, rotations
    # The same trades added in another order differ by a rounding error, which must not decide a tie.
    reached = np.isnan(null) | (null >= observed - 1e-9 * abs(observed))
    return float((1 + np.count_nonzero(reached)) / (1 + n_rotations)), rotations


@dataclass(frozen=True)
class RandomFilter:
    """The filter at other times, in summary: the benchmark that stands beside a filter.

    Parameters
    ----------
    n_draws : number of rotations.
    coverage : kept trades of the filter as a fraction of all.
    sortino : median, annualised; NaN when at least half of the draws have none.
    sortino_low, sortino_high : 5th and 95th percentile of the defined ones.
    expectancy : median net return per unit of capital; NaN when at least half of the draws keep nothing.
    """

    n_draws: int
    coverage: float
    sortino: float
    sortino_low: float
    sortino_high: float
    expectancy: float

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the summary ready for JSON, with None for NaN."""
        return json_safe(asdict(self))


def random_filter(dataset: Dataset, sizes: np.ndarray, *, n_draws: int = 200, seed: int) -> RandomFilter:
    """Summarise rotations of the filter.

    Raises
    ------
    BadInput, BadData : as `rotate`.
    """
    rotations = rotate(dataset, sizes, n_rotations=n_draws, seed=seed)
    low, middle, high = _quantiles(rotations.sortino, (0.05, 0.5, 0.95))
    (expectancy,) = _quantiles(rotations.expectancy, (0.5,))
    coverage = np.count_nonzero(sizes) / len(sizes) if len(sizes) else math.nan
    return RandomFilter(n_draws, float(coverage), middle, low, high, expectancy)


def _quantiles(values: np.ndarray, levels: tuple[float, ...]) -> list[float]:
    defined = values[~np.isnan(values)]
    return np.quantile(defined, levels).tolist() if 2 * len(defined) > len(values) else [math.nan] * len(levels)
