"""Ranks, correlations and clusters against scipy and pandas, and copies that are planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw
from scipy.stats import rankdata, spearmanr

from tradesieve.features.profiling.clusters import average_ranks, cluster_features, rank_correlation, rank_features
from tradesieve.market.errors import BadInput


@settings(max_examples=60)
@given(draw.lists(draw.tuples(draw.sampled_from([-1.5, 0.0, -0.0, 2.0, 3.5, 1e300]), draw.integers(0, 3)), max_size=40))
def test_ranks_are_those_of_scipy(rows: list[tuple[float, int]]) -> None:
    values = np.array([value for value, _ in rows])
    group = np.array([number for _, number in rows], dtype=np.int64)
    np.testing.assert_array_equal(average_ranks(values), rankdata(values))
    found = average_ranks(values, group)
    for number in set(group.tolist()):
        np.testing.assert_array_equal(found[group == number], rankdata(values[group == number]))


def test_the_correlation_is_that_of_scipy() -> None:
    random = np.random.default_rng(4)
    X = random.normal(size=(20_000, 6)) @ random.normal(size=(6, 6))
    X[:, 4] = np.round(X[:, 4])
    X[:, 5] = X[:, 5] * 1e-9 + 60_000
    found = rank_correlation(rank_features(X))
    np.testing.assert_allclose(found, spearmanr(X).statistic, atol=1e-12)


def test_unknown_values_are_left_out_pair_by_pair() -> None:
    random = np.random.default_rng(5)
    X = random.normal(size=(3000, 4))
    X[:, 1] += X[:, 0]
    X[random.random(X.shape) < 0.2] = np.nan
    # Ranked among its own values each, then pandas' own pairwise correlation.
    expected = pd.DataFrame(X).rank().corr().to_numpy()
    np.testing.assert_allclose(rank_correlation(rank_features(X)), expected, atol=1e-12)


def test_what_is_constant_or_apart_has_no_correlation() -> None:
    random = np.random.default_rng(6)
    half = np.arange(100) < 50
    X = np.column_stack([
        random.normal(size=100), np.full(100, 0.1), np.full(100, np.nan),
        np.where(half, random.normal(size=100), np.nan), np.where(half, np.nan, random.normal(size=100)),
        np.where(half, 1.0, random.normal(size=100)),
    ])  # fmt: skip
    found = rank_correlation(rank_features(X))
    assert np.isnan(found[0, [1, 2]]).all()
    assert np.isnan(found[3, 4])
    assert np.isnan(found[3, 5]), "constant where both are known"
    assert np.isfinite(found[0, [3, 4, 5]]).all()
    np.testing.assert_array_equal(np.diag(found), 1.0)


def test_a_copy_lands_in_its_cluster() -> None:
    random = np.random.default_rng(8)
    own = random.normal(size=(4000, 5))
    copies = [np.exp(own[:, 1]), -own[:, 1], own[:, 1] + random.normal(size=4000) * 0.2, own[:, 3] ** 3]
    X = np.column_stack([own, *copies])
    correlation = rank_correlation(rank_features(X))
    found = cluster_features(correlation)
    assert [np.flatnonzero(found.code == number).tolist() for number in range(5)] == [
        [1, 5, 6, 7],
        [3, 8],
        [0],
        [2],
        [4],
    ]
    assert found.representative.tolist() == [1, 3, 0, 2, 4]
    assert sorted(found.order.tolist()) == list(range(9))
    lined = found.code[found.order]
    assert np.count_nonzero(np.diff(lined)) == 4, "those of a cluster stand side by side"


def test_any_two_of_a_cluster_correlate_by_the_threshold() -> None:
    random = np.random.default_rng(9)
    X = random.normal(size=(500, 3)) @ random.normal(size=(3, 40)) + random.normal(size=(500, 40))
    correlation = rank_correlation(rank_features(X))
    for threshold in (0.2, 0.4, 0.6):
        found = cluster_features(correlation, threshold=threshold)
        sizes = np.bincount(found.code)
        assert sizes[0] > 1
        assert (np.diff(sizes) <= 0).all()
        for number, chosen in enumerate(found.representative):
            members = np.flatnonzero(found.code == number)
            assert chosen in members
            assert np.abs(correlation[np.ix_(members, members)]).min() >= threshold


def test_constants_are_clusters_of_their_own() -> None:
    X = np.column_stack([np.ones(50), np.zeros(50), np.arange(50.0), np.full(50, np.nan)])
    found = cluster_features(rank_correlation(rank_features(X)))
    assert sorted(found.code.tolist()) == [0, 1, 2, 3]
    assert cluster_features(np.ones((1, 1))).order.tolist() == [0]


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(BadInput, match="threshold is 1"):
        cluster_features(np.eye(3), threshold=1.0)
    with pytest.raises(BadInput, match=r"correlation has shape \(3, 2\)"):
        cluster_features(np.zeros((3, 2)))
    with pytest.raises(BadInput, match="X has shape"):
        rank_features(np.zeros((0, 3)))
