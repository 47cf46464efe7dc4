"""How fast trades are simulated, beside vectorbt and backtesting.py: same bars, same signals, same run.

Correct before timed: each engine first makes the same trades as ours. The cases leave out what the engines are known to
do otherwise (see `tests/oracles`): every order pays one fee and no spread, and no signal meets its stop or target in
the bar of its entry, at which vectorbt does not look. Times are seconds of one core, the fastest of several runs,
without compilation.

Our simulator skips bars without a position or a pending order, and passes over quiet bars
(`market.execution.fast_forward`) many at a time: what is left is paid by the signal and by the trade. In the dense
cases there is a signal at nearly every bar and a position is nearly always open; held long, they cost what it takes to
read bars and signals once, held shortly, what the trades cost. SIGNAL records, laid out once for signals, are laid out
before, as vectorbt's arrays are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.oracles.simulator_cases import (
    FixedSignals,
    assert_close,
    chosen,
    our_trades,
    random_signals,
    rows_of_signals,
)
from tests.oracles.test_simulator_backtesting import their_trades
from tests.oracles.test_simulator_vectorbt import in_fractions, trades_of
from tradesieve.market.bars import Bars
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.backtest.simulator import InstanceState, run_signals, simulate
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Policy

FEE = 0.0005
INSTRUMENT = Instrument("X", maker_fee=FEE, taker_fee=FEE, half_spread=0.0, slippage=0.0)
N_COLUMNS = 20
N_BACKTESTING = 20_000
"""Bars for backtesting.py, which takes seconds for what the others do in milliseconds."""


@dataclass(frozen=True)
class Density:
    """How often there is a signal, and how far its exits are, in mean ranges of a bar."""

    name: str
    share: float
    least: float
    most: float


SPARSE = Density("sparse: a signal every 500 bars", 0.002, 3.0, 8.0)
DENSE_LONG = Density("dense: a signal a bar, held long", 1.0, 20.0, 60.0)
DENSE_SHORT = Density("dense: a signal a bar, held shortly", 1.0, 3.0, 8.0)


@cache
def year() -> Bars:
    """Make a year of minutes."""
    return SyntheticMarket(edge=0.0, n_days=365, timeframe=parse_timeframe("1m"), seed=11).generate("X")[0]


def fair_signals(bars: Bars, density: Density, *, seed: int) -> tuple[Signals, np.ndarray, np.ndarray]:
    """Draw signals that every engine treats alike, with their stops and targets as fractions of the entry price."""
    drawn = random_signals(bars, share=density.share, least=density.least, most=density.most, seed=seed)
    entry = rows_of_signals(bars, drawn) + 1
    side = drawn.side
    worst = np.minimum(side * bars.low[entry], side * bars.high[entry])
    best = np.maximum(side * bars.low[entry], side * bars.high[entry])
    close = bars.close[entry - 1]
    beyond_close = (side * (close - drawn.stop) <= 0) | (side * (drawn.target - close) <= 0)
    calm = (worst > side * drawn.stop) & (best < side * drawn.target) & ~beyond_close
    return in_fractions(bars, chosen(drawn, calm))


def vectorbt_run(bars: Bars, told: list[tuple[Signals, np.ndarray, np.ndarray]]) -> Callable[[], Any]:
    """Lay out signals as vectorbt wants them, one column each; return its simulation, ready to be timed."""
    import vectorbt

    shape = (len(bars), len(told))
    entries, short_entries = np.zeros(shape, bool), np.zeros(shape, bool)
    stops, targets = np.full(shape, np.nan), np.full(shape, np.nan)
    for column, (signals, stop, target) in enumerate(told):
        rows = rows_of_signals(bars, signals) + 1
        entries[rows, column] = signals.side > 0
        short_entries[rows, column] = signals.side < 0
        stops[rows, column] = stop
        targets[rows, column] = target
    open_, high, low, close = (price[:, np.newaxis] for price in (bars.open, bars.high, bars.low, bars.close))
    return lambda: vectorbt.Portfolio.from_signals(
        close, entries=entries, short_entries=short_entries, price=open_, open=open_, high=high, low=low,
        sl_stop=stops, tp_stop=targets, stop_entry_price="price", stop_exit_price="stoplimit",
        upon_opposite_entry="ignore", size=1.0, init_cash=1e12, fees=FEE,
    )  # fmt: skip


def fastest(run: Callable[[], Any], *, times: int) -> float:
    """Return the seconds of one core that the fastest of several runs took: whoever else works here does not count."""
    seconds = []
    for _ in range(times):
        began = time.process_time()
        run()
        seconds.append(time.process_time() - began)
    return min(seconds)


def assert_equal_trades(bars: Bars, signals: Signals, stop: np.ndarray, target: np.ndarray) -> tuple[int, float]:
    """Hold both peers to our trades; return how many there are, and the share of bars at which one is open."""
    ours = our_trades(bars, signals, INSTRUMENT)
    closed = ours.exit_reason != "end_of_data"
    theirs = trades_of(vectorbt_run(bars, [(signals, stop, target)])())
    assert theirs.closed.tolist() == closed.tolist()
    for name in ("entry_bar", "exit_bar", "side"):
        assert theirs[name].tolist() == ours[name].tolist(), name
    for name in ("entry_price", "exit_price", "net_return"):
        assert_close(theirs[name][closed], ours[name][closed], what=name)
    part = bars[:N_BACKTESTING]
    early = chosen(signals, rows_of_signals(bars, signals) < len(part) - 1)
    peers = their_trades(part, early, commission=FEE)
    mine = our_trades(part, early, INSTRUMENT)
    mine = mine[mine.exit_reason != "end_of_data"]
    for name in ("entry_bar", "exit_bar", "entry_price", "exit_price", "net_return"):
        assert_close(peers[name], mine[name], what=name)
    return len(ours), float((ours.exit_bar - ours.entry_bar + 1).sum() / len(bars))


@pytest.mark.parametrize("density", [SPARSE, DENSE_LONG, DENSE_SHORT], ids=lambda density: density.name)
def test_bars_per_second(density: Density) -> None:
    bars = year()
    told = [fair_signals(bars, density, seed=seed) for seed in range(N_COLUMNS)]
    signals, stop, target = told[0]
    n_trades, share = assert_equal_trades(bars, signals, stop, target)

    def simulated(given: Signals) -> np.ndarray:
        return run_signals(bars, given, INSTRUMENT, InstanceState(), policy=Policy())

    one = vectorbt_run(bars, told[:1])
    many = vectorbt_run(bars, told)
    n_found = sum(len(simulated(given)) for given, _, _ in told)
    n_theirs = int((many().trades.records["status"] == 1).sum())  # compiles it as well
    assert n_theirs == n_found > 0

    part = bars[:N_BACKTESTING]
    early = chosen(signals, rows_of_signals(bars, signals) < len(part) - 1)
    rates = {
        "ours": len(bars) / fastest(lambda: simulated(signals), times=7),
        "vectorbt": len(bars) / fastest(one, times=5),
        "ours, 20 instances": N_COLUMNS * len(bars) / fastest(lambda: [simulated(w) for w, _, _ in told], times=3),
        "vectorbt, 20 columns": N_COLUMNS * len(bars) / fastest(many, times=3),
        "ours, with the table": len(bars)
        / fastest(lambda: simulate(FixedSignals(fixed=signals), bars, INSTRUMENT), times=5),
        "vectorbt, with records": len(bars) / fastest(lambda: one().trades.records, times=3),
        "backtesting.py": len(part) / fastest(lambda: their_trades(part, early, commission=FEE), times=1),
    }
    print(f"\n{density.name}: {len(bars):,} bars, {len(signals):,} signals, {n_trades:,} trades, open {share:.0%}")
    print(f"{'':24}{'million bars/s':>16}{'ours is faster by':>20}{'goal':>6}")
    goals = {"vectorbt": "100", "vectorbt, 20 columns": "100"}
    rivals = {"vectorbt": "ours", "vectorbt, 20 columns": "ours, 20 instances"}
    rivals |= {"vectorbt, with records": "ours, with the table", "backtesting.py": "ours"}
    for name, rate in rates.items():
        against = f"{rates[rivals[name]] / rate:,.0f}" if name in rivals else ""
        print(f"{name:24}{rate / 1e6:16.2f}{against:>20}{goals.get(name, ''):>6}".rstrip())
