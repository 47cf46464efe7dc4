"""Kelly sizing: Kelly's fraction from the outcomes of the strategy's own past signals.

Source: Kelly (1956), A New Interpretation of Information Rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.modifiers.base import Modifier
from tradesieve.strategies.modifiers.signal_prices import decision_rows, entry_price, replace_columns
from tradesieve.strategies.signals import Signals


@dataclass(frozen=True)
class Kelly(Modifier):
    """Stake Kelly's fraction, estimated from the strategy's own past signals; drop signals without a positive stake.

    1. Take the signals decided in the `history` bars before the deciding one, whether they were traded or not.
    2. Keep those that reached their target or their stop by then, within their `max_hold` and `leave_at`. A bar that
       touches both counts as a loss. Signals that have reached neither, never filled, or lack a stop or a target do not
       count; other exits (partial targets, trailing stops, break-even) are ignored.
    3. p is the share of these that reached their target; b is the sum of their distances from entry to target divided
       by the sum of those from entry to stop, each as a fraction of its entry.
    4. The stake is `fraction` times (b p - (1 - p)) / b, at most `leverage`. It is the share of the capital that is
       invested, not the smaller share that is risked: full Kelly would divide by the distance to the stop.

    Parameters
    ----------
    fraction : of Kelly's fraction, above 0; one half is common.
    history : bars whose signals are considered, at least 1.
    leverage : the largest stake, above 0.
    least : how many of them must count, at least 1; with fewer the signal is dropped.
    """

    name: ClassVar[str] = "kelly"
    aspect: ClassVar[str] = "size"

    fraction: float = 0.5
    history: int = 2016
    leverage: float = 1.0
    least: int = 10

    def __post_init__(self) -> None:
        self._require(
            fraction=self.fraction > 0, history=self.history >= 1, leverage=self.leverage > 0, least=self.least >= 1
        )

    def lookback(self, timeframe: Timeframe, inner: int) -> int:
        """Count the history, and the bars before it that its first signal needs."""
        return self.history + inner

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the stake."""
        rows, entry = decision_rows(signals, bars), entry_price(signals, bars)
        ended, won = _outcomes_nb(
            bars.close_time, bars.open, bars.high, bars.low, rows, signals.side, signals.limit, signals.trigger,
            signals.stop, signals.target, signals.expiry, signals.max_hold, signals.leave_at,
        )  # fmt: skip
        gain = signals.side * (signals.target - entry) / entry
        loss = signals.side * (entry - signals.stop) / entry
        win_rate, odds = _win_rate_and_odds_nb(rows, ended, won, gain, loss, self.history, self.least)
        stake = np.minimum(self.leverage, self.fraction * (odds * win_rate - (1.0 - win_rate)) / odds)
        return replace_columns(signals, bars, kept=stake > 0.0, stake=stake)


_NEVER = np.iinfo(np.int64).max


@njit(cache=True, nogil=True)
def _outcomes_nb(  # type: ignore[no-untyped-def]
    time, open_, high, low, rows, side, limit, trigger, stop, target, expiry, max_hold, leave_at
):
    """Find the bar in which each signal reached its target or its stop, by the rules of `market.execution.fill_rule`.

    Returns
    -------
    ended : int64 (n_signals,), the bar; `_NEVER` for a signal that reached neither.
    won : bool (n_signals,), True where it was the target.
    """
    n = len(rows)
    ended = np.full(n, _NEVER, np.int64)
    won = np.zeros(n, np.bool_)
    for k in range(n):
        if not (np.isnan(stop[k]) or np.isnan(target[k])):
            ended[k], won[k] = _outcome_nb(
                time, open_, high, low, rows[k], side[k], limit[k], trigger[k],
                stop[k], target[k], expiry[k], max_hold[k], leave_at[k],
            )  # fmt: skip
    return ended, won


@njit(cache=True, nogil=True)
def _outcome_nb(  # type: ignore[no-untyped-def]
    time, open_, high, low, row, side, limit, trigger, stop, target, expiry, max_hold, leave_at
):
    waiting = not (np.isnan(limit) and np.isnan(trigger))
    held = 0
    for bar in range(row + 1, len(high)):
        if leave_at > 0 and time[bar] > leave_at:
            break
        best = max(side * high[bar], side * low[bar])
        worst = min(side * high[bar], side * low[bar])
        target_active = True
        if waiting:
            # When a limit order fills within the bar, its best price may have come before the fill.
            target_active = np.isnan(limit) or side * (limit - open_[bar]) >= 0.0
            filled = best >= side * trigger if np.isnan(limit) else target_active or worst < side * limit
            if not filled:
                if bar - row >= expiry:
                    break
                continue
            waiting = False
        held += 1
        if worst <= side * stop:
            return bar, False
        if target_active and best >= side * target:
            return bar, True
        if max_hold > 0 and held >= max_hold:
            break
    return _NEVER, False


@njit(cache=True, nogil=True)
def _win_rate_and_odds_nb(
    rows: np.ndarray,
    ended: np.ndarray,
    won: np.ndarray,
    gain: np.ndarray,
    loss: np.ndarray,
    history: int,
    least: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute p and b at each signal from earlier signals that had ended by then; NaN with fewer than `least`."""
    n = len(rows)
    win_rate, odds = np.full(n, np.nan), np.full(n, np.nan)
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
            win_rate[k] = n_won / n_ended
            odds[k] = total_gain / total_loss
    return win_rate, odds
