"""Selection: against scikit-learn, with gaps, and on columns where statistics break."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.feature_selection.registry import OWN_SYMBOL, SELECTIONS, select
from tradesieve.models.feature_selection.univariate import f_statistic, mutual_information


def rows(n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    y = (generator.random(n) < 0.4).astype(np.float64)
    X = generator.standard_normal((n, 8))
    X[:, 6] += 2 * y
    X[:, 1] += y
    return X, y


def test_f_equals_scikit_learn_s() -> None:
    from sklearn.feature_selection import f_classif

    X, y = rows()
    np.testing.assert_allclose(f_statistic(X, y), f_classif(X, y)[0], rtol=1e-9)


def test_f_equals_scipy_s_on_a_price_and_with_gaps() -> None:
    from scipy.stats import f_oneway

    X, y = rows()
    X[:, 1] = X[:, 1] * 1e-3 + 60_000
    X[::3, 6] = np.nan
    for column in (1, 6):
        known = ~np.isnan(X[:, column])
        classes = (X[known & (y == label), column] for label in (0, 1))
        assert f_statistic(X, y)[column] == pytest.approx(f_oneway(*classes).statistic, rel=1e-6)


def test_mutual_information_of_a_copy_and_of_noise() -> None:
    generator = np.random.default_rng(0)
    y = np.repeat([0.0, 1.0], 2000)
    X = np.column_stack([y, generator.standard_normal(4000), np.where(y == 1, np.nan, 3.0), np.full(4000, np.nan)])
    copy, noise, gaps, empty = mutual_information(X, y)
    assert copy == pytest.approx(np.log(2))
    assert noise < 0.01
    assert gaps == pytest.approx(np.log(2)), "that a value is missing can be all there is to know"
    assert empty == 0


def test_mutual_information_equals_scikit_learn_s_on_the_same_bins() -> None:
    from sklearn.metrics import mutual_info_score

    X, y = rows()
    for column in range(8):
        bins = np.searchsorted(np.quantile(X[:, column], np.arange(1, 10) / 10), X[:, column])
        assert mutual_information(X, y)[column] == pytest.approx(mutual_info_score(bins, y))


@pytest.mark.parametrize("name", ["univariate", "mutual_information"])
def test_the_better_half_holds_what_was_planted(name: str) -> None:
    X, y = rows()
    chosen = select(name, X, y, seed=0)
    assert len(chosen) == 4
    assert {1, 6} <= set(chosen.tolist())


def test_correlation_keeps_the_first_of_duplicates_and_no_constant() -> None:
    X, y = rows()
    X[:, 3] = -2 * X[:, 0] + 5
    X[:, 4] = X[:, 1] + 0.1 * X[:, 4]
    X[:, 5] = 60_000.1
    X[:, 7] = np.nan
    assert select("correlation", X, y, seed=0).tolist() == [0, 1, 2, 6]


def test_correlation_below_the_limit_stays() -> None:
    X, y = rows()
    X[:, 4] = X[:, 1] + 0.5 * X[:, 4]
    assert abs(np.corrcoef(X[:, 4], X[:, 1])[0, 1]) < 0.95
    assert select("correlation", X, y, seed=0).tolist() == list(range(8))


def test_correlation_of_constants_alone_keeps_one() -> None:
    _, y = rows()
    assert select("correlation", np.full((500, 3), 2.0), y, seed=0).tolist() == [0]


@pytest.mark.parametrize("name", SELECTIONS)
def test_every_method_gives_ascending_columns_whatever_the_rows(name: str) -> None:
    X, y = rows()
    X[:, 2] = np.nan
    X[:, 3] = 1.0
    X[y == 1, 4] = np.nan
    X[:, 5] = y
    for some_X, some_y in ((X, y), (X[:, :1], y), (X[:, 2:3], y), (X[:2], y[:2]), (X[:1], y[:1])):
        columns = select(name, some_X, some_y, seed=0)
        assert columns.dtype == np.int64
        assert len(columns) >= 1
        assert np.all(np.diff(columns) > 0)
        assert columns[0] >= 0
        assert columns[-1] < some_X.shape[1]


@pytest.mark.parametrize("name", SELECTIONS)
def test_the_rows_are_left_as_they_were(name: str) -> None:
    X, y = rows()
    X[::7, 2] = np.nan
    copy = X.copy()
    select(name, X, y, seed=0)
    np.testing.assert_array_equal(X, copy)


def test_the_own_symbol_is_what_no_feature_reads_beside_it() -> None:
    X, y = rows()
    names = ["close__slope__window_5", "close_beside_AAA__slope__window_5", "bars_1h_beside_B.C__range__window_5",
             "close_of_AAA__slope__window_5", "score", "trade__side", "close__beside__window_5", "f"]  # fmt: skip
    assert select(OWN_SYMBOL, X, y, seed=0, feature_names=names).tolist() == [0, 3, 4, 5, 6, 7]
    for wrong in (None, names[:3]):
        with pytest.raises(BadInput, match="own_symbol needs the names of the 8 features"):
            select(OWN_SYMBOL, X, y, seed=0, feature_names=wrong)
    with pytest.raises(BadInput, match="every feature reads another symbol"):
        select(OWN_SYMBOL, X[:, :2], y, seed=0, feature_names=names[1:3])


def test_a_separating_column_is_the_best_and_a_constant_the_worst() -> None:
    X, y = rows()
    X[:, 0], X[:, 7] = 60_000.1, y
    statistic = f_statistic(X, y)
    assert np.isnan(statistic[0])
    assert np.isinf(statistic[7])
    chosen = select("univariate", X, y, seed=0).tolist()
    assert 7 in chosen
    assert 0 not in chosen


def test_bad_arguments() -> None:
    X, y = rows()
    with pytest.raises(Unknown, match="did you mean 'univariate'"):
        select("univariat", X, y, seed=0)
    for some_X, some_y in ((X[:, :0], y), (X[:0], y[:0]), (X, y[1:]), (X[0], y)):
        with pytest.raises(BadInput, match="rows, columns and one y per row"):
            select("all", some_X, some_y, seed=0)


def test_nearly_constant_columns_are_dropped_whatever_their_unit() -> None:
    X, y = rows()
    X[:, 0] *= 1e-12
    X[3:, 1] = 60_000.1
    X[3:, 2] = np.nan
    X[20:, 3] = 0.0
    assert select("variance", X, y, seed=0).tolist() == [0, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("independent", [True, False])
def test_false_discoveries_are_controlled_as_by_statsmodels(independent: bool) -> None:
    """With Kendall's and Mann and Whitney's tests from scipy."""
    from scipy.stats import kendalltau, mannwhitneyu
    from statsmodels.stats.multitest import multipletests

    from tradesieve.features.tsfresh.relevance import relevant_features

    X, y = rows()
    X[:, :5] += 0.25 * y[:, None] * np.arange(5)
    target = y + np.random.default_rng(0).standard_normal(len(y))
    method = "fdr_bh" if independent else "fdr_by"
    binary = [mannwhitneyu(values[y == 1], values[y == 0]).pvalue for values in X.T]
    real = [kendalltau(values, target).pvalue for values in X.T]
    for p_values, of in ((binary, y), (real, target)):
        expected = multipletests(p_values, alpha=0.05, method=method)[0]
        found = relevant_features(X, of, level=0.05, independent=independent)
        assert found.tolist() == expected.tolist()
        assert 1 < found.sum() < 8
