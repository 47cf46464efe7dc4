"""What a matrix of features looks like, one feature at a time: how much is known, where it lies, how it is spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput

QUANTILES = {"quantile_01": 0.01, "quantile_05": 0.05, "quantile_25": 0.25, "median": 0.5, "quantile_75": 0.75,
             "quantile_95": 0.95, "quantile_99": 0.99}  # fmt: skip

SUMMARY = {
    "n_known": "decisions at which the feature has a value",
    "nan_rate": "decisions at which it has none, as a fraction of all",
    "mean": "mean of the values",
    "standard_deviation": "standard deviation of the values (n - 1)",
    "skewness": "adjusted Fisher-Pearson skewness of the values (G1)",
    "minimum": "lowest value",
    **{name: f"{share:.0%} quantile, interpolated" for name, share in QUANTILES.items()},
    "maximum": "highest value",
    "unique_rate": "different values, as a fraction of the values",
    "most_frequent_rate": "values equal to the most frequent one, as a fraction of the values",
}
"""Column: its meaning, in the order of `summarise_features`."""


def summarise_features(X: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Describe each feature by itself.

    Parameters
    ----------
    X : float64 (n_decisions, n_features), NaN where a feature has no value, never infinite.
    names : of the columns.

    Returns
    -------
    One row a feature: its name in ``feature``, then the columns of `SUMMARY`. What is undefined is NaN: everything but
    the counts of a feature without a value, the deviation of a single value, the skewness of a constant or of fewer
    than three values.

    Equals: of each column's values ``pandas.Series.mean``, ``std``, ``quantile`` and ``scipy.stats.skew(bias=False)``.

    Raises
    ------
    BadInput : if `X` does not fit `names`, or has a value that is infinite.
    """
    checked_matrix(X, names)
    rows = [_summarise(values) for values in X.T]
    return pd.DataFrame({"feature": list(names)} | {name: [row[name] for row in rows] for name in SUMMARY})


def checked_matrix(X: np.ndarray, names: Sequence[str] | None = None) -> None:
    """Hold a matrix of features to what is promised of it.

    Raises
    ------
    BadInput : if it has no row or no column, does not fit the names, or has an infinite value; names the first one.
    """
    if X.ndim != 2 or not X.size or (names is not None and X.shape[1] != len(names)):
        expected = "rows and columns" if names is None else f"rows and {len(names)} columns, one a name"
        raise BadInput(f"X has shape {X.shape}, expected {expected}")
    if np.isinf(X).any():
        row, column = (int(place) for place in np.argwhere(np.isinf(X))[0])
        name = f"column {column}" if names is None else names[column]
        raise BadInput(f"X: row {row} of {name} is {X[row, column]}: a feature is finite, or NaN where it has no value")


def _summarise(values: np.ndarray) -> dict[str, float]:
    known = np.sort(values[~np.isnan(values)])
    n = len(known)
    row = dict.fromkeys(SUMMARY, np.nan) | {"n_known": n, "nan_rate": 1.0 - n / len(values)}
    if not n:
        return row
    # The mean of a constant is off by a rounding; held within the extremes, it is the constant.
    mean = min(max(float(known.mean()), known[0]), known[-1])
    deviation = known - mean
    spread = float(np.sqrt(np.mean(deviation**2)))
    runs = np.diff(np.flatnonzero(np.concatenate([[True], known[1:] != known[:-1], [True]])))
    row |= dict(zip(QUANTILES, np.quantile(known, list(QUANTILES.values())).tolist(), strict=True))
    row |= {
        "mean": mean,
        "minimum": float(known[0]),
        "maximum": float(known[-1]),
        "unique_rate": len(runs) / n,
        "most_frequent_rate": int(runs.max()) / n,
    }
    if n > 1:
        row["standard_deviation"] = spread * np.sqrt(n / (n - 1))
    if n > 2 and spread > 0:
        scaled = deviation / spread
        row["skewness"] = float(np.mean(scaled * scaled * scaled)) * np.sqrt(n * (n - 1)) / (n - 2)
    return row
