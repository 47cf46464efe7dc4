"""Values as JSON holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput


def json_safe(value: Any) -> Any:
    """Convert numpy values, tuples and paths to JSON's own types, and numbers that are not finite to None.

    Raises
    ------
    BadInput : if a value has no JSON equivalent.

    Examples
    --------
    >>> json_safe({"sortino": float("nan"), "period": (1, 2)})
    {'sortino': None, 'period': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(name): json_safe(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return json_safe(value.tolist())
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Path):
        return str(value)
    raise BadInput(f"{value!r} ({type(value).__name__}) has no JSON equivalent")
