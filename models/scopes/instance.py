"""The scope of an instance: a model for the trades of each strategy instance."""

from __future__ import annotations

from tradesieve.models.scopes.base import CategoryScope
from tradesieve.models.scopes.category_columns import INSTANCE


class PerInstance(CategoryScope):
    """A model for each strategy on each symbol at each timeframe."""

    name = "instance"
    codes = (INSTANCE,)
