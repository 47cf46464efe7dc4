"""The invariants of a feature, as a check that anyone can run. Its value at a decision stays the same, bit for bit,

    purity        when it is computed again, in another order, or by a freshly loaded module;
    neighbours    whatever other decisions and other features are computed with it;
    truncation    when the bars after the decision are removed;
    perturbation  when the bars after the decision are replaced by others;
    longer        when the bars before its lookback are replaced by others, or by more of them;
    last_window   when it is computed from its last `lookback` bars alone, with nothing beside them in memory;
    mirror        if it is aligned, when the market is mirrored and the sides of the decisions are turned.

"Bars" includes those of other symbols. The engine passes a factor a window that ends with the decision, so a factor can
break an invariant only by reading outside its window or by keeping state. A frame factor is written over all bars at
once, where it can look ahead: see `features.invariants.frame_factors`.

No such check can detect a function that reads the future from elsewhere, such as a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.engine.mirror import mirrored_bars
from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_features
from tradesieve.features.invariants.frame_factors import frame_violations
from tradesieve.features.requirements import Requirements, requirements_of
from tradesieve.features.user_modules import freshly_run
from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.perturbation import isolate, scramble_after, scramble_before

INVARIANTS = {
    "purity": "is not the same when it is computed again",
    "neighbours": "depends on what is computed beside it",
    "truncation": "looks at the future: it changes when later bars are taken away",
    "perturbation": "looks at the future: it changes when later bars change",
    "longer": "depends on more history than its lookback",
    "last_window": "depends on more than its last window",
    "mirror": "is not the same for the other side of a mirrored market",
}
"""The invariants in the order in which they are checked, and the message for a feature that breaks one."""

CAUSALITY = ("truncation", "perturbation")
"""The invariants behind the certificate of causality; the others are behind that of parity."""

_EARLIER = 100  # least number of bars that are put before a lookback


@dataclass(frozen=True)
class Violation:
    """An invariant that a feature breaks.

    Parameters
    ----------
    invariant : one of `INVARIANTS`.
    feature : its name.
    time : int64 ns UTC, the first decision time at which it is broken.
    expected, found : the value from all of history, and the other one.
    """

    invariant: str
    feature: str
    time: int
    expected: float
    found: float

    @property
    def certificate(self) -> str:
        """``causality`` or ``parity``: the certificate that the feature cannot get."""
        return "causality" if self.invariant in CAUSALITY else "parity"

    def __str__(self) -> str:
        time = format_time(self.time)
        return f"{self.feature} {INVARIANTS[self.invariant]}: at {time} it is {self.expected:g}, or {self.found:g}"


def check_features(
    bars: Bars,
    at: np.ndarray | Decisions,
    features: Sequence[str | Feature],
    *,
    others: Mapping[str, Bars] | None = None,
    n_samples: int = 20,
    seed: int,
) -> list[Violation]:
    """Check the invariants of features at real decisions.

    Parameters
    ----------
    bars : history.
    at : decisions in ascending order, or their times alone, as for `features.engine.compute.compute`.
    features : names or parsed features.
    others : bars of other symbols that the features read, by symbol.
    n_samples : at how many decisions features are recomputed; the future is removed and replaced at a quarter as many.
    seed : picks the samples, the other future and the other past.

    Returns
    -------
    The first violation of each invariant by each feature, in the order of `INVARIANTS`; empty if all hold. Of a feature
    that breaks purity, nothing else is reported: the other invariants cannot be judged.

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
    check.mirror()
    check.whole()
    return check.violations()


