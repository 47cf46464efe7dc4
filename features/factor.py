"""Factors and features: a factor is a definition, a feature is one column that it makes. See `features.names`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from market.bars import COLUMNS
from market.errors import BadInput
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
    name : reads back to this feature by `features.names.parse_feature`.
    factor : the definition.
    input : the column a series factor looks at; ``bars``, ``clock`` or ``trade`` for the other kinds.
    values : the parameters, by name.
    """

    name: str
    factor: Factor
    input: str
    values: tuple[tuple[str, float], ...] = ()

    def __hash__(self) -> int:
        return hash(self.name)

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars that one value needs; 0 when it needs none."""
        return self.factor.lookback(dict(self.values), timeframe)


FACTORS: dict[str, Factor] = {}


def _window(values: dict[str, float], timeframe: Timeframe) -> int:
    return int(values["window"])


def series_factor(kernel: Kernel) -> Kernel:
    """Register a kernel ``(values, parameters) -> float`` of one column over `window` bars."""
    return _register(kernel, "series", ("window",), _window)


def series_factor_of(
    lookback: Callable[[dict[str, float], Timeframe], int], *, parameters: tuple[str, ...] = ("window",)
) -> Callable[[Kernel], Kernel]:
    """Register a kernel ``(values, parameters) -> float`` of one column that needs other than `window` bars."""
    return lambda kernel: _register(kernel, "series", parameters, lookback)


def bars_factor(
    *parameters: str, lookback: Callable[[dict[str, float], Timeframe], int] = _window
) -> Callable[[Kernel], Kernel]:
    """Register a kernel ``(close_time, open, high, low, close, volume, parameters) -> float`` of whole bars."""
    return lambda kernel: _register(kernel, "bars", parameters, lookback)


def decision_factor(kernel: Kernel) -> Kernel:
    """Register a function ``(decision_time, side) -> array`` that needs no bars."""
    return decision_factor_of()(kernel)


def decision_factor_of(*parameters: str) -> Callable[[Kernel], Kernel]:
    """Register a function ``(decision_time, side, *parameters) -> array`` that needs no bars."""
    return lambda kernel: _register(kernel, "decision", parameters, lambda values, timeframe: 0)


def _register(
    kernel: Kernel, kind: str, parameters: tuple[str, ...], lookback: Callable[[dict[str, float], Timeframe], int]
) -> Kernel:
    name = kernel.__name__.removesuffix("_nb")
    if name in FACTORS:
        raise BadInput(f"factor {name!r} is defined twice: in {FACTORS[name].family} and in {kernel.__module__}")
    FACTORS[name] = Factor(name, kind, kernel, parameters, lookback, family=kernel.__module__.rpartition(".")[2])
    return kernel


def column_of(feature: Feature) -> str:
    """Name the column of bars that a series feature looks at."""
    if feature.input not in COLUMNS:
        raise BadInput(f"feature {feature.name!r} looks at no single column")
    return feature.input
