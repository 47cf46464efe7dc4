"""Sizing by the record: Kelly's fraction from how the strategy's own past signals ended.

Source: Kelly (1956), A New Interpretation of Information Rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.modifiers.base import Modifier
from tradesieve.strategies.modifiers.signal_prices import changed, entry_price, rows_of
from tradesieve.strategies.signals import Signals


@dataclass(frozen=True)
class Kelly(Modifier):
    """Ask for Kelly's fraction, from the record of the strategy's own signals; drop a signal that is worth nothing.

    Of the signals in the `history` bars before the deciding one, those count whose target or stop was met by then and
    within their `max_hold` and `leave_at`, were they taken or not. One that met neither yet, was never entered, or
    lacks a target or a stop does not. A bar that touches both is a loss; other exits (parts, trailing stops,
    break-even) are passed over. p is the share of those that met their target, b the sum of the distances from entry
    to target divided by that to the stop, each as a fraction of its entry. The stake is `fraction` of
    (b p - (1 - p)) / b. It is the share of the capital that is put in, not the share that is risked, which is less:
    full Kelly would divide by the distance to the stop.

    Parameters
    ----------
    fraction : of Kelly's fraction, above 0; a half is the usual caution.
    history : bars whose signals are counted, at least 1.
    leverage : the largest stake, above 0.
    least : how many signals must have ended, at least 1; with fewer there is no record and the signal is dropped.
    """

    name: ClassVar[str] = "kelly"
    kind: ClassVar[str] = "size"

    fraction: float = 0.5
    history: int = 2016
    leverage: float = 1.0
    least: int = 10

    def __post_init__(self) -> None:
        self._require(
            fraction=self.fraction > 0, history=self.history >= 1, leverage=self.leverage > 0, least=self.least >= 1
        )

    def lookback(self, timeframe: Timeframe, inner: int) -> int:
        """Count the history, and before it the bars that its first signal needs."""
        return self.history + inner

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the stake."""
        rows, entry = rows_of(signals, bars), entry_price(signals, bars)
        ended, won = _outcomes_nb(
            bars.close_time, bars.open, bars.high, bars.low, rows, signals.side, signals.limit, signals.trigger,
            signals.stop, signals.target, signals.expiry, signals.max_hold, signals.leave_at,
        )  # fmt: skip
        gain = signals.side * (signals.target - entry) / entry
        loss = signals.side * (entry - signals.stop) / entry
        share, odds = _record_nb(rows, ended, won, gain, loss, self.history, self.least)
        stake = np.minimum(self.leverage, self.fraction * (odds * share - (1.0 - share)) / odds)
        return changed(signals, bars, kept=stake > 0.0, stake=stake)


_NEVER = np.iinfo(np.int64).max


@njit(cache=True, nogil=True)
def _outcomes_nb(  # type: ignore[no-untyped-def]
    time, open_, high, low, rows, side, limit, trigger, stop, target, expiry, max_hold, leave_at
):
    """Find the bar at which each signal met its target or its stop, and whether it was the target, as
    `market.execution.fill_rule`.

    Returns
    -------
    int64 bars, the largest number for a signal that met neither, and bool.
    """
    n = len(rows)
    ended = np.full(n, _NEVER, np.int64)
    won = np.zeros(n, np.bool_)
    for k in range(n):
        if np.isnan(stop[k]) or np.isnan(target[k]):
            continue
        waiting = not (np.isnan(limit[k]) and np.isnan(trigger[k]))
        held = 0
        for bar in range(rows[k] + 1, len(high)):
            if leave_at[k] > 0 and time[bar] > leave_at[k]:
                break
            best = max(side[k] * high[bar], side[k] * low[bar])
            worst = min(side[k] * high[bar], side[k] * low[bar])
            target_lives = True
            if waiting:
                if not np.isnan(limit[k]):
                    # Behind a limit order that fills within the bar, the high may have come before.
                    target_lives = side[k] * (limit[k] - open_[bar]) >= 0.0
                    met = target_lives or worst < side[k] * limit[k]
                else:
                    met = best >= side[k] * trigger[k]
                if not met:
                    if bar - rows[k] >= expiry[k]:
                        break
                    continue
                waiting = False
            held += 1
            if worst <= side[k] * stop[k]:
                ended[k] = bar
                break
            if target_lives and best >= side[k] * target[k]:
                ended[k], won[k] = bar, True
                break
            if max_hold[k] > 0 and held >= max_hold[k]:
                break
    return ended, won


@njit(cache=True, nogil=True)
def _record_nb(
    rows: np.ndarray,
    ended: np.ndarray,
    won: np.ndarray,
    gain: np.ndarray,
    loss: np.ndarray,
    history: int,
    least: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Give p and b at each signal, from those before it that had ended by then; NaN where they are too few."""
    n = len(rows)
    share, odds = np.full(n, np.nan), np.full(n, np.nan)
    first = 0
    for k in range(n):
        while rows[first] < rows[k] - history:
            first += 1
        n_ended = n_won = 0
        total_gain = total_loss = 0.0
        for earlier in range(first, k):
            if ended[earlier] <= rows[k]:
                n_ended += 1
                n_won += won[earlier]
                total_gain += gain[earlier]
                total_loss += loss[earlier]
        if n_ended >= least:
            share[k] = n_won / n_ended
            odds[k] = total_gain / total_loss
    return share, odds
