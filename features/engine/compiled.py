"""The compiled half of the engine: kernels as machine code, and the loops that hand each of them its window.

One loop runs all kernels of a kind, a few windows at a time: a call from Python costs as much as thirty kernels, so a
live decision makes one, and a batch finds the bars of a window in the processor's cache.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import float64, int64, njit, types
from numba.core.errors import NumbaExperimentalFeatureWarning
from numba.typed import List

from tradesieve.features.engine.code_hash import digest_of
from tradesieve.features.engine.history import Sight
from tradesieve.features.factor import Feature, Kernel
from tradesieve.features.inputs import PRICES

_BLOCK = 64  # windows that are looked at by one kernel after the other, while the processor still remembers them

# Kernels in a list are what numba calls an experiment, whenever it compiles the loops.
warnings.filterwarnings("ignore", category=NumbaExperimentalFeatureWarning)

# Arrays are read-only, so that every kernel of a kind has one signature and one loop serves them all.
_COLUMN = types.Array(float64, 1, "C", readonly=True)
_TIME = types.Array(int64, 1, "C", readonly=True)
_COLUMNS = types.UniTuple(_COLUMN, len(PRICES))
_SCRATCH = types.UniTuple(float64[::1], len(PRICES))
_FORMING = types.Array(float64, 2, "C", readonly=True)
_LAYOUT = types.Array(int64, 2, "C", readonly=True)
_SIGNATURES = {
    "series": float64(_COLUMN, _COLUMN),
    "bars": float64(_TIME, *[_COLUMN] * len(PRICES), _COLUMN),
    "trade": float64(_TIME, *[_COLUMN] * len(PRICES), _COLUMN, _COLUMN),
}
_KERNEL = {kind: types.FunctionType(signature) for kind, signature in _SIGNATURES.items()}
_KERNELS = {kind: types.ListType(kernel) for kind, kernel in _KERNEL.items()}


@dataclass(frozen=True, eq=False)
class KernelRun:
    """Kernels of one kind, on one source of history, that run together.

    Parameters
    ----------
    kind : ``series``, ``bars`` or ``trade``; what a kernel is called with.
    kernels : the compiled kernels, a list of numba's.
    layout : int64 (n_kernels, 6): the window in rows of the sight, the place in the matrix, where the parameters begin
        and end, which of `PRICES` a series kernel looks at, and how much has to be known before there is a value.
    parameters : float64, of all kernels, one after another.
    """

    kind: str
    kernels: Any
    layout: np.ndarray
    parameters: np.ndarray

    def fill(self, sight: Sight, matrix: np.ndarray, *, terms: np.ndarray | None = None) -> None:
        """Write the values of these kernels into their columns of the matrix; NaN where history is too short.

        Parameters
        ----------
        matrix : float64 (n, n_features), C order.
        terms : float64 (n, 3), side, stop and target of each decision; for kernels of trades.
        """
        columns = tuple(frozen(column) for column in sight.columns)
        # A bar that is forming is written over the last one of each window, for as long as kernels look at it.
        scratch = sight.columns if len(sight.forming) else (np.empty(0),) * len(PRICES)
        stops, known = np.ascontiguousarray(sight.stops), np.ascontiguousarray(sight.known)
        shared = (self.kernels, self.layout, self.parameters)
        if self.kind == "series":
            _run_series_nb(*shared, columns, stops, known, frozen(sight.forming), scratch, matrix)
        elif self.kind == "bars":
            time = frozen(sight.time)
            _run_bars_nb(*shared, time, columns, stops, known, frozen(sight.forming), scratch, matrix)
        else:
            _run_trade_nb(*shared, frozen(sight.time), columns, stops, known, frozen(np.asarray(terms)), matrix)


def kernel_run(
    kind: str, features: Sequence[Feature], windows: Sequence[int], known: Sequence[int], places: Sequence[int]
) -> KernelRun:
    """Compile the kernels of features of one kind, at least one, to run together."""
    ends = np.cumsum([0] + [len(feature.values) for feature in features])
    layout = np.empty((len(features), 6), dtype=np.int64)
    layout[:, 0], layout[:, 1], layout[:, 2], layout[:, 3] = windows, places, ends[:-1], ends[1:]
    layout[:, 4] = [feature.price_index for feature in features]
    layout[:, 5] = known
    parameters = np.array([value for feature in features for _, value in feature.values], dtype=np.float64)
    kernels = None
    for feature in features:
        kernel = _compiled(feature.factor.kernel, kind)
        if kernels is None:
            kernels = _list_of_nb(kernel)
        else:
            _append_nb(kernels, kernel)
    return KernelRun(kind, kernels, frozen(layout), frozen(parameters))


def frozen(values: np.ndarray) -> np.ndarray:
    """Return a read-only contiguous view, the one kind of array that the loops take."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


@cache
def _compiled(kernel: Kernel, kind: str) -> Any:
    # By numpy's rules a division by zero has no value, as `compute` promises; by Python's it would end the run.
    return njit(_SIGNATURES[kind], cache=True, nogil=True, error_model="numpy")(_calling_compiled(kernel))


