"""How fast trades are simulated: the kernel against the slow reference of the tests, same signals, same run.

Correct before timed: the reference agrees on a part of the year first.
"""

from __future__ import annotations

import time

from tests.oracles.test_simulator_reference import assert_same, reference_trades
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.backtest.simulator import InstanceState, run_signals, simulate
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.strategy import Policy

YEAR = SyntheticMarket(n_days=365, timeframe=parse_timeframe("1m"), seed=11)
INSTRUMENT = Instrument("BENCH")
RULE = VolatilityBreakout()


def test_a_year_of_minutes() -> None:
    bars, _ = YEAR.generate("BENCH")
    part = bars[:40_000]
    assert_same(
        simulate(RULE, part, INSTRUMENT), reference_trades(RULE.signals(part), part, INSTRUMENT, policy=Policy())
    )

    began = time.perf_counter()
    reference_trades(RULE.signals(part), part, INSTRUMENT, policy=Policy())
    slow = len(part) / (time.perf_counter() - began)

    signals = RULE.signals(bars)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        closed = run_signals(bars, signals, INSTRUMENT, InstanceState(), policy=Policy())
        seconds.append(time.perf_counter() - began)
    fast = len(bars) / min(seconds)
    began = time.perf_counter()
    trades = simulate(RULE, bars, INSTRUMENT)
    whole = len(bars) / (time.perf_counter() - began)
    print(
        f"\n{len(bars):,} bars, {len(signals):,} signals, {len(closed):,} trades: "
        f"kernel {fast / 1e6:.0f} million bars/s, "
        f"with signals and table {whole / 1e6:.1f} million bars/s, reference {slow / 1e6:.2f}; "
        f"the kernel is {fast / slow:,.0f} times as fast"
    )
    assert len(trades) >= len(closed) > 0
