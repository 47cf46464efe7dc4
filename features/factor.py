"""Factors and features: a factor is a definition, a feature is one column that it computes.

`features.feature_names` parses the names of features.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradesieve.features.inputs import BAR_COLUMNS, SERIES_INPUTS, FeatureInput
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import Timeframe

Kernel = Callable[..., Any]


@dataclass(frozen=True)
class UserModule:
    """A loaded Python file of the user; see `features.user_modules`.

    Parameters
    ----------
    name : as Python imports it.
    source : the text of the file.
    factors : the names of the factors that it registered, in the order of the file.
    libraries : (name, version) of the installed libraries that it imports.
    dependencies : the user modules that it imports, directly or not, in the order in which they are loaded.
    path : where it was read.
    definitions : kind and name of what it defines besides factors, see `features.user_definitions`.
    """

    name: str
    source: str
    factors: tuple[str, ...]
    libraries: tuple[tuple[str, str], ...]
    dependencies: tuple[UserModule, ...]
    path: Path = field(compare=False)
    definitions: tuple[tuple[str, str], ...] = ()

    @property
    def fingerprint(self) -> str:
        """Hash of its source, its dependencies, and the versions of the libraries that it imports."""
        parts = [(module.name, module.source, module.libraries) for module in (*self.dependencies, self)]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Factor:
    """A definition.

    Parameters
    ----------
    name : as it stands in the names of its features.
    kind : the arguments of its kernel. ``series``: one column over the window. ``results``: the net returns of closed
        trades over the window. ``bars``: close_time, open, high, low, close and volume over the window. ``trade``: the
        same, then side, stop and target of the trade. ``decision``: the decisions, no bars at all.
    kernel : the function. Decision kernels return one number per decision; all others return one number for one window
        and are compiled by numba.
    parameters : the names of its parameters, in the order of its feature names; ``window`` is in bars.
    takes_session : whether a feature may have a parameter `session` in place of its parameters: the sessions of a
        market, as a word of `market.calendars.sessions.Sessions`.
    lookback : function of the parameters and the timeframe to the number of bars that one value reads.
    compiled : False for kernels that call a library and stay Python; their arguments are those of compiled ones.
    family : the module that defines it.
    terms : fields of `features.decisions.Decisions` that it requires.
    frame_function : of a factor that was written over a whole frame of bars: the function as written, from a frame to
        one value per bar. Features never use its values; `features.invariants.frame_factors` compares them with those
        of the windows.
    module : the user module that defines it; None for built-in factors.
    reads_volume : whether its kernel reads the volume of whole bars. Of a user module this is not declared, see
        `features.volume_features.reads_volume`.
    """

    name: str
    kind: str
    kernel: Kernel
    parameters: tuple[str, ...]
    lookback: Callable[[dict[str, Any], Timeframe], int]
    compiled: bool = True
    family: str = ""
    terms: frozenset[str] = frozenset()
    frame_function: Kernel | None = None
    module: UserModule | None = None
    takes_session: bool = False
    reads_volume: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of `features.inputs.FeatureInput` that its features may read."""
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
        """The library expression that it equals, from its docstring; empty if there is none."""
        found = re.search(r"Equals: ``(.+?)``", self._text)
        return found[1] if found else ""

    @property
    def source(self) -> str:
        """Author, year and title, from its docstring; empty if there is none."""
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
    name : parses back to this feature by `features.feature_names.parse_feature`.
    factor : the definition.
    input : the data that it reads.
    values : the parameters, by name: numbers, or the word of a session.
    """

    name: str
    factor: Factor
    input: FeatureInput
    values: tuple[tuple[str, Any], ...] = ()

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def terms(self) -> frozenset[str]:
        """The fields of `features.decisions.Decisions` that its values depend on, beside the time and the results."""
        return self.factor.terms | {"side"} if self.input.aligned else self.factor.terms

    @property
    def column_index(self) -> int:
        """Which of `BAR_COLUMNS` a series factor reads; 0 for others."""
        return BAR_COLUMNS.index(self.input.column) if self.input.column in BAR_COLUMNS else 0

    def window(self, timeframe: Timeframe) -> int:
        """Return how many rows of its input one value reads: bars of the input's timeframe, or closed trades."""
        return self.factor.lookback(dict(self.values), self.input.timeframe or timeframe)

    def lookback(self, timeframe: Timeframe) -> int:
        """Return how many bars of the decision's timeframe one value requires, of the symbol it reads; 0 for none.

        Raises
        ------
        BadInput : if the input's timeframe is not a multiple of `timeframe`.
        """
        return 0 if self.input.column == "results" else self.input.n_base_bars(self.window(timeframe), timeframe)


