"""Guards: a decision on bars that are nothing like those of training is no decision, and no trade follows from it.

A window is held against what the bars of its series did before the model was trained, see
`models.artifact.training_bars`. The environment variable ``TRADESIEVE_GUARDS`` says what a guard does, as in
``move=warn,gap=pass``; each refuses unless it is named there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY
from tradesieve.models.artifact.training_bars import TrainingBars, moves

GUARDS_VARIABLE = "TRADESIEVE_GUARDS"

GUARDS = {
    "move": "a bar moves three times as far as any bar of training",
    "gap": "bars are absent for more than a day, and three times as long as ever in training",
    "spacing": "most bars lie twice as far apart as those of training",
    "no-trade": "no price of ten bars or more differs from another",
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
