"""The scope of a regime: a model for each class of market condition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tradesieve.models.fitted.grouping import Grouping
from tradesieve.models.scopes.base import Scope
from tradesieve.models.scopes.category_columns import CategoryColumns

_VOLATILITY = "close__volatility_pair__fast_10__slow_100"
_TREND = "close__trendiness__window_100"


class PerRegime(Scope):
    """A model for each of four market conditions: calm or lively, ranging or trending.

    A market is lively where its volatility, against its own of the last hundred bars, is above the median of the
    training rows, and trending where its efficiency ratio is. Both are ratios, so they mean the same on every symbol.
    """

    name = "regime"
    is_grouped = True
    features = (_VOLATILITY, _TREND)

    def fit_grouping(self, X: np.ndarray, feature_names: Sequence[str]) -> Grouping:
        """Take the medians of the training rows; rows without history have no group."""
        columns = [list(feature_names).index(name) for name in self.features]
        known = [X[~np.isnan(X[:, column]), column] for column in columns]
        medians = [float(np.median(values)) if len(values) else 0.0 for values in known]
        return Grouping(tuple(columns), tuple(medians))

    def group_names(self, categories: CategoryColumns) -> tuple[str, ...]:
        """Name the four conditions."""
        return ("calm, ranging", "lively, ranging", "calm, trending", "lively, trending")
