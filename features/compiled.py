"""The compiled half of the engine: kernels as machine code, and the loops that hand each of them its window.

One loop runs all kernels of a kind, a few windows at a time: a call from Python costs as much as thirty kernels, so a
live decision makes one, and a batch finds the bars of a window in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import float64, int64, njit, types
from numba.typed import List

from features.factor import Feature, Kernel, column_of

PRICES = ("open", "high", "low", "close", "volume")
"""The columns in the order in which the loops are given them."""

_BLOCK = 64  # windows that are looked at by one kernel after the other, while the processor still remembers them

# Arrays are read-only, so that every kernel of a kind has one signature and one loop serves them all.
_COLUMN = types.Array(float64, 1, "C", readonly=True)
_TIME = types.Array(int64, 1, "C", readonly=True)
_COLUMNS = types.UniTuple(_COLUMN, len(PRICES))
_LAYOUT = types.Array(int64, 2, "C", readonly=True)
_SIGNATURES = {
    "series": float64(_COLUMN, _COLUMN),
    "bars": float64(_TIME, *[_COLUMN] * len(PRICES), _COLUMN),
}
_KERNEL = {kind: types.FunctionType(signature) for kind, signature in _SIGNATURES.items()}
_KERNELS = {kind: types.ListType(kernel) for kind, kernel in _KERNEL.items()}


@dataclass(frozen=True, eq=False)
class KernelRun:
    """Kernels of one kind that run together.

    Parameters
    ----------
    kind : ``series`` or ``bars``.
    kernels : the compiled kernels, a list of numba's.
    layout : int64 (n_kernels, 5): the window in bars, the place in the matrix, where the parameters begin and end, and
        which of `PRICES` a series kernel looks at.
    parameters : float64, of all kernels, one after another.
    """

    kind: str
    kernels: Any
    layout: np.ndarray
    parameters: np.ndarray

    def fill(self, time: np.ndarray, columns: tuple[np.ndarray, ...], stops: np.ndarray, matrix: np.ndarray) -> None:
        """Write the values of these kernels into their columns of the matrix; NaN where history is too short.

        Parameters
        ----------
        time, columns : close times and `PRICES`, read-only and contiguous.
        stops : int64 (n,), one past the last bar of each window.
        matrix : float64 (n, n_features), C order.
        """
        if self.kind == "series":
            _run_series_nb(self.kernels, self.layout, self.parameters, columns, stops, matrix)
        else:
            _run_bars_nb(self.kernels, self.layout, self.parameters, time, columns, stops, matrix)


def kernel_run(kind: str, features: Sequence[Feature], windows: Sequence[int], places: Sequence[int]) -> KernelRun:
    """Compile the kernels of features of one kind, at least one, to run together."""
    ends = np.cumsum([0] + [len(feature.values) for feature in features])
    layout = np.empty((len(features), 5), dtype=np.int64)
    layout[:, 0], layout[:, 1], layout[:, 2], layout[:, 3] = windows, places, ends[:-1], ends[1:]
    layout[:, 4] = [PRICES.index(column_of(feature)) if kind == "series" else -1 for feature in features]
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
    """Let a function call its plain functions in `_nb` compiled: so can the families do without numba."""
    found = {name: function.__globals__.get(name) for name in function.__code__.co_names if name.endswith("_nb")}
    parts = {name: _part(value) for name, value in found.items() if isinstance(value, FunctionType)}
    if not parts:
        return function
    return FunctionType(
        function.__code__, {**function.__globals__, **parts}, function.__name__, None, function.__closure__
    )


@njit([_KERNELS[kind](_KERNEL[kind]) for kind in _KERNELS], cache=True, nogil=True)
def _list_of_nb(kernel):  # type: ignore[no-untyped-def]
    kernels = List()
    kernels.append(kernel)
    return kernels


@njit([types.void(_KERNELS[kind], _KERNEL[kind]) for kind in _KERNELS], cache=True, nogil=True)
def _append_nb(kernels, kernel):  # type: ignore[no-untyped-def]
    kernels.append(kernel)


@njit(types.void(_KERNELS["series"], _LAYOUT, _COLUMN, _COLUMNS, int64[::1], float64[:, ::1]), cache=True, nogil=True)
def _run_series_nb(kernels, layout, parameters, columns, stops, matrix):  # type: ignore[no-untyped-def]
    for first in range(0, len(stops), _BLOCK):
        last = min(first + _BLOCK, len(stops))
        for k in range(len(kernels)):
            kernel, window, place = kernels[k], layout[k, 0], layout[k, 1]
            given, values = parameters[layout[k, 2] : layout[k, 3]], columns[layout[k, 4]]
            for row in range(first, last):
                stop = stops[row]
                matrix[row, place] = kernel(values[stop - window : stop], given) if stop >= window else np.nan


@njit(
    types.void(_KERNELS["bars"], _LAYOUT, _COLUMN, _TIME, _COLUMNS, int64[::1], float64[:, ::1]), cache=True, nogil=True
)
def _run_bars_nb(kernels, layout, parameters, time, columns, stops, matrix):  # type: ignore[no-untyped-def]
    open_, high, low, close, volume = columns
    for first in range(0, len(stops), _BLOCK):
        last = min(first + _BLOCK, len(stops))
        for k in range(len(kernels)):
            kernel, window, place = kernels[k], layout[k, 0], layout[k, 1]
            given = parameters[layout[k, 2] : layout[k, 3]]
            for row in range(first, last):
                stop = stops[row]
                start = stop - window
                if start < 0:
                    matrix[row, place] = np.nan
                else:
                    matrix[row, place] = kernel(
                        time[start:stop],
                        open_[start:stop],
                        high[start:stop],
                        low[start:stop],
                        close[start:stop],
                        volume[start:stop],
                        given,
                    )
