"""The contract of a scope: which rows one model is fitted on, and which columns that takes."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tradesieve.models.fitted.grouping import NO_GROUP, Grouping
from tradesieve.models.scopes.category_columns import CategoryColumns

MINIMUM_ROWS = 100
"""A group with fewer training rows of known label has no model of its own: the pooled one scores it."""


class Scope(ABC):
    """Parts rows into groups by what is known at the decision, or adds columns for the models to read.

    A scope without groups has one model. With groups there is a pooled model as well, for the rows of groups that have
    too few training rows, of none, and of groups that the training rows lack.
    """

    name: ClassVar[str]
    is_grouped: ClassVar[bool] = False
    """Whether there is a model for each group."""
    codes: ClassVar[tuple[str, ...]] = ()
    """The categories that its groups are, see `category_columns`."""
    indicators: ClassVar[tuple[str, ...]] = ()
    """The categories that its models read."""
    features: ClassVar[tuple[str, ...]] = ()
    """The features that its groups follow from."""

    def fit_grouping(self, X: np.ndarray, feature_names: Sequence[str]) -> Grouping:
        """Fit the grouping on training rows alone.

        Parameters
        ----------
        X : float64 (n_rows, n_features).
        feature_names : of its columns.
        """
        raise NotImplementedError(f"the scope {self.name} has one model")

    def group_names(self, categories: CategoryColumns) -> tuple[str, ...]:
        """Name the groups, in the order of their numbers."""
        return ()


class CategoryScope(Scope):
    """A group for each value of one category, the first of `codes`."""

    is_grouped = True

    def fit_grouping(self, X: np.ndarray, feature_names: Sequence[str]) -> Grouping:
        """Read the group from its column; nothing is fitted."""
        return Grouping((list(feature_names).index(self.codes[0]),))

    def group_names(self, categories: CategoryColumns) -> tuple[str, ...]:
        """Return the values of the category."""
        return categories.codes[self.codes[0]]


def groups_to_fit(groups: np.ndarray, y: np.ndarray) -> list[int]:
    """List the groups that have a model of their own: `MINIMUM_ROWS` rows of known labels that differ.

    Parameters
    ----------
    groups : int64 (n,), of the training rows.
    y : float64 (n,), their labels, NaN where unknown.
    """
    known = ~np.isnan(y) & (groups != NO_GROUP)
    found, n_rows = np.unique(groups[known], return_counts=True)
    large = found[n_rows >= MINIMUM_ROWS]
    return [int(group) for group in large if np.ptp(y[known & (groups == group)]) > 0.0]
