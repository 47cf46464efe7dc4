"""Category columns: what rule, symbol and instance a decision is of, as columns beside its features.

One function makes them in research and in the service, so that a model reads one X in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.errors import Unknown
from tradesieve.strategies.instance import Instance

if TYPE_CHECKING:
    from tradesieve.models.dataset import Dataset

RULE, SYMBOL, INSTANCE = "rule", "symbol", "instance"


@dataclass(frozen=True)
class CategoryColumns:
    """Columns of categories, each made from the name of a decision's strategy instance.

    Parameters
    ----------
    codes : the values of each category that is one column, named like the category, of places in this list.
    indicators : the values of each category that has one column a value, named as in ``rule=dip_buying``, of 1 and 0.
    """

    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    indicators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, those of codes first."""
        return (*self.codes, *(f"{name}={value}" for name, values in self.indicators.items() for value in values))

    def of(self, instances: Sequence[str]) -> np.ndarray:
        """Return the columns of decisions: float64 (n, n_columns).

        Parameters
        ----------
        instances : the name of each decision's strategy instance.

        Raises
        ------
        Unknown : if a rule, symbol or instance has no column; names it.
        """
        rows = {name: self._row(name) for name in dict.fromkeys(instances)}
        return np.array([rows[name] for name in instances], dtype=np.float64).reshape(len(instances), len(self.names))

    def _row(self, instance: str) -> list[float]:
        codes = [float(_place(name, instance, values)) for name, values in self.codes.items()]
        indicators = [
            float(place == _place(name, instance, values))
            for name, values in self.indicators.items()
            for place in range(len(values))
        ]
        return codes + indicators

    def as_dict(self) -> dict[str, dict[str, list[str]]]:
        """Return JSON values; `category_columns_from` restores it from them."""
        return {
            "codes": {name: list(values) for name, values in self.codes.items()},
            "indicators": {name: list(values) for name, values in self.indicators.items()},
        }


def category_columns_from(values: Mapping[str, Mapping[str, Sequence[str]]]) -> CategoryColumns:
    """Restore category columns from their `as_dict`; those of an empty mapping are none."""
    kinds = (values.get(kind, {}) for kind in ("codes", "indicators"))
    return CategoryColumns(*({name: tuple(own) for name, own in kind.items()} for kind in kinds))


def columns_of_instances(codes: Sequence[str], indicators: Sequence[str], instances: Sequence[str]) -> CategoryColumns:
    """Make the columns of categories for all values that strategy instances have.

    Parameters
    ----------
    codes, indicators : categories, of ``rule``, ``symbol`` and ``instance``.
    instances : names.
    """
    values = {name: tuple(sorted({_value(name, each) for each in instances})) for name in {*codes, *indicators}}
    return CategoryColumns(
        {name: values[name] for name in dict.fromkeys(codes)},
        {name: values[name] for name in dict.fromkeys(indicators)},
    )


def with_category_columns(dataset: Dataset, columns: CategoryColumns) -> Dataset:
    """Append the columns to the features of a dataset, read by no candidate but those of a scope that needs them."""
    if not columns.names:
        return dataset
    appended = columns.of(dataset.instance_names)[dataset.instance]
    return replace(
        dataset,
        X=np.ascontiguousarray(np.hstack([dataset.X, appended])),
        feature_names=(*dataset.feature_names, *columns.names),
        scope_columns=(*dataset.scope_columns, *columns.names),
    )


def _place(name: str, instance: str, values: tuple[str, ...]) -> int:
    value = _value(name, instance)
    try:
        return values.index(value)
    except ValueError:
        raise Unknown(f"{name} of this model:", value, values) from None


def _value(name: str, instance: str) -> str:
    return instance if name == INSTANCE else str(getattr(Instance.parse(instance), name))
