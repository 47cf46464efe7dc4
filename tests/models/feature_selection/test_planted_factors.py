"""Every selection on three true factors among forty of noise."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.engines.training_rows import TrainingRows
from tradesieve.models.feature_selection.importance import inner_folds
from tradesieve.models.feature_selection.registry import NAMED, SELECTIONS, select
from tradesieve.models.feature_selection.selection_rows import SelectionRows
from tradesieve.models.labels.base import CLASSIFICATION, REGRESSION

TRUE = {4, 17, 42}
MOST_NOISE = {
    "all": 40, "variance": 40, "correlation": 40,
    # The better half of 43 columns.
    "univariate": 19, "mutual_information": 19,
    # One of twenty of those that are kept may be false.
    "tsfresh_bh": 2, "tsfresh_by": 2, "boruta": 2,
    # On noise, a mean is two standard errors from zero in one of thirteen columns, surely above it in one of twenty.
    "stability": 7, "permutation": 6, "clustered": 6,
}  # fmt: skip
"""The most columns of noise that a method may keep by what it claims."""

Spans = tuple[np.ndarray, np.ndarray]


def planted(n: int = 2000, *, strength: float = 0.25, seed: int = 5) -> tuple[np.ndarray, np.ndarray, Spans]:
    """Make factors with gaps, of which three move a noisy target, one of them downwards."""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, 43))
    first, second, third = sorted(TRUE)
    y = strength * (X[:, first] - X[:, second] + X[:, third]) + generator.standard_normal(n)
    X[generator.random(X.shape) < 0.05] = np.nan
    decision_time = np.sort(generator.integers(0, 400 * DAY, n))
    return X, y, (decision_time, decision_time + generator.integers(1, 2 * DAY, n))


@pytest.mark.parametrize(
    ("name", "task"),
    [
        *((name, REGRESSION) for name in (*SELECTIONS, *NAMED)),
        *((name, CLASSIFICATION) for name in ("tsfresh_bh", "tsfresh_by", "stability", "permutation")),
    ],
)
def test_the_true_factors_are_found_and_most_noise_is_dropped(name, task):
    X, y, spans = planted()
    chosen = set(select(name, X, y if task == REGRESSION else (y > 0) * 1.0, seed=0, spans=spans).tolist())
    assert chosen >= TRUE
    assert len(chosen - TRUE) <= MOST_NOISE[name]


@pytest.mark.parametrize("name", ["boruta", "tsfresh_bh", "tsfresh_by"])
def test_of_noise_alone_hardly_anything_is_kept(name):
    """Where nothing is found, the first column stays for a model to be fitted on."""
    for seed in range(1 if name == "boruta" else 4):
        X, y, spans = planted(600, strength=0.0, seed=seed)
        assert len(select(name, X[:, :20], y, seed=0, spans=spans)) <= 2


@pytest.mark.parametrize("name", NAMED)
def test_it_is_the_same_again_and_leaves_the_rows_alone(name):
    X, y, spans = planted(400)
    X = X[:, :12]
    X[:, 1], X[:, 2], X[:, 3] = np.nan, 7.0, X[:, 4]
    before = X.copy()
    chosen = select(name, X, y, seed=3, spans=spans)
    assert chosen.dtype == np.int64
    assert np.all(np.diff(chosen) > 0)
    assert not {1, 2} & set(chosen.tolist()), "what is constant or unknown says nothing"
    np.testing.assert_array_equal(chosen, select(name, X, y, seed=3, spans=spans))
    np.testing.assert_array_equal(X, before)


def test_copies_of_a_factor_hide_each_other_but_not_their_cluster():
    X, y, spans = planted(strength=0.25)
    generator = np.random.default_rng(1)
    copies = [5, 6, 7, 8, 9, 10]
    for column in copies:
        X[:, column] = X[:, 4] + 0.3 * generator.standard_normal(len(X))
    alone = set(select("permutation", X, y, seed=0, spans=spans).tolist())
    together = set(select("clustered", X, y, seed=0, spans=spans).tolist())
    assert not {4, *copies} <= alone
    assert {4, *copies, 17, 42} <= together


def test_what_changes_its_sign_with_time_is_not_stable():
    X, y, _ = planted()
    half = len(X) // 2
    X[:, 0] = np.where(np.arange(len(X)) < half, y, -y) + 0.5 * np.random.default_rng(2).standard_normal(len(X))
    assert 0 not in select("stability", X, y, seed=0)
    assert 0 in select("stability", X[:half], y[:half], seed=0)


def test_the_inner_folds_are_purged_and_need_the_times():
    X, y, spans = planted(800)
    rows = SelectionRows(X, y, 0, None, spans)
    for fold in inner_folds(rows, "permutation"):
        start, end = fold.test_period
        assert len(fold.train) > 500
        assert np.all((spans[1][fold.train] < start) | (spans[0][fold.train] > end))
    for name in ("permutation", "clustered"):
        with pytest.raises(BadInput, match=f"selection {name} needs the decision and exit times of the 800 rows"):
            select(name, X, y, seed=0)


def test_a_candidate_selects_on_its_training_rows_alone():
    """The target of the other rows is the opposite, so that a look at them would change what is found."""
    X, y, spans = planted(1600)
    y[::2] = np.where(np.isnan(X[::2, 0]), 0.0, 5 * X[::2, 0])
    train = np.arange(1, len(X), 2)
    rows = TrainingRows(X, y, np.ones(len(X)), spans=spans, rows=train)
    candidate = Candidate("lightgbm", "gbdt", {}, selection="permutation", task=REGRESSION)
    model = engine_named("lightgbm").fit_rows(candidate, rows, seed=0)
    own = select("permutation", X[train], y[train], seed=0, spans=(spans[0][train], spans[1][train]))
    assert rows.selected("permutation", REGRESSION, seed=0).columns.tolist() == own.tolist()
    assert 0 not in own
    moved = X.copy()
    moved[:, np.setdiff1d(np.arange(43), own)] += 100.0
    np.testing.assert_array_equal(model.predict(X), model.predict(moved))
