"""The engine: the only code that slices history.

Batch, live and served values come from this one function on the same windows, so they are equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from features.factor import Feature, column_of
from features.names import parse_feature
from market.bars import Bars, format_time
from market.errors import BadInput
from market.timeframes import Timeframe

if TYPE_CHECKING:
    from features.compiled import KernelRun


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
    parsed = tuple(parse_feature(feature) if isinstance(feature, str) else feature for feature in features)
    if side is not None and (np.shape(side) != at.shape or not np.all(np.abs(side) == 1.0)):
        raise BadInput(f"side has shape {np.shape(side)}: it holds +1 or -1 for each of the {len(at)} decisions")
    plan = _plan(parsed, bars.timeframe)
    stops = _stops(bars, at)
    row = None
    if np.any(stops[1:] <= stops[:-1]):
        # Many strategies decide at the same closes: each window is looked at once.
        stops, row = np.unique(stops, return_inverse=True)
    matrix = np.empty((len(stops), len(parsed)))
    _fill_windows(matrix, plan, bars, stops)
    if row is not None:
        matrix = matrix[row]
    for place in plan.decisions:
        matrix[:, place] = _decision_column(parsed[place], at, side)
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def lookback(features: Sequence[str | Feature], timeframe: Timeframe) -> int:
    """Count the bars of history that a set of features needs: the longest of their lookbacks."""
    parsed = [parse_feature(feature) if isinstance(feature, str) else feature for feature in features]
    return max((feature.lookback(timeframe) for feature in parsed), default=0)


def _stops(bars: Bars, at: np.ndarray) -> np.ndarray:
    """Index one past the last bar known at each decision."""
    if len(bars):
        # Where no bar is absent, arithmetic finds it; a search jumps through all of history for every decision.
        place = (at - bars.close_time[0]) // bars.timeframe.duration
        if np.all((place >= 0) & (place < len(bars))) and np.all(bars.close_time[place] == at):
            return place + 1
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
    return feature.factor.kernel(at, side, *(value for _, value in feature.values))


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is to be run for a set of features: compiled kernels together, the others one by one, by their places."""

    runs: tuple[KernelRun, ...]
    libraries: tuple[tuple[int, Feature, int], ...]
    decisions: tuple[int, ...]


@lru_cache(maxsize=256)
def _plan(features: tuple[Feature, ...], timeframe: Timeframe) -> _Plan:
    from features.compiled import kernel_run

    windows = [feature.lookback(timeframe) for feature in features]
    compiled: dict[str, list[int]] = {}
    libraries = []
    decisions = []
    for place, feature in enumerate(features):
        if feature.factor.kind == "decision":
            decisions.append(place)
        elif feature.factor.compiled:
            compiled.setdefault(feature.factor.kind, []).append(place)
        else:
            libraries.append((place, feature, windows[place]))
    runs = [
        kernel_run(kind, [features[place] for place in places], [windows[place] for place in places], places)
        for kind, places in compiled.items()
    ]
    return _Plan(tuple(runs), tuple(libraries), tuple(decisions))


def _fill_windows(matrix: np.ndarray, plan: _Plan, bars: Bars, stops: np.ndarray) -> None:
    if plan.runs:
        from features.compiled import PRICES, frozen

        time, columns = frozen(bars.close_time), tuple(frozen(getattr(bars, name)) for name in PRICES)
        for run in plan.runs:
            run.fill(time, columns, stops, matrix)
    for place, feature, window in plan.libraries:
        values = getattr(bars, column_of(feature))
        for row, stop in enumerate(stops):
            # A copy, aligned like any other: what a library makes of it cannot depend on where it lay in history.
            known = stop >= window
            matrix[row, place] = feature.factor.kernel(values[stop - window : stop].copy()) if known else np.nan
