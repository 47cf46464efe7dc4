"""Significance: could the improvement be luck?

Four ways to be lucky, and what catches each. By trading less: do filters of the same coverage that choose at random do
as well (`permutation_test`)? By sitting out a bad season: does the same filter do as well at other times
(`rotation_test`)? By a few good days: does it hold when days are resampled (`bootstrap_lower_bounds`)? By many trials:
`deflated_sharpe` and `probability_of_overfitting`, from `models.significance.overfitting`.

NaN rules: an undefined statistic of the data at hand gives NaN, which passes no gate. An undefined statistic of a
resample counts against the filter.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness import capital_effects, checked_sizes, json_safe
from tradesieve.models.significance.bootstrap_kernels import (
    bootstrapped_sortinos_nb,
    rotated_sortinos_nb,
    shuffled_sortinos_nb,
    sortino_of_sizes_nb,
)
from tradesieve.models.significance.overfitting import check_finite, deflated_sharpe, probability_of_overfitting

__all__ = [
    "RandomFilter",
    "bootstrap_lower_bounds",
    "deflated_sharpe",
    "permutation_test",
    "probability_of_overfitting",
    "random_filter",
    "rotation_test",
]


def permutation_test(
    dataset: Dataset, sizes: np.ndarray, *, n_permutations: int = 2000, seed: int
) -> tuple[float, np.ndarray]:
    """Compare the filter's Sortino with filters of the same coverage that choose at random within each instance.

    The sizes are shuffled among the trades of each strategy instance, so neither trading less nor preferring a better
    strategy makes a difference. Exact when sizes are exchangeable within an instance; where both the sizes and the
    returns move together over weeks and across instances it rejects too often, which `rotation_test` does not.

    Returns
    -------
    p_value : ``(1 + n(null >= observed)) / (1 + n_permutations)`` (Phipson and Smyth, 2010). A shuffle without a
        downside counts as at least as good. NaN when the filter's own Sortino is undefined.
    null_sortinos : float64 (n_permutations,), annualised.

    Raises
    ------
    BadInput, BadData : as `models.fitness.daily_returns`, and if `n_permutations` is below 1.
    """
    rows = _grouped(dataset, sizes, n_permutations)
    generator = np.random.default_rng(seed)
    return rows.p_value(
        shuffled_sortinos_nb(rows.day, rows.effect, rows.sizes, rows.borders, rows.n_days, n_permutations, generator)
    )


def rotation_test(
    dataset: Dataset, sizes: np.ndarray, *, n_rotations: int = 2000, seed: int
) -> tuple[float, np.ndarray]:
    """Compare the filter's Sortino with the same filter at other times.

    Every trade gets the size of its instance's trade that is nearest to a time later by a random shift, which is the
    same for all instances; the end of the time goes on at its beginning. The runs of the sizes and their agreement
    across instances stay as they are, only their timing against the returns is lost. Coverage is kept on average, not
    in every draw. Approximate, because the two ends did not meet.

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
            rows.day, rows.effect, rows.sizes, rows.moment, rows.borders, rows.n_days, n_rotations, generator
        )
    )


@dataclass(frozen=True)
class RandomFilter:
    """What filters of the same coverage that choose at random within each instance are worth.

    Parameters
    ----------
    n_draws : how many random filters were drawn.
    coverage : kept trades as a fraction of all, the same for every draw.
    sortino : their median Sortino; NaN when half of them have none.
    sortino_low, sortino_high : the 5th and the 95th percentile of those that have one.
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
    """Summarise random filters of the same coverage in each instance, to stand beside the filter on the leaderboard.

    Raises
    ------
    BadInput, BadData : as `permutation_test`.
    """
    _, sortinos = permutation_test(dataset, sizes, n_permutations=n_draws, seed=seed)
    known = sortinos[~np.isnan(sortinos)]
    low, middle, high = np.quantile(known, (0.05, 0.5, 0.95)) if 2 * len(known) > n_draws else (math.nan,) * 3
    coverage = np.count_nonzero(sizes) / len(sizes) if len(sizes) else math.nan
    return RandomFilter(n_draws, float(coverage), float(middle), float(low), float(high))


@dataclass(frozen=True, eq=False)
class _Grouped:
    """The rows as the kernels want them: those of an instance together, each in decision order."""

    day: np.ndarray
    effect: np.ndarray
    sizes: np.ndarray
    moment: np.ndarray
    borders: np.ndarray
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
    order = np.argsort(dataset.instance, kind="stable")
    borders = np.searchsorted(dataset.instance[order], np.arange(len(dataset.instance_names) + 1))
    # Where a row's decision lies between the first (0) and the last one (just below 1).
    since_first = dataset.decision_time - dataset.decision_time[:1]
    moment = since_first / (since_first[-1:] + 1)
    per_year = dataset.calendar.days_per_year
    return _Grouped(day[order], effect[order], sizes[order], moment[order], borders, n_days, per_year)


def bootstrap_lower_bounds(
    baseline_returns: np.ndarray,
    filtered_returns: np.ndarray,
    *,
    days_per_year: float,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    mean_block: float = 10.0,
    seed: int,
) -> tuple[float, float]:
    """Bound from below the filtered Sortino, and its improvement over the baseline, by resampling days.

    Stationary bootstrap (Politis and Romano, 1994), both series on the same resampled days; the bound is the
    ``1 - confidence`` percentile (Efron, 1979), one-sided.

    Parameters
    ----------
    baseline_returns, filtered_returns : float (n_days,), daily returns over the same days, finite.
    days_per_year : annualises both Sortinos.
    mean_block : mean length of a block in days, at least 1; longer than the memory of the returns.

    Returns
    -------
    filtered_bound, improvement_bound : annualised. A resample without a downside counts as the worst; a bound that
        falls among these, or on fewer than two days, is NaN.

    Raises
    ------
    BadInput : if the series differ in length or are not finite, or a setting is out of its range.
    """
    if baseline_returns.shape != filtered_returns.shape or baseline_returns.ndim != 1:
        raise BadInput(f"baseline {baseline_returns.shape} and filtered {filtered_returns.shape} need the same days")
    check_finite("baseline_returns", baseline_returns)
    check_finite("filtered_returns", filtered_returns)
    if not 0.5 <= confidence < 1:
        raise BadInput(f"confidence is {confidence}: allowed is 0.5 to below 1")
    if mean_block < 1 or n_resamples < 1:
        raise BadInput(f"mean_block {mean_block} and n_resamples {n_resamples} need to be at least 1")
    if len(filtered_returns) < 2:
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    drawn = bootstrapped_sortinos_nb(
        np.ascontiguousarray(baseline_returns, dtype=np.float64),
        np.ascontiguousarray(filtered_returns, dtype=np.float64),
        float(mean_block),
        n_resamples,
        generator,
    ) * math.sqrt(days_per_year)
    return _lower(drawn[:, 1], confidence), _lower(drawn[:, 1] - drawn[:, 0], confidence)


def _lower(drawn: np.ndarray, confidence: float) -> float:
    bound = float(np.quantile(np.where(np.isnan(drawn), -np.inf, drawn), 1.0 - confidence, method="lower"))
    return bound if math.isfinite(bound) else math.nan
