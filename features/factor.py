"""Factors and features: a factor is a definition, a feature is one column that it makes. See
`features.feature_names`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradesieve.features.inputs import PRICES, SERIES_INPUTS, View, parse_view
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import Timeframe

Kernel = Callable[..., Any]


@dataclass(frozen=True)
class UserModule:
    """A Python file of the user's that was loaded; see `features.user_modules`.

    Parameters
    ----------
    name : as Python imports it.
    source : its text.
    factors : the names of the factors that it registered, in the order of the file.
    libraries : (name, version) of what it imports that is installed.
    needs : the modules that it imports and those that these import, in the order in which they are loaded.
    path : where it was read.
    """

    name: str
    source: str
    factors: tuple[str, ...]
    libraries: tuple[tuple[str, str], ...]
    needs: tuple[UserModule, ...]
    path: Path = field(compare=False)

    @property
    def fingerprint(self) -> str:
        """Hash of its source, of what it needs, and of the versions of the libraries that it imports."""
        parts = [(one.name, one.source, one.libraries) for one in (*self.needs, self)]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Factor:
    """A definition.

    Parameters
    ----------
    name : as it stands in the names of its features.
    kind : what its kernel is given. ``series``: one column over the window. ``results``: the net returns of closed
        trades over the window. ``bars``: close_time, open, high, low, close and volume over the window. ``trade``: the
        same, then side, stop and target of the trade. ``decision``: the decisions, no bars at all.
    kernel : the function. Decision kernels return one number per decision; all others return one number for one window
        and are compiled by numba.
    parameters : the names of its parameters, in the order of its feature names; ``window`` is in bars.
    lookback : bars that one value needs, from the parameters and the timeframe.
    compiled : False for kernels that call a library and stay Python; they are given what the compiled ones are.
    family : the file that it lives in.
    terms : what it needs to know of the trade, fields of `features.decisions.Decisions`.
    whole : of a factor that was written over all bars at once: the function as it was written, from a frame of bars to
        one value a bar. Its values are never used; `features.invariants.features` holds those of the windows against
        them.
    module : the user module that defines it; None for the factors that come with the project.
    """

    name: str
    kind: str
    kernel: Kernel
    parameters: tuple[str, ...]
    lookback: Callable[[dict[str, float], Timeframe], int]
    compiled: bool = True
    family: str = ""
    terms: frozenset[str] = frozenset()
    whole: Kernel | None = None
    module: UserModule | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it may look at, see `features.inputs`; all but the last three with a timeframe or another symbol."""
        decision = "trade" if self.family == "trade" else "clock"
        return {
            "series": SERIES_INPUTS, "bars": ("bars",), "results": ("results",), "trade": ("trade",),
            "decision": (decision,),
        }[self.kind]  # fmt: skip

    @property
    def formula(self) -> str:
        """The first line of the kernel's docstring."""
        return (self.kernel.__doc__ or "").strip().splitlines()[0]

    @property
    def equals(self) -> str:
        """The expression of a library that it equals, as its docstring says; empty where that says none."""
        found = re.search(r"Equals: ``(.+?)``", self._text)
        return found[1] if found else ""

    @property
    def source(self) -> str:
        """Author, year and title, as its docstring says; empty where that says none."""
        found = re.search(r"Source: (.+?)\.?$", self._text)
        return found[1] if found else ""

    @property
    def _text(self) -> str:
        return " ".join((self.kernel.__doc__ or "").split())


@dataclass(frozen=True)
class Feature:
    """One column: a factor bound to an input and parameters.

    Parameters
    ----------
    name : reads back to this feature by `features.feature_names.parse_feature`.
    factor : the definition.
    input : what it looks at, as `features.inputs` writes it.
    values : the parameters, by name.
    """

    name: str
    factor: Factor
    input: str
    values: tuple[tuple[str, float], ...] = ()

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def view(self) -> View:
        """What it looks at."""
        return parse_view(self.input)

    @property
    def price_index(self) -> int:
        """Which of `PRICES` a series factor looks at; 0 for others."""
        return PRICES.index(self.view.column) if self.view.column in PRICES else 0

    def window(self, timeframe: Timeframe) -> int:
        """Count the rows of what it looks at that one value needs: bars of the view's timeframe, or closed trades."""
        return self.factor.lookback(dict(self.values), self.view.timeframe or timeframe)

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars of the decision's timeframe that one value needs, of the symbol it looks at; 0 for none.

        Raises
        ------
        BadInput : if it looks at a timeframe that is no longer one, or no whole multiple.
        """
        return 0 if self.view.column == "results" else self.view.n_shorter(self.window(timeframe), timeframe)


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


def results_factor(kernel: Kernel) -> Kernel:
    """Register a kernel ``(results, parameters) -> float`` of the net returns of `window` closed trades."""
    return _register(kernel, "results", ("window",), _window)


def trade_factor(
    *parameters: str, terms: tuple[str, ...], lookback: Callable[[dict[str, float], Timeframe], int] = _window
) -> Callable[[Kernel], Kernel]:
    """Register a kernel of whole bars and a trade.

    It is called as ``(close_time, open, high, low, close, volume, terms, parameters) -> float``, with the trade's side,
    stop and target as `terms`; those that it needs are named here.
    """
    return lambda kernel: _register(kernel, "trade", parameters, lookback, terms)


def decision_factor(kernel: Kernel) -> Kernel:
    """Register a function ``(decisions) -> array`` that needs no bars and nothing of the trade."""
    return decision_factor_of()(kernel)


def decision_factor_of(*parameters: str, terms: tuple[str, ...] = ()) -> Callable[[Kernel], Kernel]:
    """Register a function ``(decisions, *parameters) -> array`` that needs no bars, but what `terms` name."""
    return lambda kernel: _register(kernel, "decision", parameters, lambda values, timeframe: 0, terms)


def _register(
    kernel: Kernel,
    kind: str,
    parameters: tuple[str, ...],
    lookback: Callable[[dict[str, float], Timeframe], int],
    terms: tuple[str, ...] = (),
) -> Kernel:
    name = kernel.__name__.removesuffix("_nb")
    if name in FACTORS:
        raise BadInput(f"factor {name!r} is defined twice: in {FACTORS[name].family} and in {kernel.__module__}")
    family = kernel.__module__.rpartition(".")[2]
    FACTORS[name] = Factor(name, kind, kernel, parameters, lookback, family=family, terms=frozenset(terms))
    return kernel
