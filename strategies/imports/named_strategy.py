"""A strategy that is known by its name only: another program decided its trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class NamedStrategy(Strategy):
    """A strategy without a rule; its trades were imported.

    Parameters
    ----------
    strategy : its name.
    """

    name: ClassVar[str] = "imported"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {}
    strategy: str = ""

    @property
    def id(self) -> str:
        """Its name, as the trades carry it."""
        return self.strategy

    def lookback(self, timeframe: Timeframe) -> int:
        """Return 1: what its decisions read is not known."""
        return 1

    def signals(self, bars: Bars) -> Signals:
        """Refuse to decide.

        Raises
        ------
        BadInput : always.
        """
        raise BadInput(
            f"{self.strategy} is known by its name only, from imported trades: it makes no signals here; its own "
            "program has to decide, and the service answers for it by side and bars"
        )
