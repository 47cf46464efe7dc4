"""The compiled half of the engine: kernels as machine code, and the loops that pass each of them its windows.

One loop runs all kernels of a kind, one block of windows at a time. A call from Python costs as much as thirty kernels,
so a live decision makes one per kind, and in a batch the bars of a block stay in the processor's cache.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import float64, from_dtype, int64, types
from numba.core.errors import NumbaExperimentalFeatureWarning
from numba.typed import List

from tradesieve.features.engine.code_hash import digest_of
from tradesieve.features.engine.history import History
from tradesieve.features.factor import Feature, Kernel
from tradesieve.features.inputs import BAR_COLUMNS
from tradesieve.market.kernel_cache import njit

_BLOCK = 64  # windows that one kernel after another runs over, while they are in the processor's cache

# Numba calls lists of functions experimental whenever it compiles the loops.
warnings.filterwarnings("ignore", category=NumbaExperimentalFeatureWarning)

# Arrays are read-only, so that every kernel of a kind has one signature and one loop serves them all.
_COLUMN = types.Array(float64, 1, "C", readonly=True)
_TIME = types.Array(int64, 1, "C", readonly=True)
_COLUMNS = types.UniTuple(_COLUMN, len(BAR_COLUMNS))
_SCRATCH = types.UniTuple(float64[::1], len(BAR_COLUMNS))
_NO_SCRATCH = (np.empty(0),) * len(BAR_COLUMNS)
_FORMING = types.Array(float64, 2, "C", readonly=True)
_TASK = np.dtype(
    [(name, np.int64) for name in ("window", "place", "first_parameter", "end_parameter", "column", "required")]
)
_TASKS = types.Array(from_dtype(_TASK), 1, "C", readonly=True)
_SIGNATURES = {
    "series": float64(_COLUMN, _COLUMN),
    "bars": float64(_TIME, *[_COLUMN] * len(BAR_COLUMNS), _COLUMN),
    "trade": float64(_TIME, *[_COLUMN] * len(BAR_COLUMNS), _COLUMN, _COLUMN),
}
_KERNEL = {kind: types.FunctionType(signature) for kind, signature in _SIGNATURES.items()}
_KERNELS = {kind: types.ListType(kernel) for kind, kernel in _KERNEL.items()}


@dataclass(frozen=True, eq=False)
class KernelRun:
    """Kernels of one kind that run together over one history.

    Parameters
    ----------
    kind : ``series``, ``bars`` or ``trade``: the arguments of a kernel.
    kernels : the compiled kernels, a numba list.
    tasks : records (n_kernels,), int64: the window in rows of the history, the column of the matrix, the first of the
        kernel's own parameters and one past the last, which of `BAR_COLUMNS` a series kernel reads, and how many base
        rows have to be known before there is a value.
    parameters : float64, of all kernels, one after another.
    """

    kind: str
    kernels: Any
    tasks: np.ndarray
    parameters: np.ndarray

    def fill(self, history: History, matrix: np.ndarray, *, terms: np.ndarray | None = None) -> None:
        """Write the values of these kernels into their columns of the matrix; NaN where history is too short.

        Parameters
        ----------
        matrix : float64 (n, n_features), C order.
        terms : float64 (n, 3), side, stop and target of each decision; for kernels of trades.
        """
        columns = tuple(frozen(column) for column in history.columns)
        # While a kernel runs, the forming bar takes the place of the last one of its window.
        scratch = history.columns if len(history.forming) else _NO_SCRATCH
        stops, known = np.ascontiguousarray(history.stops), np.ascontiguousarray(history.known)
        shared = (self.kernels, self.tasks, self.parameters)
        if self.kind == "series":
            _run_series_nb(*shared, columns, stops, known, frozen(history.forming), scratch, matrix)
        elif self.kind == "bars":
            time = frozen(history.time)
            _run_bars_nb(*shared, time, columns, stops, known, frozen(history.forming), scratch, matrix)
        else:
            _run_trade_nb(*shared, frozen(history.time), columns, stops, known, frozen(np.asarray(terms)), matrix)


def kernel_run(
    kind: str, features: Sequence[Feature], windows: Sequence[int], required: Sequence[int], places: Sequence[int]
) -> KernelRun:
    """Compile the kernels of features of one kind, at least one, to run together."""
    ends = np.cumsum([len(feature.values) for feature in features])
    tasks = np.empty(len(features), dtype=_TASK)
    tasks["window"], tasks["place"], tasks["required"] = windows, places, required
    tasks["first_parameter"], tasks["end_parameter"] = np.append(0, ends[:-1]), ends
    tasks["column"] = [feature.column_index for feature in features]
    parameters = np.array([value for feature in features for _, value in feature.values], dtype=np.float64)
    kernels = None
    for feature in features:
        kernel = _compiled(feature.factor.kernel, kind)
        if kernels is None:
            kernels = _list_of_nb(kernel)
        else:
            _append_nb(kernels, kernel)
    return KernelRun(kind, kernels, frozen(tasks), frozen(parameters))


def frozen(values: np.ndarray) -> np.ndarray:
    """Return a read-only contiguous view, the only kind of array that the loops take."""
    flags = values.flags
    if flags.c_contiguous and not flags.writeable:
        return values
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


@cache
def _compiled(kernel: Kernel, kind: str) -> Any:
    # By numpy's rules a division by zero gives NaN or infinity, as `compute` promises; by Python's it would raise.
    return njit(_SIGNATURES[kind], cache=True, nogil=True, error_model="numpy")(_with_compiled_parts(kernel))


@cache
def _part(function: Kernel) -> Any:
    return njit(cache=True, nogil=True, error_model="numpy")(_with_compiled_parts(function))


def _with_compiled_parts(function: Kernel) -> Kernel:
    """Let a function call plain functions whose names end in ``_nb`` compiled, so that families need no numba.

    Its new name carries the hash of all its code. Numba finds cached functions by name and by the date of their own
    file, and would go on running what a part held before its file was changed.
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
        _KERNELS["series"], _TASKS, _COLUMN, _COLUMNS, int64[::1], int64[::1], _FORMING, _SCRATCH, float64[:, ::1]
    ),
    cache=True,
    nogil=True,
)
def _run_series_nb(kernels, tasks, parameters, columns, stops, known, forming, scratch, matrix):  # type: ignore[no-untyped-def]
    for first in range(0, len(stops), _BLOCK):
        last = min(first + _BLOCK, len(stops))
        for k in range(len(kernels)):
            kernel, task = kernels[k], tasks[k]
            window, place, column, required = task.window, task.place, task.column, task.required
            own, values = parameters[task.first_parameter : task.end_parameter], columns[column]
            for row in range(first, last):
                stop = stops[row]
                if stop < window or known[row] < required:
                    matrix[row, place] = np.nan
                elif len(forming) == 0:
                    matrix[row, place] = kernel(values[stop - window : stop], own)
                else:
                    whole = scratch[column][stop - 1]
                    scratch[column][stop - 1] = forming[row, column]
                    matrix[row, place] = kernel(values[stop - window : stop], own)
                    scratch[column][stop - 1] = whole