@cache
def _part(function: Kernel) -> Any:
    return njit(cache=True, nogil=True, error_model="numpy")(_calling_compiled(function))


def _calling_compiled(function: Kernel) -> Kernel:
    """Let a function call its plain functions in `_nb` compiled: so can the families do without numba.

    Its name says what code it is with all that it calls: numba, which keeps compiled functions by name, would else
    look at its own file alone, and go on running what another file held before it was changed.
    """
    found = {name: function.__globals__.get(name) for name in function.__code__.co_names if name.endswith("_nb")}
    parts = {name: _part(value) for name, value in found.items() if isinstance(value, FunctionType)}
    made = FunctionType(
        function.__code__, {**function.__globals__, **parts}, function.__name__, None, function.__closure__
    )
    made.__qualname__ = f"{function.__qualname__}_{digest_of(function)}"
    return made


@njit([_KERNELS[kind](_KERNEL[kind]) for kind in _KERNELS], cache=True, nogil=True)
def _list_of_nb(kernel):  # type: ignore[no-untyped-def]
    kernels = List()
    kernels.append(kernel)
    return kernels


@njit([types.void(_KERNELS[kind], _KERNEL[kind]) for kind in _KERNELS], cache=True, nogil=True)
def _append_nb(kernels, kernel):  # type: ignore[no-untyped-def]
    kernels.append(kernel)


@njit(
    types.void(
        _KERNELS["series"], _LAYOUT, _COLUMN, _COLUMNS, int64[::1], int64[::1], _FORMING, _SCRATCH, float64[:, ::1]
    ),
    cache=True,
    nogil=True,
)
def _run_series_nb(kernels, layout, parameters, columns, stops, known, forming, scratch, matrix):  # type: ignore[no-untyped-def]
    for first in range(0, len(stops), _BLOCK):
        last = min(first + _BLOCK, len(stops))
        for k in range(len(kernels)):
            kernel, window, place, looked_at = kernels[k], layout[k, 0], layout[k, 1], layout[k, 4]
            given, values = parameters[layout[k, 2] : layout[k, 3]], columns[looked_at]
            for row in range(first, last):
                stop = stops[row]
                if stop < window or known[row] < layout[k, 5]:
                    matrix[row, place] = np.nan
                elif len(forming) == 0:
                    matrix[row, place] = kernel(values[stop - window : stop], given)
                else:
                    whole = scratch[looked_at][stop - 1]
                    scratch[looked_at][stop - 1] = forming[row, looked_at]
                    matrix[row, place] = kernel(values[stop - window : stop], given)
                    scratch[looked_at][stop - 1] = whole


@njit(
    types.void(
        _KERNELS["bars"], _LAYOUT, _COLUMN, _TIME, _COLUMNS, int64[::1], int64[::1], _FORMING, _SCRATCH, float64[:, ::1]
    ),
    cache=True,
    nogil=True,
)
def _run_bars_nb(kernels, layout, parameters, time, columns, stops, known, forming, scratch, matrix):  # type: ignore[no-untyped-def]
    open_, high, low, close, volume = columns
    whole = np.empty(len(columns))
    for first in range(0, len(stops), _BLOCK):
        last = min(first + _BLOCK, len(stops))
        for k in range(len(kernels)):
            kernel, window, place = kernels[k], layout[k, 0], layout[k, 1]
            given = parameters[layout[k, 2] : layout[k, 3]]
            for row in range(first, last):
                stop = stops[row]
                start = stop - window
                if start < 0 or known[row] < layout[k, 5]:
                    matrix[row, place] = np.nan
                    continue
                if len(forming) > 0:
                    for i in range(len(scratch)):
                        whole[i] = scratch[i][stop - 1]
                        scratch[i][stop - 1] = forming[row, i]
                matrix[row, place] = kernel(
                    time[start:stop],
                    open_[start:stop],
                    high[start:stop],
                    low[start:stop],
                    close[start:stop],
                    volume[start:stop],
                    given,
                )
                if len(forming) > 0:
                    for i in range(len(scratch)):
                        scratch[i][stop - 1] = whole[i]


@njit(
    types.void(_KERNELS["trade"], _LAYOUT, _COLUMN, _TIME, _COLUMNS, int64[::1], int64[::1], _FORMING, float64[:, ::1]),
    cache=True,
    nogil=True,
)
def _run_trade_nb(kernels, layout, parameters, time, columns, stops, known, terms, matrix):  # type: ignore[no-untyped-def]
    open_, high, low, close, volume = columns
    for k in range(len(kernels)):
        kernel, window, place = kernels[k], layout[k, 0], layout[k, 1]
        given = parameters[layout[k, 2] : layout[k, 3]]
        for row in range(len(stops)):
            stop = stops[row]
            start = stop - window
            if start < 0 or known[row] < layout[k, 5]:
                matrix[row, place] = np.nan
            else:
                matrix[row, place] = kernel(
                    time[start:stop],
                    open_[start:stop],
                    high[start:stop],
                    low[start:stop],
                    close[start:stop],
                    volume[start:stop],
                    terms[row],
                    given,
                )
