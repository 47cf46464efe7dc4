"""The population stability index: its definition, its thresholds, and what it stays below by luck."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import entropy

from tradesieve.features.profiling.drift import MINIMUM_ROWS, population_stability, reference_parts
from tradesieve.market.errors import BadInput


def parted(n_each: int, n_parts: int = 4) -> np.ndarray:
    return np.repeat(np.arange(n_parts), n_each)


def slow_index(first: np.ndarray, later: np.ndarray) -> float:
    """The definition, in words of the page: deciles of the first part, NaN apart, empty bins count half a row."""
    known = np.sort(first[~np.isnan(first)])
    borders = [-np.inf, *np.quantile(known, np.linspace(0.1, 0.9, 9)), np.inf]
    total = 0.0
    for low, high in pairwise(borders):
        counts = [sum(1 for value in part if low < value <= high) for part in (first, later)]
        if any(counts):
            q, p = (max(count, 0.5) / len(part) for count, part in zip(counts, (first, later), strict=True))
            total += (p - q) * np.log(p / q)
    counts = [int(np.isnan(part).sum()) for part in (first, later)]
    if any(counts):
        q, p = (max(count, 0.5) / len(part) for count, part in zip(counts, (first, later), strict=True))
        total += (p - q) * np.log(p / q)
    return total


def test_the_index_is_its_definition() -> None:
    random = np.random.default_rng(1)
    part = parted(400)
    X = random.normal(size=(len(part), 3)) + part[:, None] * [0.0, 0.2, -1.5]
    X[random.random(X.shape) < part[:, None] * 0.05] = np.nan
    found = population_stability(X, part).index
    for later in (1, 2, 3):
        for column in range(3):
            expected = slow_index(X[part == 0, column], X[part == later, column])
            assert found[later - 1, column] == pytest.approx(expected, rel=1e-12)


def test_the_index_is_the_symmetric_divergence() -> None:
    random = np.random.default_rng(2)
    part = parted(1000, 2)
    values = random.choice(5, size=2000, p=[0.1, 0.2, 0.3, 0.2, 0.2]).astype(float)
    values[part == 1] = random.choice(5, size=1000, p=[0.3, 0.1, 0.2, 0.2, 0.2])
    q, p = (np.bincount(values[part == each].astype(int)) / 1000 for each in (0, 1))
    found = population_stability(values[:, None], part).index
    assert found[0, 0] == pytest.approx(entropy(p, q) + entropy(q, p), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "drift"),
    [("same", "stable"), ("shifted", "shifted"), ("wider", "shifted"), ("vanishing", "shifted"), ("rarer", "watch"),
     ("constant", "stable"), ("unknown", "stable"), ("flipped", "shifted"), ("jumped", "shifted")],
)  # fmt: skip
def test_what_drifts_is_flagged(name: str, drift: str) -> None:
    random = np.random.default_rng(7)
    part, n = parted(2000, 3), 6000
    noise, late = random.normal(size=n), part == 2
    values = {
        "same": noise,
        "shifted": noise + late,
        "wider": noise * np.where(late, 3, 1),
        "vanishing": np.where(late & (random.random(n) < 0.4), np.nan, noise),
        # Nineteen of twenty are ones at first: every decile is 1, and what is not 1 needs a bin all the same.
        "rarer": (random.random(n) < np.where(late, 0.85, 0.95)).astype(float),
        "constant": np.ones(n),
        "unknown": np.full(n, np.nan),
        "flipped": np.where(random.random(n) < np.where(late, 0.2, 0.8), 1.0, -1.0),
        "jumped": np.where(late, 2.0, 1.0),
    }[name]
    found = population_stability(values[:, None], part)
    assert found.drift == [drift]
    assert found.worst[0] == found.index.max()


def test_luck_is_a_chi_square() -> None:
    """Of many features that do not move, one in twenty is above what luck explains."""
    random = np.random.default_rng(11)
    part = np.repeat([0, 1], [300, 200])
    found = population_stability(random.normal(size=(500, 3000)), part)
    assert np.mean(found.index > found.by_luck) == pytest.approx(0.05, abs=0.02)
    assert np.mean(found.index > 0.1) > 0.05, "a threshold alone would flag what is luck"
    assert found.by_luck[0, 0] == pytest.approx(16.919 * (1 / 300 + 1 / 200), rel=1e-4)
    twice = population_stability(np.repeat(random.normal(size=(500, 3000)), 2, axis=0), np.repeat(part, 2),
                                 n_independent=np.array([300, 200]))  # fmt: skip
    assert np.mean(twice.index > twice.by_luck) == pytest.approx(0.05, abs=0.02)


def test_few_rows_say_nothing() -> None:
    random = np.random.default_rng(3)
    part = np.repeat([0, 1, 2], [100, MINIMUM_ROWS - 1, MINIMUM_ROWS])
    found = population_stability(random.normal(size=(len(part), 2)), part)
    assert np.isnan(found.index[0]).all()
    assert np.isfinite(found.index[1]).all()
    alone = population_stability(random.normal(size=(100, 2)), np.zeros(100, np.int64))
    assert (alone.index.shape, alone.drift, np.isnan(alone.worst).all()) == ((0, 2), ["unknown"] * 2, True)


def test_the_first_part_holds_a_quarter() -> None:
    code = np.repeat([0, 1, 2, 3, 4], [10, 10, 20, 50, 10])
    assert np.bincount(reference_parts(code)).tolist() == [40, 50, 10]
    assert np.bincount(reference_parts(code, share=0.1)).tolist() == [10, 10, 20, 50, 10]
    assert reference_parts(np.zeros(5, np.int64)).tolist() == [0] * 5


def test_wrong_arguments_are_named() -> None:
    X = np.zeros((40, 2))
    with pytest.raises(BadInput, match="part has shape"):
        population_stability(X, np.zeros(3, np.int64))
    with pytest.raises(BadInput, match="part has shape"):
        population_stability(X, np.ones(40, np.int64))
    with pytest.raises(BadInput, match="n_bins is 1"):
        population_stability(X, np.zeros(40, np.int64), n_bins=1)
