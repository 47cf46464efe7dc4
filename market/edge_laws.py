"""Laws of synthetic markets: when a planted edge lets the price drift. To add one, list it in `LAWS`.

Every law is causal: what it plants in a bar follows from earlier bars, the clock, or hidden states that the bars up to
then reveal a little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FOLLOWED_BARS = 24
"""Bars over which a leader's move is measured, and for which the others follow it."""

_RISING_HOURS, _FALLING_HOURS = (6, 12), (12, 18)
_ANNOUNCED_BARS = 48
_BETWEEN_ANNOUNCEMENTS = 96.0
_ANNOUNCING_VOLUME = 5.0
_JUMPS_PER_BAR = 0.005
_JUMP = 5.0


@dataclass(frozen=True, eq=False)
class Draws:
    """What is drawn for the bars of a symbol before a law is applied.

    Parameters
    ----------
    trend : int8 (n_bars,), regimes of a trend up (+1) or down (-1), and of chop (0) between them.
    calm : float64 (n_bars,), the logarithm of volatility over its usual level of that time of day.
    deviation : float64 (n_bars,), the standard deviation of the log return.
    noise : float64 (n_bars, n_steps), standard normal steps within each bar.
    bars_per_day : the first bar opens at midnight.
    leader_move : float64 (n_bars,), the leader's move over the last `FOLLOWED_BARS` bars before each bar, in usual
        moves of so many bars; zeros for the leader itself.
    random : a generator of further draws.
    """

    trend: np.ndarray
    calm: np.ndarray
    deviation: np.ndarray
    noise: np.ndarray
    bars_per_day: int
    leader_move: np.ndarray
    random: np.random.Generator


@dataclass(frozen=True, eq=False)
class Planted:
    """What a law plants in the bars of a symbol.

    Parameters
    ----------
    regime : int8 (n_bars,), the direction in which the price drifts by the edge; 0: it does not.
    reverting : bool (n_bars,), whether it returns to an anchor, which is its price when the regime began.
    jump : float64 (n_bars,), a log return added at the bar's start.
    volume : float64 (n_bars,), the factor of the bar's volume.
    """

    regime: np.ndarray
    reverting: np.ndarray
    jump: np.ndarray
    volume: np.ndarray


def _planted(
    regime: np.ndarray,
    *,
    reverting: np.ndarray | None = None,
    jump: np.ndarray | None = None,
    volume: np.ndarray | None = None,
) -> Planted:
    n = len(regime)
    return Planted(
        regime.astype(np.int8),
        np.zeros(n, np.bool_) if reverting is None else reverting,
        np.zeros(n) if jump is None else jump,
        np.ones(n) if volume is None else volume,
    )


def _trend(draws: Draws) -> Planted:
    """Regimes of trend and of chop alternate: the price drifts in the first and returns to an anchor in the second."""
    return _planted(draws.trend, reverting=draws.trend == 0)


def _volatility(draws: Draws) -> Planted:
    """The price drifts one way while volatility is above its usual level, and else it returns to an anchor."""
    volatile = draws.calm > 0.0
    begins = volatile & ~np.concatenate([[False], volatile[:-1]])
    directions = draws.random.choice([-1, 1], size=np.count_nonzero(begins) + 1)
    return _planted(np.where(volatile, directions[np.cumsum(begins)], 0), reverting=~volatile)


def _hours(draws: Draws) -> Planted:
    """The price drifts up from 06:00 to 12:00 UTC and down from 12:00 to 18:00, every day."""
    hour = np.arange(len(draws.trend)) % draws.bars_per_day * 24.0 / draws.bars_per_day
    rising, falling = ((low <= hour) & (hour < high) for low, high in (_RISING_HOURS, _FALLING_HOURS))
    return _planted(rising.astype(np.int8) - falling.astype(np.int8))


def _one_side(draws: Draws) -> Planted:
    """As `trend`, but where that falls, the price is a martingale."""
    return _planted(np.maximum(draws.trend, 0), reverting=draws.trend == 0)


def _volume(draws: Draws) -> Planted:
    """After a bar of five times the usual volume the price drifts on in that bar's direction for 48 bars."""
    n = len(draws.trend)
    waits = draws.random.geometric(1.0 / _BETWEEN_ANNOUNCEMENTS, size=n // (_ANNOUNCED_BARS + 1) + 1)
    announcing = np.cumsum(waits + _ANNOUNCED_BARS) - _ANNOUNCED_BARS
    announcing = announcing[announcing < n]
    # An announcing bar does not drift itself, so its noise is its move.
    direction = np.sign(draws.noise[announcing].sum(axis=1))
    regime, volume = np.zeros(n), np.ones(n)
    volume[announcing] = _ANNOUNCING_VOLUME
    for first, side in zip(announcing + 1, direction, strict=True):
        regime[first : first + _ANNOUNCED_BARS] = side
    return _planted(regime, volume=volume)


def _jumps(draws: Draws) -> Planted:
    """As `trend`, and in one bar of 200 the price jumps up or down by five standard deviations."""
    n = len(draws.trend)
    jumps = draws.random.random(n) < _JUMPS_PER_BAR
    size = np.where(jumps, _JUMP * draws.deviation, 0.0)
    # Less log(cosh), so that jumps leave the price a martingale.
    jump = draws.random.choice([-1.0, 1.0], size=n) * size - np.log(np.cosh(size))
    return _planted(draws.trend, reverting=draws.trend == 0, jump=jump)


def _leader(draws: Draws) -> Planted:
    """Where the leader, a random walk, has moved by more than usual in 24 bars, the others drift that way."""
    return _planted(np.where(np.abs(draws.leader_move) > 1.0, np.sign(draws.leader_move), 0.0))


def _dying(draws: Draws) -> Planted:
    """As `trend` in the first half of the bars, then a random walk."""
    alive = np.arange(len(draws.trend)) < len(draws.trend) // 2
    return _planted(np.where(alive, draws.trend, 0), reverting=alive & (draws.trend == 0))


def no_edge(n_bars: int) -> Planted:
    """Plant nothing: a random walk."""
    return _planted(np.zeros(n_bars))


LAWS: dict[str, Callable[[Draws], Planted]] = {
    "trend": _trend,
    "volatility": _volatility,
    "hours": _hours,
    "one_side": _one_side,
    "volume": _volume,
    "jumps": _jumps,
    "leader": _leader,
    "dying": _dying,
}
