"""Flip: the opposite trade of each signal, simulated with exits and costs of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.strategies.modifiers.base import Modifier
from tradesieve.strategies.modifiers.signal_prices import replace_columns
from tradesieve.strategies.signals import Signals


@dataclass(frozen=True)
class Flip(Modifier):
    """Take the opposite trade of each signal: short where the rule buys, and long where it sells.

    1. Stop and target change places: where the rule would lose, the opposite wins.
    2. A limit order becomes a stop entry at the same price, and a stop entry a limit order.
    3. A distance of a trailing stop or of break-even stays and counts from the side of the opposite trade. Partial
       targets are left out, since no order leaves with a part at a loss. A signal without a target has no stop.

    The opposite does not earn what the trade loses: it pays spread, slippage, fees and carry of its own side, its
    stake follows from its own stop, and a bar that touches stop and target is a loss of both. Beside the strategy
    without it, a filter may take either trade, both or none of them: it takes the opposite where that scores well.
    """

    name: ClassVar[str] = "flip"
    aspect: ClassVar[str] = "side"

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Turn the signals to the other side."""
        absent = np.full_like(signals.partial_target, np.nan)
        return replace_columns(
            signals, bars,
            side=-signals.side, stop=signals.target, target=signals.stop, limit=signals.trigger, trigger=signals.limit,
            partial_target=absent, partial_share=absent,
        )  # fmt: skip
