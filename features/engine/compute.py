"""The engine: the only code that slices history.

Batch, live and served values come from this one function on the same windows, so they are equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.history import History, history_of_bars, history_of_results
from tradesieve.features.engine.interpreted import interpreted_column
from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_features
from tradesieve.features.inputs import FeatureInput
from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.positive_prices import require_positive_prices
from tradesieve.market.timeframes import Timeframe

if TYPE_CHECKING:
    from tradesieve.features.engine.compiled import KernelRun

_TERMS = ("side", "stop", "target")


def compute(
    bars: Bars,
    at: np.ndarray | Decisions,
    features: Sequence[str | Feature],
    *,
    others: Mapping[str, Bars] | None = None,
) -> np.ndarray:
    """Compute features at decision times.

    1. Group the features by the history that they read: bars at a timeframe of a symbol, the trade's own terms with
       the bars, or the results of closed trades.
    2. Find the last closed bar at each decision; decisions at the same close share their windows, which for shorts are
       those of the mirrored market if a feature is aligned.
    3. Run the kernels of each group over its windows, and the decision factors over the decisions.
    4. Replace what is not finite by NaN.

    Parameters
    ----------
    bars : history. Only bars with close_time <= decision time are read, and of those only the lookback.
    at : the decisions, in any order, each at the close_time of a bar; or their times alone, int64 ns UTC (n,), if no
        feature requires more.
    features : names or parsed features.
    others : bars of other symbols at the same timeframe, by symbol; of those, too, only closed bars are read.

    Returns
    -------
    float64 (n, n_features), C order. NaN where history is shorter than a feature's lookback, and where a formula has
    no value, such as a division by a range of zero. Never infinite.

    Raises
    ------
    BadInput : if a decision time is no bar's close, or a feature requires a term of the trade, results or another
        symbol's bars that are missing, or a price is at or below zero.

    Notes
    -----
    Known at: the decision time.

    Examples
    --------
    >>> from tradesieve.market.synthetic import SyntheticMarket
    >>> bars, _ = SyntheticMarket(n_days=2, seed=7).generate("BTC-USD")
    >>> compute(bars, bars.close_time[[5, 300]], ["close__trendiness__window_20"]).round(3).tolist()
    [[nan], [0.005]]
    """
    return Computation(features)(bars, at, others=others)


class Computation:
    """Features that are computed again and again: parsed, checked and planned once, as a live decision needs it.

    Parameters
    ----------
    features : names or parsed features.
    """

    def __init__(self, features: Sequence[str | Feature]) -> None:
        self.features = parse_features(features)
        # Each term with the first feature that requires it.
        self._required = {term: feature for feature in reversed(self.features) for term in sorted(feature.terms)}
        self._plans: dict[Timeframe, _Plan] = {}

    def __call__(
        self, bars: Bars, at: np.ndarray | Decisions, *, others: Mapping[str, Bars] | None = None
    ) -> np.ndarray:
        """Compute the features, as `compute` does."""
        decisions = at if isinstance(at, Decisions) else Decisions(at)
        bars = require_positive_prices(bars)
        others = {symbol: require_positive_prices(other) for symbol, other in (others or {}).items()}
        for term, feature in self._required.items():
            if getattr(decisions, term) is None:
                raise BadInput(f"feature {feature.name!r} requires the {term} of the trade")
        plan = self._plans.get(bars.timeframe)
        if plan is None:
            plan = self._plans[bars.timeframe] = _plan(self.features, bars.timeframe)
        stops = _stops(bars, decisions.time)
        matrix = _at_each_close(plan, len(self.features), bars, decisions, stops, others)
        for group in plan.of_trades:
            history = history_of_bars(FeatureInput("bars"), bars, decisions.time, stops, {})
            group.fill(history, matrix, _terms(decisions))
        for group in plan.of_results:
            group.fill(history_of_results(decisions), matrix)
        for place in plan.of_decisions:
            feature = self.features[place]
            matrix[:, place] = feature.factor.kernel(decisions, *(value for _, value in feature.values))
        matrix[~np.isfinite(matrix)] = np.nan
        return matrix


def _at_each_close(
    plan: _Plan,
    n_features: int,
    bars: Bars,
    decisions: Decisions,
    stops: np.ndarray,
    others: Mapping[str, Bars],
) -> np.ndarray:
    """Return the matrix with the columns of bars filled.

    Decisions at the same close share one row until the end. If a feature is aligned, only those of the same side do,
    and the rows of longs come before those of shorts.
    """
    times, keys, row = decisions.time, stops, None
    if plan.is_aligned and decisions.side is not None:
        keys = np.where(decisions.side < 0.0, stops + len(bars), stops)  # a stop is at least 1
    if np.any(keys[1:] <= keys[:-1]):
        keys, first, row = np.unique(keys, return_index=True, return_inverse=True)
        times, stops = times[first], stops[first]
    n_longs = int(np.searchsorted(keys, len(bars), side="right"))
    matrix = np.empty((len(stops), n_features))
    for group in plan.of_bars:
        history = history_of_bars(group.source, bars, times, stops, others)
        if not group.source.aligned:
            group.fill(history, matrix)
            continue
        if n_longs > 0:
            group.fill(history.at(slice(n_longs)), matrix[:n_longs])
        if n_longs < len(stops):
            group.fill(history.at(slice(n_longs, None)).mirrored(), matrix[n_longs:])
    return matrix if row is None else matrix[row]


def _terms(decisions: Decisions) -> np.ndarray:
    absent = np.full(len(decisions), np.nan)
    given = (getattr(decisions, name) for name in _TERMS)
    return np.stack([absent if values is None else values for values in given], axis=1)


def _stops(bars: Bars, at: np.ndarray) -> np.ndarray:
    """Return one past the row of the bar that closes at each decision."""
    if len(bars):
        # If no bar is missing, arithmetic finds the row: far faster than a binary search through all of history.
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


@dataclass(frozen=True, eq=False)
class _Group:
    """The features that read one history: compiled kernels run together, the others one by one.

    A feature that is not compiled comes with its column, its window, and the base rows that it requires.
    """

    source: FeatureInput
    compiled: tuple[KernelRun, ...]
    interpreted: tuple[tuple[Feature, int, int, int], ...]

    def fill(self, history: History, matrix: np.ndarray, terms: np.ndarray | None = None) -> None:
        for run in self.compiled:
            run.fill(history, matrix, terms=terms)
        for feature, place, window, required in self.interpreted:
            matrix[:, place] = interpreted_column(feature, history, window=window, required=required)


@dataclass(frozen=True, eq=False)
class _Plan:
    """The features of a set, grouped by the history that they read; of decision factors the columns."""

    of_bars: tuple[_Group, ...]
    of_trades: tuple[_Group, ...]
    of_results: tuple[_Group, ...]
    of_decisions: tuple[int, ...]

    @cached_property
    def is_aligned(self) -> bool:
        """Whether windows depend on the side of the decision."""
        return any(group.source.aligned for group in self.of_bars)


@lru_cache(maxsize=256)
def _plan(features: tuple[Feature, ...], timeframe: Timeframe) -> _Plan:
    places: dict[FeatureInput, list[int]] = {}
    of_decisions = []
    for place, feature in enumerate(features):
        if feature.factor.kind == "decision":
            of_decisions.append(place)
        else:
            places.setdefault(feature.input.source, []).append(place)
    groups: dict[str, list[_Group]] = {"bars": [], "trade": [], "results": []}
    for source, chosen in places.items():
        groups[source.column].append(_group(source, features, chosen, timeframe))
    return _Plan(tuple(groups["bars"]), tuple(groups["trade"]), tuple(groups["results"]), tuple(of_decisions))


def _group(source: FeatureInput, features: Sequence[Feature], places: Sequence[int], timeframe: Timeframe) -> _Group:
    # Imported here, since numba is slow to load.
    from tradesieve.features.engine.compiled import kernel_run

    windows = {place: features[place].window(timeframe) for place in places}
    required = {place: features[place].lookback(timeframe) or windows[place] for place in places}
    compiled: dict[str, list[int]] = {}
    interpreted = []
    for place in places:
        feature = features[place]
        if feature.factor.compiled:
            kind = "series" if feature.factor.kind == "results" else feature.factor.kind
            compiled.setdefault(kind, []).append(place)
        else:
            interpreted.append((feature, place, windows[place], required[place]))
    runs = [
        kernel_run(
            kind, [features[p] for p in chosen], [windows[p] for p in chosen], [required[p] for p in chosen], chosen
        )
        for kind, chosen in compiled.items()
    ]
    return _Group(source, tuple(runs), tuple(interpreted))