@njit(
    types.void(
        _KERNELS["bars"], _TASKS, _COLUMN, _TIME, _COLUMNS, int64[::1], int64[::1], _FORMING, _SCRATCH, float64[:, ::1]
    ),
    cache=True,
    nogil=True,
)
def _run_bars_nb(kernels, tasks, parameters, time, columns, stops, known, forming, scratch, matrix):  # type: ignore[no-untyped-def]
    open_, high, low, close, volume = columns
    whole = np.empty(len(columns))
    for first in range(0, len(stops), _BLOCK):
        last = min(first + _BLOCK, len(stops))
        for k in range(len(kernels)):
            kernel, task = kernels[k], tasks[k]
            window, place, required = task.window, task.place, task.required
            own = parameters[task.first_parameter : task.end_parameter]
            for row in range(first, last):
                stop = stops[row]
                start = stop - window
                if start < 0 or known[row] < required:
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
                    own,
                )
                if len(forming) > 0:
                    for i in range(len(scratch)):
                        scratch[i][stop - 1] = whole[i]


@njit(
    types.void(_KERNELS["trade"], _TASKS, _COLUMN, _TIME, _COLUMNS, int64[::1], int64[::1], _FORMING, float64[:, ::1]),
    cache=True,
    nogil=True,
)
def _run_trade_nb(kernels, tasks, parameters, time, columns, stops, known, terms, matrix):  # type: ignore[no-untyped-def]
    open_, high, low, close, volume = columns
    for k in range(len(kernels)):
        kernel, task = kernels[k], tasks[k]
        own = parameters[task.first_parameter : task.end_parameter]
        for row in range(len(stops)):
            stop = stops[row]
            start = stop - task.window
            if start < 0 or known[row] < task.required:
                matrix[row, task.place] = np.nan
            else:
                matrix[row, task.place] = kernel(
                    time[start:stop],
                    open_[start:stop],
                    high[start:stop],
                    low[start:stop],
                    close[start:stop],
                    volume[start:stop],
                    terms[row],
                    own,
                )
