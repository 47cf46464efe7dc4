"""The laws of a factor, as a check that anyone can run.

causality : scrambling everything after t changes no value up to t.
parity : the value at t from the last `lookback` bars alone is the value from all of history, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.decisions import Decisions
from features.engine import compute
from features.factor import Feature
from features.names import parse_feature
from features.needs import needs
from market.bars import Bars, format_time
from market.errors import BadInput
from market.scramble import isolate, scramble_after


@dataclass(frozen=True)
class Violation:
    """A law that a feature breaks.

    Parameters
    ----------
    law : ``causality`` or ``parity``.
    feature : its name.
    time : int64 ns UTC, the first decision time at which it shows.
    expected, found : the value from all of history, and the other one.
    """

    law: str
    feature: str
    time: int
    expected: float
    found: float

    def __str__(self) -> str:
        what = "looks at the future" if self.law == "causality" else "depends on more history than its lookback"
        return f"{self.feature} {what}: at {format_time(self.time)} it is {self.expected:g}, or {self.found:g}"


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
    at : decisions in ascending order, or their times alone, as for `features.engine.compute`.
    features : what to check, names or parsed features.
    others : bars of other symbols, by symbol, where features look at them.
    n_samples : how many decisions are recomputed from their last window, and a quarter as many times at which the
        future is scrambled.
    seed : picks the samples and the scrambled future.

    Returns
    -------
    The first violation of each law by each feature; empty when all laws hold.

    Raises
    ------
    BadInput : if there is no decision to check.
    """
    decisions = at if isinstance(at, Decisions) else Decisions(at)
    if len(decisions) == 0:
        raise BadInput("there is no decision at which to check the features")
    times, others = decisions.time, others or {}
    parsed = [parse_feature(feature) if isinstance(feature, str) else feature for feature in features]
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(len(times), size=min(n_samples, len(times)), replace=False))
    found: dict[tuple[str, str], Violation] = {}

    def compare(law: str, rows: np.ndarray, expected: np.ndarray, other: np.ndarray) -> None:
        # Bit for bit: a last digit that differs would be a second computation of the factor.
        differs = expected.view(np.int64) != other.view(np.int64)
        differs &= ~(np.isnan(expected) & np.isnan(other))
        for column in np.flatnonzero(differs.any(axis=0)):
            row = int(np.argmax(differs[:, column]))
            name = parsed[column].name
            violation = Violation(law, name, int(times[rows[row]]), expected[row, column], other[row, column])
            found.setdefault((law, name), violation)

    expected = compute(bars, decisions[rows], parsed, others=others)
    for cut in rows[:: max(1, len(rows) // max(1, n_samples // 4))]:
        past = rows[rows <= cut]
        time = int(times[cut])
        changed = {symbol: scramble_after(other, time, seed=seed) for symbol, other in others.items()}
        again = compute(scramble_after(bars, time, seed=seed), decisions[past], parsed, others=changed)
        compare("causality", past, expected[: len(past)], again)
    # Every feature gets its own lookback and no more: beside a feature that needs more, a short one would be fed too.
    own = [needs([feature], bars.timeframe, symbol=bars.symbol) for feature in parsed]
    for place, row in enumerate(rows):
        alone = np.empty((1, len(parsed)))
        for needed in {(need.bars, *need.others.items()): need for need in own}.values():
            columns = [
                column for column, need in enumerate(own) if (need.bars, need.others) == (needed.bars, needed.others)
            ]
            window = _last(bars, times[row], max(1, needed.bars))
            beside = {symbol: _last(others[symbol], times[row], n) for symbol, n in needed.others.items()}
            same = [parsed[column] for column in columns]
            alone[:, columns] = compute(window, decisions[row : row + 1], same, others=beside)
        compare("parity", rows[place : place + 1], expected[place : place + 1], alone)
    return sorted(found.values(), key=lambda violation: (violation.law, violation.time, violation.feature))


def _last(bars: Bars, time: int, n: int) -> Bars:
    """Copy the last `n` bars that are closed at a time to where no others lie beside them."""
    stop = int(np.searchsorted(bars.close_time, time, side="right"))
    return isolate(bars[max(0, stop - n) : stop])
