"""The scopes by name, and the columns that several of them need together."""

from __future__ import annotations

from collections.abc import Sequence

from tradesieve.market.errors import lookup
from tradesieve.models.scopes.base import Scope
from tradesieve.models.scopes.categories import Categories
from tradesieve.models.scopes.category_columns import CategoryColumns, columns_of_instances
from tradesieve.models.scopes.instance import PerInstance
from tradesieve.models.scopes.pooled import Pooled
from tradesieve.models.scopes.regime import PerRegime
from tradesieve.models.scopes.rule import PerRule

POOLED = Pooled.name
SCOPES: dict[str, Scope] = {
    scope.name: scope for scope in (Pooled(), PerRule(), PerInstance(), Categories(), PerRegime())
}


def scope_named(name: str) -> Scope:
    """Return the scope of this name.

    Raises
    ------
    Unknown : if there is no such scope.
    """
    return lookup("scope", name, SCOPES)


def category_columns(scopes: Sequence[str], instances: Sequence[str]) -> CategoryColumns:
    """Make the category columns that scopes need, for all values that strategy instances have."""
    named = [scope_named(name) for name in scopes]
    codes = [code for scope in named for code in scope.codes]
    indicators = [category for scope in named for category in scope.indicators]
    return columns_of_instances(codes, indicators, instances)


def scope_features(scopes: Sequence[str]) -> tuple[str, ...]:
    """Return the features that scopes need."""
    return tuple(dict.fromkeys(name for scope in scopes for name in scope_named(scope).features))
