"""Search spaces: lists of choices and ranges, from which engines draw parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds, both included.

    Parameters
    ----------
    low, high : the bounds.
    whole : whether only whole numbers are drawn, each as often as the others unless `logarithmic`.
    logarithmic : whether every order of magnitude is drawn as often as the others.
    """

    low: float
    high: float
    whole: bool = False
    logarithmic: bool = False


Space = Mapping[str, "Range | list[Any]"]
"""Parameter to a range or a list of choices."""


def draw(space: Space, generator: np.random.Generator) -> dict[str, Any]:
    """Draw a value for each parameter, independently of the others; fractions are rounded to four digits."""
    return {name: _draw_one(values, generator) for name, values in space.items()}


def _draw_one(values: Range | list[Any], generator: np.random.Generator) -> Any:
    if isinstance(values, list):
        return values[int(generator.integers(len(values)))]
    if values.logarithmic:
        drawn = np.exp(generator.uniform(np.log(values.low), np.log(values.high)))
        return round(drawn) if values.whole else float(f"{drawn:.4g}")
    if values.whole:
        return int(generator.integers(int(values.low), int(values.high) + 1))
    return float(f"{generator.uniform(values.low, values.high):.4g}")
