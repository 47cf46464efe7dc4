"""Factors and features: a factor is a definition, a feature is one column that it makes.

A feature's name reads back to its factor and parameters::

    close__slope__window_20        the factor `slope` of the column close over 20 bars
    bars__range__window_50         the factor `range`, which looks at whole bars
    clock__hour_sine               the factor `hour_sine` of the decision time
    trade__side                    the factor `side` of the trade itself
    close__tsfresh_cid_ce__normalize_True__window_50    any tsfresh calculator by its own name
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from market.bars import COLUMNS
from market.errors import BadInput, Unknown
from market.timeframes import Timeframe

SERIES_INPUTS = ("close", "open", "high", "low", "volume")

Kernel = Callable[..., Any]


@dataclass(frozen=True)
class Factor:
    """A definition.

    Parameters
    ----------
    name : as it stands in the names of its features.
    kind : what its kernel is given. ``series``: one column over the window. ``bars``: close_time, open, high, low,
        close and volume over the window. ``decision``: the arrays of decision times and sides, no bars at all.
    kernel : the function. Series and bars kernels are compiled by numba and return one number for one window;
        decision kernels return one number per decision.
    parameters : the names of its parameters, in the order of its feature names; ``window`` is in bars.
    lookback : bars that one value needs, from the parameters and the timeframe.
    compiled : False for kernels that call a library and stay Python.
    family : the file that it lives in.
    """

    name: str
    kind: str
    kernel: Kernel
    parameters: tuple[str, ...]
    lookback: Callable[[dict[str, float], Timeframe], int]
    compiled: bool = True
    family: str = ""

    @property
    def formula(self) -> str:
        """The first line of the kernel's docstring."""
        return (self.kernel.__doc__ or "").strip().splitlines()[0]


@dataclass(frozen=True)
class Feature:
    """One column: a factor bound to an input and parameters.

    Parameters
    ----------
    name : reads back to this feature by `parse_feature`.
    factor : the definition.
    input : the column a series factor looks at; ``bars``, ``clock`` or ``trade`` for the other kinds.
    values : the parameters, by name.
    """

    name: str
    factor: Factor
    input: str
    values: tuple[tuple[str, float], ...] = ()

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars that one value needs; 0 when it needs none."""
        return self.factor.lookback(dict(self.values), timeframe)


FACTORS: dict[str, Factor] = {}


def _window(values: dict[str, float], timeframe: Timeframe) -> int:
    return int(values["window"])


def series_factor(kernel: Kernel) -> Kernel:
    """Register a kernel ``(values, parameters) -> float`` of one column over `window` bars."""
    return _register(kernel, "series", ("window",), _window)


def series_factor_of(lookback: Callable[[dict[str, float], Timeframe], int]) -> Callable[[Kernel], Kernel]:
    """Register a kernel ``(values, parameters) -> float`` of one column that needs other than `window` bars."""
    return lambda kernel: _register(kernel, "series", ("window",), lookback)


def bars_factor(
    *parameters: str, lookback: Callable[[dict[str, float], Timeframe], int] = _window
) -> Callable[[Kernel], Kernel]:
    """Register a kernel ``(close_time, open, high, low, close, volume, parameters) -> float`` of whole bars."""
    return lambda kernel: _register(kernel, "bars", parameters, lookback)


def decision_factor(kernel: Kernel) -> Kernel:
    """Register a function ``(decision_time, side) -> array`` that needs no bars."""
    return _register(kernel, "decision", (), lambda values, timeframe: 0)


def _register(
    kernel: Kernel, kind: str, parameters: tuple[str, ...], lookback: Callable[[dict[str, float], Timeframe], int]
) -> Kernel:
    name = kernel.__name__.removesuffix("_nb")
    if name in FACTORS:
        raise BadInput(f"factor {name!r} is defined twice: in {FACTORS[name].family} and in {kernel.__module__}")
    FACTORS[name] = Factor(name, kind, kernel, parameters, lookback, family=kernel.__module__.rpartition(".")[2])
    return kernel


def parse_feature(name: str) -> Feature:
    """Read a feature's name.

    Raises
    ------
    Unknown : if no factor has that name.
    BadInput : if the input or a parameter does not fit the factor, or a number could be written shorter.
    """
    from features.families import FAMILIES  # importing the families registers their factors
    from features.tsfresh import PREFIX, tsfresh_feature

    if not FAMILIES:
        raise BadInput("no factor families are registered")
    input_name, _, rest = name.partition("__")
    factor_name, *pieces = rest.split("__")
    if factor_name.startswith(PREFIX):
        return tsfresh_feature(name)
    if factor_name not in FACTORS:
        raise Unknown(f"factor in {name!r}:", factor_name, FACTORS)
    factor = FACTORS[factor_name]
    decision = "trade" if factor.family == "trade" else "clock"
    inputs = {"series": SERIES_INPUTS, "bars": ("bars",), "decision": (decision,)}[factor.kind]
    if input_name not in inputs:
        raise BadInput(f"feature {name!r}: {factor_name} looks at {' or '.join(inputs)}, not at {input_name!r}")
    values = tuple(_parse_value(name, piece) for piece in pieces)
    if tuple(key for key, _ in values) != factor.parameters:
        expected = "__".join(f"{parameter}_<number>" for parameter in factor.parameters) or "no parameters"
        raise BadInput(f"feature {name!r}: {factor_name} takes {expected}")
    window = dict(values).get("window", 2.0)
    if window < 2 or not window.is_integer():
        raise BadInput(f"feature {name!r}: a window has at least 2 bars, and a whole number of them")
    return Feature(name, factor, input_name, values)


def _parse_value(name: str, piece: str) -> tuple[str, float]:
    match = re.fullmatch(r"([a-z_]+)_(-?\d+(?:\.\d+)?)", piece)
    if match is None:
        raise BadInput(f"feature {name!r}: {piece!r} is no parameter; write name_number, as in window_20")
    value = float(match[2])
    written = str(int(value)) if value.is_integer() else repr(value)
    if match[2] != written:
        # One feature has one name, or the same column would be computed, learned and stored twice.
        raise BadInput(f"feature {name!r}: write {match[1]}_{written}, not {piece}")
    return match[1], value


def column_of(feature: Feature) -> str:
    """Name the column of bars that a series feature looks at."""
    if feature.input not in COLUMNS:
        raise BadInput(f"feature {feature.name!r} looks at no single column")
    return feature.input
