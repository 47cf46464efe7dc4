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
        number = _number(name, value)
        if math.isfinite(number):
            finite[name] = number
        else:
            skipped.append(name)
    return finite, skipped


def split_steps(series: Mapping[str, Any]) -> tuple[dict[str, dict[int, float]], list[str]]:
    """Split metrics with a value for each step into the finite values, by step, and the names without any.

    Parameters
    ----------
    series : the values of the steps 0, 1, 2, ...; nested mappings are flattened with dots.

    Raises
    ------
    BadInput : if a value is not a number.

    Examples
    --------
    >>> split_steps({"fold": {"sortino": [1.5, None, 2.0], "sharpe": [None]}})
    ({'fold.sortino': {0: 1.5, 2: 2.0}}, ['fold.sharpe'])
    """
    finite: dict[str, dict[int, float]] = {}
    never: list[str] = []
    for name, values in _flatten(series):
        known = {step: _number(f"{name}[{step}]", value) for step, value in enumerate(values)}
        known = {step: value for step, value in known.items() if math.isfinite(value)}
        if known:
            finite[name] = known
        else:
            never.append(name)
    return finite, never


def params_of(params: Mapping[str, Any]) -> dict[str, str]:
    """Write parameters as text, flattened with dots; a list becomes JSON.

    Examples
    --------
    >>> params_of({"engine": {"name": "lightgbm", "leaves": [7, 15]}})
    {'engine.name': 'lightgbm', 'engine.leaves': '[7, 15]'}
    """
    plain = ((name, json_safe(value)) for name, value in _flatten(params))
    return {name: json.dumps(value) if isinstance(value, list) else str(value) for name, value in plain}


def _number(name: str, value: Any) -> float:
    if value is not None and not isinstance(value, (bool, int, float, np.number, np.bool_)):
        raise BadInput(f"metric {name!r} is {value!r}: a metric must be a number or None")
    return math.nan if value is None else float(value)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
