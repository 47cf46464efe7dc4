"""Guards: a decision on bars that are nothing like those of training is no decision, and no trade follows from it.

A window is held against what the bars of its series did before the model was trained, see
`models.artifact.training_bars`. The environment variable ``TRADESIEVE_GUARDS`` says what a guard does, as in
``move=warn,gap=pass``; each refuses unless it is named there. With ``TRADESIEVE_CLOCK=replay``, for decisions of the
past, a service has no clock: nothing is late, nothing has yet to come, and no model grows old.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY, Timeframe
from tradesieve.models.artifact.training_bars import TrainingBars, moves
from tradesieve.models.artifact.training_features import FARTHER, TrainingFeatures

GUARDS_VARIABLE, CLOCK_VARIABLE = "TRADESIEVE_GUARDS", "TRADESIEVE_CLOCK"

GUARDS = {
    "move": "a bar moves three times as far as any bar of training",
    "gap": "bars are absent for more than a day, and three times as long as ever in training",
    "spacing": "most bars lie twice as far apart as those of training",
    "no-trade": "no price of ten bars or more differs from another",
    "stale": "the decision is older than a bar",
    "age": "the model is older than its stated life",
    "range": "a feature lies three times as far from its median as ever in training, or is missing as never before",
    "side": "the strategy took no trade of this side before",
}
"""Name to what it finds."""

POLICIES = {"refuse": "size 0", "warn": "the model's size, and the finding among the reasons", "pass": "size 1"}
"""What follows from a finding."""

_FACTOR = 3.0
_FEWEST_TO_STAND_STILL = 10


@dataclass(frozen=True)
class Finding:
    """What a guard found.

    Parameters
    ----------
    guard : one of `GUARDS`.
    text : a clause that names symbol, time and value.
    """

    guard: str
    text: str


def read_policies(environment: Mapping[str, str]) -> dict[str, str]:
    """Read what each guard does.

    Raises
    ------
    BadInput : if a part of the text is not ``GUARD=POLICY``.
    Unknown : if a guard or a policy is not known.
    """
    policies = dict.fromkeys(GUARDS, "refuse")
    for part in filter(str.strip, environment.get(GUARDS_VARIABLE, "").split(",")):
        guard, equals, policy = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise BadInput(f"{GUARDS_VARIABLE}: {part.strip()!r} is not written GUARD=POLICY, as move=warn")
        if guard not in GUARDS:
            raise Unknown(f"{GUARDS_VARIABLE}: guard", guard, GUARDS)
        if policy not in POLICIES:
            raise Unknown(f"{GUARDS_VARIABLE}: policy of {guard}:", policy, POLICIES)
        policies[guard] = policy
    return policies


def read_clock(environment: Mapping[str, str]) -> Callable[[], int] | None:
    """Read which clock counts: this machine's, int64 ns UTC, or none in a replay.

    Raises
    ------
    BadInput : if it is neither ``system`` nor ``replay``.
    """
    given = environment.get(CLOCK_VARIABLE) or "system"
    if given not in ("system", "replay"):
        raise BadInput(f"{CLOCK_VARIABLE} is {given!r}, but must be system or replay")
    return time.time_ns if given == "system" else None


def find_lateness(decision_time: int, timeframe: Timeframe, now: int) -> Iterator[Finding]:
    """Find that a decision is late: by then another bar has closed."""
    late = now - decision_time
    if late > timeframe.duration:
        yield Finding(
            "stale",
            f"the decision of {format_time(decision_time)} is {late / 1e9:,.0f} s old, more than a bar of {timeframe}",
        )


def find_age(created: str, life_days: float, now: int) -> Iterator[Finding]:
    """Find that a model is older than its stated life."""
    age = (now / 1e9 - datetime.fromisoformat(created).timestamp()) / 86_400
    if age > life_days:
        yield Finding("age", f"the model is {age:,.1f} days old, and was stated to be good for {life_days:g}")


def find_outside(row: np.ndarray, training: TrainingFeatures, names: Sequence[str]) -> Iterator[Finding]:
    """Find the feature that lies farthest outside of training, and how many do.

    Parameters
    ----------
    row : float64 (n,), the features of a decision, NaN where unknown.
    names : of the features.
    """
    if training.covers(row):
        return
    beyond = training.distances(row) / (FARTHER * training.farthest)
    outside = beyond > 1.0
    if outside.any():
        worst = int(np.where(outside, beyond, 0.0).argmax())
        more = int(outside.sum()) - 1
        yield Finding(
            "range",
            f"{names[worst]} is {row[worst]:.6g}, {training.distances(row)[worst]:,.1f} times the interquartile range "
            f"from its median; 0 of {training.n_rows:,} rows of training lay beyond {training.farthest[worst]:,.1f}"
            + (f"; {more} more features lie so far out" if more else ""),
        )
    absent = np.isnan(row) & (training.n_missing == 0)
    if absent.any():
        missing = [names[place] for place in np.flatnonzero(absent).tolist()]
        yield Finding(
            "range",
            f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''} cannot be computed, which 0 of "
            f"{training.n_rows:,} rows of training lacked",
        )


def find_oddities(bars: Bars, training: TrainingBars | None) -> Iterator[Finding]:
    """Find what is unlike training in the bars of a decision.

    Parameters
    ----------
    training : of the series; None where the artifact does not have it: then only what shows by itself.
    """
    if len(bars) >= _FEWEST_TO_STAND_STILL and bars.high[-1] == bars.low[0] and bars.high.max() == bars.low.min():
        span = f"{len(bars)} bars up to {format_time(bars.close_time[-1])}"
        yield Finding("no-trade", f"{bars.symbol} stands at {bars.close[-1]:g} in all {span}")
        return
    if training is None:
        return
    moved = moves(bars)
    row = int(moved.argmax())
    if moved[row] > _FACTOR * training.largest_move:
        yield Finding(
            "move",
            f"{bars.symbol} moves by a factor of {np.exp(min(moved[row], 700.0)):.4g} in the bar that closes at "
            f"{format_time(bars.close_time[row])}, in training by {np.exp(training.largest_move):.4g} at most",
        )
    apart = np.diff(bars.close_time)
    if len(apart) and apart.max() > bars.timeframe.duration:  # seldom
        yield from _find_absences(bars, apart, training)


def _find_absences(bars: Bars, apart: np.ndarray, training: TrainingBars) -> Iterator[Finding]:
    steps = bars.timeframe.steps(bars.close_time)
    row = int(steps.argmax())
    if steps[row] > _FACTOR * training.largest_step and apart[row] > DAY:
        yield Finding(
            "gap",
            f"{bars.symbol} has no bar between {format_time(bars.close_time[row])} and "
            f"{format_time(bars.close_time[row + 1])}, {steps[row] - 1} are absent; in training at most "
            f"{training.largest_step - 1} were",
        )
    usual = float(np.median(steps))
    if usual >= 2 * training.usual_step:
        yield Finding(
            "spacing",
            f"most bars of {bars.symbol} are {usual:g} times {bars.timeframe} apart, in training {training.usual_step}",
        )
