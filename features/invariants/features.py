"""The laws of a factor, as a check that anyone can run.

    purity        computed twice, in another order, or by a module that was just loaded, it is the same.
    neighbours    it does not depend on the other decisions, nor the other features, that are computed with it.
    truncation    without the bars after t it is the same at t.
    perturbation  with other bars after t it is the same at t.
    longer        with other bars before its lookback, or with more of them, it is the same.
    last_window   from the last `lookback` bars alone, with nothing beside them in memory, it is the same.

The same is meant bit for bit, and bars are those of other symbols too. The engine hands a factor a window that ends
with the decision, so what it computes can break the laws only by reading beside its window or by remembering. A frame
factor was written over all bars at once, and there it can look ahead in earnest: see
`features.invariants.frame_factors`.

What no such check can see: a function that reads the future from somewhere else than its bars, as from a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_features
from tradesieve.features.invariants.frame_factors import broken_by_whole
from tradesieve.features.requirements import Requirements, requirements_of
from tradesieve.features.user_modules import freshly_run
from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.perturbation import isolate, scramble_after, scramble_before

LAWS = {
    "purity": "is not the same when it is computed again",
    "neighbours": "depends on what is computed beside it",
    "truncation": "looks at the future: it changes when later bars are taken away",
    "perturbation": "looks at the future: it changes when later bars change",
    "longer": "depends on more history than its lookback",
    "last_window": "depends on more than its last window",
}
"""The laws in the order in which they are judged, and what is said of a factor that breaks one."""

CAUSALITY = ("truncation", "perturbation")
"""The laws of the certificate of causality; the others are those of parity."""

_EARLIER = 100  # bars at least that are put before a lookback


@dataclass(frozen=True)
class Violation:
    """A law that a feature breaks.

    Parameters
    ----------
    law : one of `LAWS`.
    feature : its name.
    time : int64 ns UTC, the first decision time at which it shows.
    expected, found : the value from all of history, and the other one.
    """

    law: str
    feature: str
    time: int
    expected: float
    found: float

    @property
    def certificate(self) -> str:
        """``causality`` or ``parity``: the certificate that it costs."""
        return "causality" if self.law in CAUSALITY else "parity"

    def __str__(self) -> str:
        time = format_time(self.time)
        return f"{self.feature} {LAWS[self.law]}: at {time} it is {self.expected:g}, or {self.found:g}"


def check_features(
    bars: Bars,
    at: np.ndarray | Decisions,
    features: Sequence[str | Feature],
    *,
    others: Mapping[str, Bars] | None = None,
    n_samples: int = 20,
    seed: int,
) -> list[Violation]:
    """Hold features to their laws on real decisions.

    Parameters
    ----------
    bars : history.
    at : decisions in ascending order, or their times alone, as for `features.engine.compute.compute`.
    features : what to check, names or parsed features.
    others : bars of other symbols, by symbol, where features look at them.
    n_samples : at how many decisions features are recomputed, and a quarter as many times at which the future is taken
        away or changed.
    seed : picks the samples, the other future and the other past.

    Returns
    -------
    The first violation of each law by each feature, in the order of `LAWS`; empty when all laws hold. A feature that is
    not pure breaks that law alone: what is never the same cannot be held to the others.

    Raises
    ------
    BadInput : if there is no decision to check, or a user's function fails.
    """
    decisions = at if isinstance(at, Decisions) else Decisions(at)
    if len(decisions) == 0:
        raise BadInput("there is no decision at which to check the features")
    parsed = parse_features(features)
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(len(decisions), size=min(n_samples, len(decisions)), replace=False))
    cuts = decisions.time[rows[:: max(1, len(rows) // max(1, n_samples // 4))]]
    check = _Check(bars, others or {}, decisions[rows], parsed, seed)
    check.purity()
    check.neighbours()
    check.future(cuts)
    check.past()
    check.whole()
    return check.violations()


class _Check:
    """A check under way: what the features are at the sampled decisions, and where they were found to be otherwise."""

    def __init__(
        self, bars: Bars, others: Mapping[str, Bars], at: Decisions, features: tuple[Feature, ...], seed: int
    ) -> None:
        self._bars, self._others, self._at, self._features, self._seed = bars, others, at, features, seed
        self._each = [slice(row, row + 1) for row in range(len(at))]
        self._found: dict[tuple[str, str], Violation] = {}
        self._expected = self._compute(slice(None))

    def violations(self) -> list[Violation]:
        """Give what was found, the laws in their order."""
        impure = {feature for law, feature in self._found if law == "purity"}
        found = [one for one in self._found.values() if one.law == "purity" or one.feature not in impure]
        order = {law: place for place, law in enumerate(LAWS)}
        return sorted(found, key=lambda one: (order[one.law], one.time, one.feature))

    def purity(self) -> None:
        """Compute everything again, and once more from the last decision to the first by a module just loaded."""
        self._compare("purity", slice(None), self._compute(slice(None)))
        # Sampled decisions are few: one at a time, since `compute` looks at those of one call in the order of time.
        features = [freshly_run(feature) for feature in self._features]
        backwards = [self._compute(row, features) for row in self._each[::-1]]
        self._compare("purity", slice(None), np.concatenate(backwards[::-1]))

    def neighbours(self) -> None:
        """Compute each decision alone, and each feature alone."""
        self._compare("neighbours", slice(None), np.concatenate([self._compute(row) for row in self._each]))
        columns = [self._compute(slice(None), [feature]) for feature in self._features]
        self._compare("neighbours", slice(None), np.concatenate(columns, axis=1))

    def future(self, cuts: np.ndarray) -> None:
        """Take the bars after each cut away, and put others in their place."""
        for cut in map(int, cuts):
            past = slice(0, int(np.searchsorted(self._at.time, cut, side="right")))
            known = {symbol: isolate(bars.between(None, cut)) for symbol, bars in self._others.items()}
            self._compare("truncation", past, self._compute(past, None, isolate(self._bars.between(None, cut)), known))
            other = {symbol: scramble_after(bars, cut, seed=self._seed) for symbol, bars in self._others.items()}
            changed = scramble_after(self._bars, cut, seed=self._seed)
            self._compare("perturbation", past, self._compute(past, None, changed, other))

    def past(self) -> None:
        """Put other bars before each feature's lookback, and take them away."""
        bars = self._bars
        own = [requirements_of([feature], bars.timeframe, symbol=bars.symbol) for feature in self._features]
        alike: dict[object, list[int]] = {}
        for column, required in enumerate(own):
            alike.setdefault((required.bars, *required.others.items()), []).append(column)
        for place, here in enumerate(self._each):
            other, alone = self._expected[here].copy(), self._expected[here].copy()
            # Every feature gets its own lookback and no more: beside one that needs more, a short one would be fed too.
            for columns in alike.values():
                same, required = [self._features[column] for column in columns], own[columns[0]]
                other[:, columns] = self._compute(here, same, *self._cut(required, place, earlier=True))
                alone[:, columns] = self._compute(here, same, *self._cut(required, place, earlier=False))
            self._compare("longer", here, other)
            self._compare("last_window", here, alone)

    def whole(self) -> None:
        """Hold the functions that frame factors were written as, over all of history, to the same laws."""
        for column, feature in enumerate(self._features):
            if feature.factor.frame_function is not None:
                values = self._expected[:, column]
                found = broken_by_whole(feature, self._bars, self._others, self._at.time, values, seed=self._seed)
                for law, time, expected, other in found:
                    self._add(law, feature.name, time, expected, other)

    def _cut(self, required: Requirements, place: int, *, earlier: bool) -> tuple[Bars, dict[str, Bars]]:
        """Give the last bars that are needed at a decision: alone, or after an earlier history that never was."""

        def last(bars: Bars, n: int) -> Bars:
            stop = int(np.searchsorted(bars.close_time, self._at.time[place], side="right"))
            first = max(0, stop - n)
            if not earlier:
                return isolate(bars[first:stop])
            begin = max(0, first - max(n, _EARLIER))
            return scramble_before(bars[begin:stop], first - begin, seed=self._seed + place)

        others = {symbol: last(self._others[symbol], n) for symbol, n in required.others.items()}
        return last(self._bars, max(1, required.bars)), others

    def _compute(
        self,
        rows: slice,
        features: Sequence[Feature] | None = None,
        bars: Bars | None = None,
        others: Mapping[str, Bars] | None = None,
    ) -> np.ndarray:
        return compute(
            self._bars if bars is None else bars,
            self._at[rows],
            self._features if features is None else features,
            others=self._others if others is None else others,
        )

    def _compare(self, law: str, rows: slice, other: np.ndarray) -> None:
        # Bit for bit: a last digit that differs would be a second computation of the factor.
        expected, times = self._expected[rows], self._at.time[rows]
        differs = expected.view(np.int64) != np.ascontiguousarray(other).view(np.int64)
        differs &= ~(np.isnan(expected) & np.isnan(other))
        for column in np.flatnonzero(differs.any(axis=0)):
            row = int(np.argmax(differs[:, column]))
            name = self._features[column].name
            self._add(law, name, int(times[row]), expected[row, column], other[row, column])

    def _add(self, law: str, feature: str, time: int, expected: float, found: float) -> None:
        known = self._found.get((law, feature))
        if known is None or time < known.time:
            self._found[law, feature] = Violation(law, feature, time, float(expected), float(found))
