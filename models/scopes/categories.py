"""The scope of categories: one model that reads rule and symbol beside the features."""

from __future__ import annotations

from tradesieve.models.scopes.base import Scope
from tradesieve.models.scopes.category_columns import RULE, SYMBOL


class Categories(Scope):
    """One model with a column of 1 and 0 for each rule and each symbol.

    Every engine reads the same columns. A code in one column would have an order that means nothing, and every engine
    and every selection of features would take it for a number; LightGBM bundles columns that exclude each other.
    """

    name = "categories"
    indicators = (RULE, SYMBOL)
