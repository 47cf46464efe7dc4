"""The scope of a rule: a model for the trades of each rule."""

from __future__ import annotations

from tradesieve.models.scopes.base import CategoryScope
from tradesieve.models.scopes.category_columns import RULE


class PerRule(CategoryScope):
    """A model for each rule, of all its strategies on all symbols."""

    name = "rule"
    codes = (RULE,)
