"""Weights of training rows: their definitions, and that only training rows are read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.errors import Unknown
from tradesieve.models.weights import WEIGHTS, average_uniqueness, weights


def naive_uniqueness(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """One nanosecond after the other."""
    found = []
    for own_start, own_end in zip(start, end, strict=True):
        times = np.arange(own_start, own_end)
        n_open = ((start[:, None] <= times) & (end[:, None] > times)).sum(axis=0)
        found.append(np.mean(1.0 / n_open))
    return np.array(found)


@pytest.mark.parametrize("seed", range(5))
def test_uniqueness_is_the_mean_of_one_over_the_open_spans(seed: int) -> None:
    generator = np.random.default_rng(seed)
    start = np.sort(generator.integers(0, 200, 40))
    end = start + generator.integers(1, 60, 40)
    found = average_uniqueness(start, end)
    np.testing.assert_allclose(found, naive_uniqueness(start, end), rtol=1e-12)
    order = generator.permutation(40)
    np.testing.assert_allclose(average_uniqueness(start[order], end[order]), found[order], rtol=1e-12)


def test_each_scheme_is_its_definition(trades) -> None:
    dataset, _ = trades(400)
    rows = np.flatnonzero(np.random.default_rng(1).random(400) < 0.6)
    unique = average_uniqueness(dataset.decision_time[rows], dataset.exit_time[rows])
    found = {name: weights(name, dataset, rows) for name in WEIGHTS}
    np.testing.assert_array_equal(found["uniform"], 1.0)
    np.testing.assert_array_equal(found["uniqueness"], unique)
    attributed = np.abs(dataset.net_return[rows]) * unique
    np.testing.assert_array_equal(found["return_attribution"], np.maximum(attributed, 0.01 * attributed.mean()))
    decayed = found["time_decay"]
    assert decayed[-1] == 1.0
    assert 0.5 < decayed[0] < 0.51
    np.testing.assert_allclose(np.diff(decayed) / unique[1:], 0.5 / unique.sum(), rtol=1e-6)
    with pytest.raises(Unknown, match="unknown weights 'uniquenes': did you mean 'uniqueness'"):
        weights("uniquenes", dataset, rows)


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_read_training_rows_alone(trades, name) -> None:
    """They multiply the dataset's own, are positive, and do not change with the rows of the test fold."""
    dataset, _ = trades(400)
    dataset = replace(dataset, weight=np.random.default_rng(2).uniform(1.0, 2.0, 400))
    rows = np.arange(50, 300)
    found = weights(name, dataset, rows)
    assert (found > 0.0).all()
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, weights(name, dataset.take(rows), np.arange(250)), rtol=1e-12)
    changed = dataset.net_return.copy()
    changed[300:] *= -7.0
    np.testing.assert_array_equal(weights(name, replace(dataset, net_return=changed), rows), found)
