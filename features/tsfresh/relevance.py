"""tsfresh's tests of relevance: features that have to do with a target, with few false discoveries."""

from __future__ import annotations

import warnings

import numpy as np


def relevant_features(X: np.ndarray, y: np.ndarray, *, level: float, independent: bool) -> np.ndarray:
    """Test each feature against the target, and control the false discovery rate over all of them.

    1. Test: Kendall's tau of a feature with many values and a target with many values; Mann and Whitney's where one of
       them has two; Fisher's where both have. NaN counts as the median of the feature.
    2. Control the expected share of false discoveries at `level`, by Benjamini and Hochberg (1995) for `independent`
       tests, else by Benjamini and Yekutieli (2001), which holds under any dependence of the features.

    Rows are taken for independent draws. Trades that overlap are not, so the p-values are too small where many do.

    Parameters
    ----------
    X : float64 (n_rows, n_features), NaN where unknown.
    y : float64 (n_rows,), finite.

    Returns
    -------
    bool (n_features,).

    Equals: ``tsfresh.feature_selection.relevance.calculate_relevance_table`` on the filled columns.
    """
    import pandas as pd
    from tsfresh.feature_selection.relevance import calculate_relevance_table

    known = ~np.isnan(X)
    medians = np.zeros(X.shape[1])
    some = known.any(axis=0)
    medians[some] = np.nanmedian(X[:, some], axis=0)
    two_values = np.isin(y, (0.0, 1.0)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of each constant column, which is simply not relevant
        table = calculate_relevance_table(
            pd.DataFrame(np.where(known, X, medians)),
            pd.Series(y.astype(np.int64) if two_values else y),
            ml_task="classification" if two_values else "regression",
            n_jobs=0,  # it would start processes
            fdr_level=level,
            hypotheses_independent=independent,
        )
    return table.set_index("feature")["relevant"].reindex(range(X.shape[1])).to_numpy(dtype=np.bool_)
