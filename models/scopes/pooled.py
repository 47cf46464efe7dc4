"""The pooled scope: one model for all trades."""

from __future__ import annotations

from tradesieve.models.scopes.base import Scope


class Pooled(Scope):
    """One model of features alone, which knows neither rule nor symbol."""

    name = "pooled"
