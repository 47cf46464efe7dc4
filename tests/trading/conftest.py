"""A rule with random signals of every kind, for all that must treat each of them as the simulator does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.trading.scoring_stand_in import Service
from tradesieve.market.bars import Bars
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Policy, Strategy

_CYCLE = 4_999  # bars after which the signals repeat


@dataclass(frozen=True)
class RandomSignals(Strategy):
    """Decide at random, as a function of the time and the close alone: causal, and the same from any window.

    Parameters
    ----------
    seed : of the signals.
    rate : share of the bars at whose close there is a signal.
    """

    name: ClassVar[str] = "random_signals"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {"seed": (0.0,)}

    seed: int = 0
    rate: float = 0.3

    def lookback(self, timeframe: Timeframe) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        random = np.random.default_rng(self.seed)
        at = (bars.close_time // bars.timeframe.duration) % _CYCLE

        def drawn(low: float, high: float, *, missing: float = 0.0) -> np.ndarray:
            values = random.uniform(low, high, _CYCLE)
            values[random.random(_CYCLE) < missing] = np.nan
            return values[at]

        decides = random.random(_CYCLE)[at] < self.rate
        side = random.choice([-1.0, 1.0], _CYCLE)[at]
        near = bars.close * drawn(0.0, 0.004)
        price = bars.close
        stop = price - side * (near + drawn(0.001, 0.01, missing=0.2) * price)
        max_hold = random.integers(0, 12, _CYCLE)[at]
        # A third of the limits lie beyond the market, where they fill at once; so do some of the triggers.
        limit = price - side * drawn(-0.002, 0.004, missing=0.5) * price
        trigger = price + side * drawn(-0.001, 0.004, missing=0.5) * price
        target = price + side * drawn(0.0055, 0.015, missing=0.2) * price
        partial = price + side * drawn(0.0042, 0.0054, missing=0.6) * price
        leave_at = bars.close_time + bars.timeframe.duration * random.integers(1, 20, _CYCLE)[at]
        columns = {
            "decision_time": bars.close_time,
            "side": side,
            "limit": limit,
            "trigger": np.where(np.isnan(limit), trigger, np.nan),
            "stop": stop,
            "target": target,
            "partial_target": partial[:, np.newaxis],
            "partial_share": 0.4,
            "trail": drawn(0.001, 0.01, missing=0.6) * price,
            "break_even": drawn(0.001, 0.006, missing=0.7) * price,
            "leave_at": np.where(random.random(_CYCLE)[at] < 0.2, leave_at, 0),
            "exit_wait": random.integers(0, 3, _CYCLE)[at],
            # Without a stop and a last bar, a position could stay for ever.
            "max_hold": np.where(np.isnan(stop) & (max_hold == 0), 12, max_hold),
            "expiry": random.integers(1, 5, _CYCLE)[at],
            "stake": drawn(0.1, 1.0),
        }
        return make_signals(
            **{name: values[decides] if isinstance(values, np.ndarray) else values for name, values in columns.items()}
        )


@dataclass(frozen=True)
class RandomReversals(RandomSignals):
    """The same signals: opposite ones end a position, others add to it, and a loss starts a cooldown."""

    name: ClassVar[str] = "random_reversals"

    @property
    def policy(self) -> Policy:
        return Policy(exits_on_opposite=True, cooldown=1, max_entries=3)


@pytest.fixture(scope="session")
def random_rule() -> Callable[..., RandomSignals]:
    """A function from a seed, and whether opposite signals end a position, to a rule."""
    return lambda seed, *, reverses, rate=0.3: (RandomReversals if reverses else RandomSignals)(seed, rate)


@pytest.fixture(scope="session")
def short_bars() -> Bars:
    """Six days of 15-minute bars."""
    return SyntheticMarket(n_days=6, timeframe=parse_timeframe("15m")).generate("BTC-USD")[0]


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    started: list[Service] = []

    def start(*arguments: Any) -> Service:
        service = Service(*arguments)
        threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        started.append(service)
        return service

    yield start
    for service in started:
        service.shutdown()
        service.server_close()
