"""Values as an MLflow run can hold them: flat names, finite metrics, parameters as text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.json_values import json_safe


def split_metrics(metrics: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
    """Split metrics into the finite ones and the names of the others.

    Nested mappings are flattened with dots. None, NaN and infinities are named, not replaced by a number.

    Raises
    ------
    BadInput : if a metric is not a number.

    Examples
    --------
    >>> split_metrics({"holdout": {"sortino": 1.5, "profit_factor": None}})
    ({'holdout.sortino': 1.5}, ['holdout.profit_factor'])
    """
    finite: dict[str, float] = {}
    skipped: list[str] = []
    for name, value in _flatten(metrics):
        if value is not None and not isinstance(value, (bool, int, float, np.number, np.bool_)):
            raise BadInput(f"metric {name!r} is {value!r}: a metric must be a number or None")
        number = math.nan if value is None else float(value)
        if math.isfinite(number):
            finite[name] = number
        else:
            skipped.append(name)
    return finite, skipped


def params_of(params: Mapping[str, Any]) -> dict[str, str]:
    """Write parameters as text, flattened with dots; a list becomes JSON.

    Examples
    --------
    >>> params_of({"engine": {"name": "lightgbm", "leaves": [7, 15]}})
    {'engine.name': 'lightgbm', 'engine.leaves': '[7, 15]'}
    """
    plain = ((name, json_safe(value)) for name, value in _flatten(params))
    return {name: json.dumps(value) if isinstance(value, list) else str(value) for name, value in plain}


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
