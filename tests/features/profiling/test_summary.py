"""The summary of features says what pandas and scipy say, also of odd columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew

from tradesieve.features.profiling.summary import QUANTILES, SUMMARY, summarise_features
from tradesieve.market.errors import BadInput


def odd_matrix(n: int = 2000, seed: int = 5) -> tuple[np.ndarray, list[str]]:
    random = np.random.default_rng(seed)
    holed = random.exponential(size=n)
    holed[random.random(n) < 0.3] = np.nan
    columns = {
        "normal": random.normal(size=n),
        "tiny": random.exponential(size=n) * 1e-12,
        "far": 60_000 + random.normal(size=n) * 1e-3,
        "sides": random.choice([-1.0, 1.0], size=n),
        "rare": (random.random(n) < 0.02).astype(float),
        "holed": holed,
        "constant": np.full(n, 0.1),
        "unknown": np.full(n, np.nan),
        "single": np.where(np.arange(n) == 7, 3.0, np.nan),
        "pair": np.where(np.arange(n) < 2, np.arange(n), np.nan),
    }
    return np.column_stack(list(columns.values())), list(columns)


def test_the_summary_is_that_of_pandas_and_scipy() -> None:
    X, names = odd_matrix()
    found = summarise_features(X, names).set_index("feature")
    assert list(found.columns) == list(SUMMARY)
    frame = pd.DataFrame(X, columns=names)
    for statistic, expected in {
        "n_known": frame.count(),
        "nan_rate": frame.isna().mean(),
        "mean": frame.mean(),
        "standard_deviation": frame.std(),
        "minimum": frame.min(),
        "maximum": frame.max(),
        "unique_rate": frame.nunique() / frame.count().where(frame.count() > 0),
        "most_frequent_rate": frame.apply(lambda column: column.value_counts(normalize=True).max()),
        **{name: frame.quantile(share) for name, share in QUANTILES.items()},
    }.items():
        np.testing.assert_allclose(found[statistic], expected, rtol=1e-9, atol=1e-14, err_msg=statistic)
    for name in ("normal", "tiny", "far", "sides", "rare", "holed"):
        known = frame[name].dropna().to_numpy()
        assert found.loc[name, "skewness"] == pytest.approx(skew(known, bias=False), rel=1e-9), name


def test_what_is_undefined_is_nan() -> None:
    X, names = odd_matrix()
    found = summarise_features(X, names).set_index("feature")
    assert found.loc[["constant", "unknown", "single", "pair"], "skewness"].isna().all()
    assert found.loc["unknown"].drop(["n_known", "nan_rate"]).isna().all()
    assert (found.loc["constant", "standard_deviation"], found.loc["constant", "mean"]) == (0.0, 0.1)
    assert np.isnan(found.loc["single", "standard_deviation"])
    assert found.loc["unknown", ["n_known", "nan_rate"]].tolist() == [0, 1]


def test_what_is_no_matrix_of_features_is_refused() -> None:
    X, names = odd_matrix(10)
    with pytest.raises(BadInput, match=r"X has shape \(10, 10\), expected rows and 9 columns"):
        summarise_features(X, names[1:])
    with pytest.raises(BadInput, match="X has shape"):
        summarise_features(X[:0], names)
    X[3, 2] = np.inf
    with pytest.raises(BadInput, match="X: row 3 of far is inf"):
        summarise_features(X, names)