FACTORS: dict[str, Factor] = {}


def _window(values: dict[str, float], timeframe: Timeframe) -> int:
    return int(values["window"])


def series_factor(kernel: Kernel) -> Kernel:
    """Register a kernel ``(values, parameters) -> float`` of one column over `window` bars."""
    return _register(kernel, "series", ("window",), _window)


def series_factor_of(
    lookback: Callable[[dict[str, float], Timeframe], int], *, parameters: tuple[str, ...] = ("window",)
) -> Callable[[Kernel], Kernel]:
    """Register a kernel ``(values, parameters) -> float`` of one column that reads another number of bars."""
    return lambda kernel: _register(kernel, "series", parameters, lookback)


def bars_factor(
    *parameters: str,
    lookback: Callable[[dict[str, float], Timeframe], int] = _window,
    reads_volume: bool = False,
) -> Callable[[Kernel], Kernel]:
    """Register a kernel ``(close_time, open, high, low, close, volume, parameters) -> float`` of whole bars.

    If its values depend on the volume, it `reads_volume`.
    """
    return lambda kernel: _register(kernel, "bars", parameters, lookback, reads_volume=reads_volume)


def results_factor(kernel: Kernel) -> Kernel:
    """Register a kernel ``(results, parameters) -> float`` of the net returns of `window` closed trades."""
    return _register(kernel, "results", ("window",), _window)


def trade_factor(
    *parameters: str, terms: tuple[str, ...], lookback: Callable[[dict[str, float], Timeframe], int] = _window
) -> Callable[[Kernel], Kernel]:
    """Register a kernel of whole bars and a trade.

    It is called as ``(close_time, open, high, low, close, volume, terms, parameters) -> float``, where its `terms` are
    the trade's side, stop and target. The argument `terms` names those that it requires.
    """
    return lambda kernel: _register(kernel, "trade", parameters, lookback, terms)


def decision_factor(kernel: Kernel) -> Kernel:
    """Register a function ``(decisions) -> array`` that reads no bars and no terms of the trade."""
    return decision_factor_of()(kernel)


def decision_factor_of(
    *parameters: str, terms: tuple[str, ...] = (), takes_session: bool = False
) -> Callable[[Kernel], Kernel]:
    """Register a function ``(decisions, *parameters) -> array`` that reads no bars, but the `terms` of the trade.

    If it `takes_session`, it is also called as ``(decisions, session)``, see `Factor`.
    """
    return lambda kernel: _register(
        kernel, "decision", parameters, lambda values, timeframe: 0, terms, takes_session=takes_session
    )


def _register(
    kernel: Kernel,
    kind: str,
    parameters: tuple[str, ...],
    lookback: Callable[[dict[str, float], Timeframe], int],
    terms: tuple[str, ...] = (),
    *,
    takes_session: bool = False,
    reads_volume: bool = False,
) -> Kernel:
    name = kernel.__name__.removesuffix("_nb")
    if name in FACTORS:
        raise BadInput(f"factor {name!r} is defined twice: in {FACTORS[name].family} and in {kernel.__module__}")
    family = kernel.__module__.rpartition(".")[2]
    FACTORS[name] = Factor(
        name, kind, kernel, parameters, lookback, family=family, terms=frozenset(terms), takes_session=takes_session,
        reads_volume=reads_volume,
    )  # fmt: skip
    return kernel