class _Check:
    """A check in progress: the features at the sampled decisions, and the violations found so far."""

    def __init__(
        self, bars: Bars, others: Mapping[str, Bars], at: Decisions, features: tuple[Feature, ...], seed: int
    ) -> None:
        self._bars, self._others, self._at, self._features, self._seed = bars, others, at, features, seed
        self._each = [slice(row, row + 1) for row in range(len(at))]
        self._found: dict[tuple[str, str], Violation] = {}
        self._expected = self._compute(slice(None))

    def violations(self) -> list[Violation]:
        """Return the violations, in the order of the invariants."""
        impure = {feature for invariant, feature in self._found if invariant == "purity"}
        found = [one for one in self._found.values() if one.invariant == "purity" or one.feature not in impure]
        order = {invariant: place for place, invariant in enumerate(INVARIANTS)}
        return sorted(found, key=lambda one: (order[one.invariant], one.time, one.feature))

    def purity(self) -> None:
        """Compute everything again, then from the last decision to the first by a freshly loaded module."""
        self._compare("purity", slice(None), self._compute(slice(None)))
        # One decision at a time, since `compute` goes through those of one call in the order of time.
        features = [freshly_run(feature) for feature in self._features]
        backwards = [self._compute(row, features) for row in self._each[::-1]]
        self._compare("purity", slice(None), np.concatenate(backwards[::-1]))

    def neighbours(self) -> None:
        """Compute each decision alone, and each feature alone."""
        self._compare("neighbours", slice(None), np.concatenate([self._compute(row) for row in self._each]))
        columns = [self._compute(slice(None), [feature]) for feature in self._features]
        self._compare("neighbours", slice(None), np.concatenate(columns, axis=1))

    def future(self, cuts: np.ndarray) -> None:
        """Remove the bars after each cut, then replace them by others."""
        for cut in map(int, cuts):
            past = slice(0, int(np.searchsorted(self._at.time, cut, side="right")))
            known = {symbol: isolate(bars.between(None, cut)) for symbol, bars in self._others.items()}
            self._compare("truncation", past, self._compute(past, None, isolate(self._bars.between(None, cut)), known))
            other = {symbol: scramble_after(bars, cut, seed=self._seed) for symbol, bars in self._others.items()}
            changed = scramble_after(self._bars, cut, seed=self._seed)
            self._compare("perturbation", past, self._compute(past, None, changed, other))

    def past(self) -> None:
        """Replace the bars before each feature's lookback by others, then remove them."""
        bars = self._bars
        own = [requirements_of([feature], bars.timeframe, symbol=bars.symbol) for feature in self._features]
        same_lookback: dict[object, list[int]] = {}
        for column, required in enumerate(own):
            same_lookback.setdefault((required.bars, *required.others.items()), []).append(column)
        for place, here in enumerate(self._each):
            other, alone = self._expected[here].copy(), self._expected[here].copy()
            # Every feature gets its own lookback and no more, which one with a longer lookback beside it would bring.
            for columns in same_lookback.values():
                same, required = [self._features[column] for column in columns], own[columns[0]]
                other[:, columns] = self._compute(here, same, *self._cut(required, place, earlier=True))
                alone[:, columns] = self._compute(here, same, *self._cut(required, place, earlier=False))
            self._compare("longer", here, other)
            self._compare("last_window", here, alone)

    def mirror(self) -> None:
        """Mirror the market and turn the sides: what held for a long now holds for a short.

        From a market that is a mirror itself, since only then mirroring twice changes nothing.
        """
        columns = [column for column, feature in enumerate(self._features) if feature.input.aligned]
        side = self._at.side
        if not columns or side is None:
            return
        aligned = [self._features[column] for column in columns]
        once, others_once = _mirrored(self._bars, self._others)
        twice, others_twice = _mirrored(once, others_once)
        expected, turned = self._expected.copy(), self._expected.copy()
        expected[:, columns] = self._compute(slice(None), aligned, once, others_once)
        turned[:, columns] = compute(twice, replace(self._at, side=-side), aligned, others=others_twice)
        self._compare("mirror", slice(None), turned, expected)

    def whole(self) -> None:
        """Check the functions that frame factors were written as over all of history, those of shorts mirrored."""
        for column, feature in enumerate(self._features):
            if feature.factor.frame_function is None:
                continue
            for rows, bars, others in self._markets(feature):
                times, values = self._at.time[rows], self._expected[rows, column]
                for invariant, time, expected, other in frame_violations(
                    feature, bars, others, times, values, seed=self._seed
                ):
                    self._add(invariant, feature.name, time, expected, other)

    def _markets(self, feature: Feature) -> Iterator[tuple[np.ndarray, Bars, Mapping[str, Bars]]]:
        """Yield the decisions that read the same market, and its bars."""
        if not feature.input.aligned or self._at.side is None:
            yield np.arange(len(self._at)), self._bars, self._others
            return
        longs, shorts = np.flatnonzero(self._at.side > 0), np.flatnonzero(self._at.side < 0)
        if len(longs):
            yield longs, self._bars, self._others
        if len(shorts):
            yield shorts, *_mirrored(self._bars, self._others)

    def _cut(self, required: Requirements, place: int, *, earlier: bool) -> tuple[Bars, dict[str, Bars]]:
        """Return the last bars that a decision requires: alone, or after an invented earlier history."""

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

    def _compare(self, invariant: str, rows: slice, other: np.ndarray, expected: np.ndarray | None = None) -> None:
        # Bit for bit: a difference in the last digit means that there are two computations of the factor.
        expected, times = self._expected[rows] if expected is None else expected, self._at.time[rows]
        differs = expected.view(np.int64) != np.ascontiguousarray(other).view(np.int64)
        differs &= ~(np.isnan(expected) & np.isnan(other))
        for column in np.flatnonzero(differs.any(axis=0)):
            row = int(np.argmax(differs[:, column]))
            name = self._features[column].name
            self._add(invariant, name, int(times[row]), expected[row, column], other[row, column])

    def _add(self, invariant: str, feature: str, time: int, expected: float, found: float) -> None:
        known = self._found.get((invariant, feature))
        if known is None or time < known.time:
            self._found[invariant, feature] = Violation(invariant, feature, time, float(expected), float(found))


def _mirrored(bars: Bars, others: Mapping[str, Bars]) -> tuple[Bars, dict[str, Bars]]:
    return mirrored_bars(bars), {symbol: mirrored_bars(other) for symbol, other in others.items()}
