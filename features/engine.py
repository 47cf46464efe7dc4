"""The engine: the only code that slices history.

Batch, live and served values come from this one function on the same windows, so they are equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from features.factor import Feature, Kernel, column_of
from features.names import parse_feature
from market.bars import COLUMNS, Bars, format_time
from market.errors import BadInput
from market.timeframes import Timeframe

_FEW = 8  # decisions, for which the kernel is called directly


def compute(
    bars: Bars, at: np.ndarray, features: Sequence[str | Feature], *, side: np.ndarray | None = None
) -> np.ndarray:
    """Compute features at decision times.

    Parameters
    ----------
    bars : history. Only bars with close_time <= decision time are looked at, and of those only the lookback.
    at : int64 ns UTC (n,), decision times; each is the close_time of a bar. Any order.
    features : names or parsed features.
    side : float64 (n,), +1 or -1, of the trade in question; needed by the features of the trade.

    Returns
    -------
    float64 (n, n_features), C order. NaN where history is shorter than a feature's lookback, and where a formula has
    no value (a range of zero to divide by). Never infinite.

    Raises
    ------
    BadInput : if a decision time is no bar's close, `side` is not one +1 or -1 a decision, or a feature of the trade is
        asked for without it.

    Notes
    -----
    Known at: the decision time.

    Examples
    --------
    >>> from market.synthetic import SyntheticMarket
    >>> bars, _ = SyntheticMarket(n_days=2, seed=7).generate("BTC-USD")
    >>> compute(bars, bars.close_time[[5, 300]], ["close__trendiness__window_20"]).round(3).tolist()
    [[nan], [0.005]]
    """
    at = np.ascontiguousarray(at, dtype=np.int64)
    parsed = [parse_feature(feature) if isinstance(feature, str) else feature for feature in features]
    if side is not None and (np.shape(side) != at.shape or not np.all(np.abs(side) == 1.0)):
        raise BadInput(f"side has shape {np.shape(side)}: it holds +1 or -1 for each of the {len(at)} decisions")
    # Many strategies decide at the same closes: each window is looked at once.
    stops, row = np.unique(_stops(bars, at), return_inverse=True)
    matrix = np.empty((len(at), len(parsed)))
    columns = {name: _frozen(getattr(bars, name)) for name in COLUMNS}
    for position, feature in enumerate(parsed):
        if feature.factor.kind == "decision":
            matrix[:, position] = _decision_column(feature, at, side)
        else:
            matrix[:, position] = _window_column(feature, columns, stops, bars.timeframe)[row]
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def lookback(features: Sequence[str | Feature], timeframe: Timeframe) -> int:
    """Count the bars of history that a set of features needs: the longest of their lookbacks."""
    parsed = [parse_feature(feature) if isinstance(feature, str) else feature for feature in features]
    return max((feature.lookback(timeframe) for feature in parsed), default=0)


def _stops(bars: Bars, at: np.ndarray) -> np.ndarray:
    """Index one past the last bar known at each decision."""
    stops = np.searchsorted(bars.close_time, at, side="right")
    known = stops > 0
    strange = ~known
    strange[known] = bars.close_time[stops[known] - 1] != at[known]
    if strange.any():
        time = at[int(np.argmax(strange))]
        raise BadInput(f"{bars.symbol} {bars.timeframe}: no bar closes at {format_time(time)} ({time})")
    return stops.astype(np.int64)


def _decision_column(feature: Feature, at: np.ndarray, side: np.ndarray | None) -> np.ndarray:
    if feature.input == "trade" and side is None:
        raise BadInput(f"feature {feature.name!r} needs the side of the trade")
    return feature.factor.kernel(at, side)


def _window_column(
    feature: Feature, columns: dict[str, np.ndarray], stops: np.ndarray, timeframe: Timeframe
) -> np.ndarray:
    factor = feature.factor
    window = feature.lookback(timeframe)
    out = np.empty(len(stops))
    if not factor.compiled:
        values = columns[column_of(feature)]
        for row, stop in enumerate(stops):
            # A copy, aligned like any other: what a library makes of it cannot depend on where it lay in history.
            out[row] = factor.kernel(values[stop - window : stop].copy()) if stop >= window else np.nan
        return out
    parameters = _frozen(np.array([value for _, value in feature.values]))
    kernel = _compiled(factor.kernel, factor.kind)
    given = [columns[column_of(feature)]] if factor.kind == "series" else [columns[name] for name in COLUMNS]
    if len(stops) > _FEW:
        _driver(factor.kind)(kernel, *given, stops, window, parameters, out)
        return out
    # To hand a kernel to the driver takes fifty times as long as a live decision's one call of the same kernel.
    for row, stop in enumerate(stops):
        out[row] = kernel(*(part[stop - window : stop] for part in given), parameters) if stop >= window else np.nan
    return out


def _frozen(values: np.ndarray) -> np.ndarray:
    """Return a read-only view, the one array type that kernels are compiled for."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


@cache
def _signatures() -> dict[str, Any]:
    """Name the numba types: every kernel of a kind has one signature, so that one driver serves them all."""
    from numba import float64, int64, types

    prices = types.Array(float64, 1, "C", readonly=True)
    times = types.Array(int64, 1, "C", readonly=True)
    given = {"series": (prices,), "bars": (times, *[prices] * 5)}
    return {kind: (float64(*arrays, prices), arrays, prices) for kind, arrays in given.items()}


@cache
def _compiled(kernel: Kernel, kind: str) -> Any:
    from numba import njit

    # By numpy's rules a division by zero has no value, as `compute` promises; by Python's it would end the run.
    return njit(_signatures()[kind][0], cache=True, nogil=True, error_model="numpy")(kernel)


@cache
def _driver(kind: str) -> Any:
    from numba import float64, int64, njit, types

    signature, arrays, parameters = _signatures()[kind]
    drive = _drive_series_nb if kind == "series" else _drive_bars_nb
    compiled = types.FunctionType(signature)
    return njit(types.void(compiled, *arrays, int64[::1], int64, parameters, float64[::1]), cache=True, nogil=True)(
        drive
    )


def _drive_series_nb(
    kernel: Any, values: np.ndarray, stops: np.ndarray, window: int, parameters: np.ndarray, out: np.ndarray
) -> None:
    for row in range(len(stops)):
        stop = stops[row]
        out[row] = kernel(values[stop - window : stop], parameters) if stop >= window else np.nan


def _drive_bars_nb(
    kernel: Any,
    time: np.ndarray,
    open_: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    volume: np.ndarray,
    stops: np.ndarray,
    window: int,
    parameters: np.ndarray,
    out: np.ndarray,
) -> None:
    for row in range(len(stops)):
        stop = stops[row]
        start = stop - window
        if start < 0:
            out[row] = np.nan
        else:
            out[row] = kernel(
                time[start:stop],
                open_[start:stop],
                high[start:stop],
                low[start:stop],
                close[start:stop],
                volume[start:stop],
                parameters,
            )
