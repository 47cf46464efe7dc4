"""Weeks and months: how many had an exit, how many of them gained, and how far their share can be told.

The interval of a share is the exact binomial one (Clopper and Pearson, 1934), as if each week were a draw of its own:
it holds for few weeks too, and says how little they tell.
"""

from __future__ import annotations

import numpy as np

SPANS = ("weeks", "months")
CONFIDENCE = 0.95


def span_of(days: np.ndarray, span: str) -> np.ndarray:
    """Number the weeks, Monday to Sunday, or the months of some days.

    Parameters
    ----------
    days : int64 (n_days,), days since 1970-01-01.
    span : of `SPANS`.

    Returns
    -------
    int64 (n_days,), one more for each week or month.
    """
    if span == "weeks":
        return (days + 3) // 7  # 1970-01-01 was a Thursday
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def count_spans(returns: np.ndarray, traded: np.ndarray, span: np.ndarray) -> tuple[int, int]:
    """Count the spans with an exit, and those of them whose compounded return is above zero.

    Parameters
    ----------
    returns, traded, span : (n_days,) each: daily returns, whether a trade left on the day, and its span, ascending.

    Examples
    --------
    >>> count_spans(np.array([0.1, -0.2, 0.0, 0.1]), np.array([True, True, False, True]), np.array([1, 1, 2, 3]))
    (2, 1)
    """
    starts = np.flatnonzero(np.diff(span, prepend=span[0] - 1))
    with_exit = np.logical_or.reduceat(traded, starts)
    gained = np.multiply.reduceat(np.maximum(1.0 + returns, 0.0), starts) > 1.0
    return int(with_exit.sum()), int((gained & with_exit).sum())


def share_intervals(n_gained: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of shares at 95 % confidence; NaN where there is nothing to count.

    Equals: ``scipy.stats.binomtest(n_gained, n).proportion_ci(0.95, method="exact")``.

    Examples
    --------
    >>> low, high = share_intervals(np.array([7, 1]), np.array([12, 1]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.277, 0.025], [0.848, 1.0])
    """
    from scipy.stats import beta

    tail = (1.0 - CONFIDENCE) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(n_gained == 0, 0.0, beta.ppf(tail, n_gained, n - n_gained + 1))
        high = np.where(n_gained == n, 1.0, beta.ppf(1.0 - tail, n_gained + 1, n - n_gained))
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)
