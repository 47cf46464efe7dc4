"""The engine: the only code that slices history.

Batch, live and served values come from this one function on the same windows, so they are equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.history import Sight, sight_of_bars, sight_of_results
from tradesieve.features.engine.interpreted import uncompiled_column
from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_features
from tradesieve.features.inputs import View
from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
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

    Parameters
    ----------
    bars : history. Only bars with close_time <= decision time are looked at, and of those only the lookback.
    at : the decisions, in any order, each at the close_time of a bar; or their times alone, int64 ns UTC (n,), where no
        feature needs more.
    features : names or parsed features.
    others : bars of other symbols at the same timeframe, by symbol; of those, too, only what is closed is looked at.

    Returns
    -------
    float64 (n, n_features), C order. NaN where history is shorter than a feature's lookback, and where a formula has
    no value (a range of zero to divide by). Never infinite.

    Raises
    ------
    BadInput : if a decision time is no bar's close, or a feature needs a term of the trade, results or another symbol's
        bars that were not given.

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
    decisions = at if isinstance(at, Decisions) else Decisions(at)
    parsed = parse_features(features)
    _refuse_absent_terms(parsed, decisions)
    plan = _plan(parsed, bars.timeframe)
    every_stop = _stops(bars, decisions.time)
    times, stops, row = decisions.time, every_stop, None
    if np.any(stops[1:] <= stops[:-1]):
        # Many strategies decide at the same closes: each window is looked at once.
        stops, first, row = np.unique(stops, return_index=True, return_inverse=True)
        times = times[first]
    matrix = np.empty((len(stops), len(parsed)))
    for part in plan.of_bars:
        part.fill(sight_of_bars(part.source, bars, times, stops, others or {}), matrix)
    if row is not None:
        matrix = matrix[row]
    for part in plan.of_trades:
        part.fill(sight_of_bars(View("bars"), bars, decisions.time, every_stop, {}), matrix, _terms(decisions))
    for part in plan.of_results:
        part.fill(sight_of_results(decisions), matrix)
    for place in plan.of_decisions:
        feature = parsed[place]
        matrix[:, place] = feature.factor.kernel(decisions, *(value for _, value in feature.values))
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def _refuse_absent_terms(features: Sequence[Feature], decisions: Decisions) -> None:
    for feature in features:
        for term in sorted(feature.factor.terms):
            if getattr(decisions, term) is None:
                raise BadInput(f"feature {feature.name!r} needs the {term} of the trade")


def _terms(decisions: Decisions) -> np.ndarray:
    absent = np.full(len(decisions), np.nan)
    given = (getattr(decisions, name) for name in _TERMS)
    return np.stack([absent if values is None else values for values in given], axis=1)


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


@dataclass(frozen=True, eq=False)
class _Part:
    """What is to be run on one source of history: compiled kernels together, those of libraries one by one.

    A library's kernel comes with its place, its window, and how much has to be known before it has a value.
    """

    source: View
    runs: tuple[KernelRun, ...]
    libraries: tuple[tuple[Feature, int, int, int], ...]

    def fill(self, sight: Sight, matrix: np.ndarray, terms: np.ndarray | None = None) -> None:
        for run in self.runs:
            run.fill(sight, matrix, terms=terms)
        for feature, place, window, needed in self.libraries:
            matrix[:, place] = uncompiled_column(feature, sight, window=window, needed=needed)


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is to be run for a set of features, by what it looks at."""

    of_bars: tuple[_Part, ...]
    of_trades: tuple[_Part, ...]
    of_results: tuple[_Part, ...]
    of_decisions: tuple[int, ...]


@lru_cache(maxsize=256)
def _plan(features: tuple[Feature, ...], timeframe: Timeframe) -> _Plan:
    places: dict[View, list[int]] = {}
    of_decisions = []
    for place, feature in enumerate(features):
        if feature.factor.kind == "decision":
            of_decisions.append(place)
        else:
            places.setdefault(feature.view.source, []).append(place)
    parts: dict[str, list[_Part]] = {"bars": [], "trade": [], "results": []}
    for source, chosen in places.items():
        parts[source.column].append(_part(source, features, chosen, timeframe))
    return _Plan(tuple(parts["bars"]), tuple(parts["trade"]), tuple(parts["results"]), tuple(of_decisions))


def _part(source: View, features: Sequence[Feature], places: Sequence[int], timeframe: Timeframe) -> _Part:
    from tradesieve.features.engine.compiled import kernel_run

    windows = {place: features[place].window(timeframe) for place in places}
    known = {place: features[place].lookback(timeframe) or windows[place] for place in places}
    compiled: dict[str, list[int]] = {}
    libraries = []
    for place in places:
        feature = features[place]
        if feature.factor.compiled:
            kind = "series" if feature.factor.kind == "results" else feature.factor.kind
            compiled.setdefault(kind, []).append(place)
        else:
            libraries.append((feature, place, windows[place], known[place]))
    runs = [
        kernel_run(
            kind, [features[p] for p in chosen], [windows[p] for p in chosen], [known[p] for p in chosen], chosen
        )
        for kind, chosen in compiled.items()
    ]
    return _Part(source, tuple(runs), tuple(libraries))
