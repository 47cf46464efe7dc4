"""The simulator, which fast-forwards over quiet bars, against one that advances through every bar: the same bytes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from tests.oracles.simulator_cases import COSTS, random_signals, synthetic_case
from tests.oracles.test_simulator_reference import Case, random_case
from tradesieve.market.execution.fill_rule import advance_nb
from tradesieve.market.execution.intrabar import align_finer
from tradesieve.market.execution.order_entry import submit_signal_nb
from tradesieve.market.execution.records import BAR, TRADE, terms_of
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.backtest.simulator import InstanceState, run_signals
from tradesieve.strategies.strategy import Policy

COSTLY = Instrument("X", **COSTS)
POLICIES = ((0, 1), (40, 1), (0, 3))  # bars of cooldown, entries of a position


@njit
def every_bar_nb(bars, finer, rows, signals, terms, policy, position, order, trades):
    n_trades, following = 0, 0
    for row in range(len(bars)):
        n_trades += advance_nb(position, order, bars[row], finer, terms, policy, trades[n_trades:])
        if following < len(rows) and rows[following] == row:
            submit_signal_nb(position, order, signals[following], following, terms, policy)
            following += 1
    return n_trades


def every_bar(case: Case, state: InstanceState) -> np.ndarray:
    bars, aligned = case.bars, align_finer(case.bars, case.finer)
    records = np.zeros(len(bars), BAR)
    for name in ("close_time", "open", "high", "low", "close"):
        records[name] = getattr(bars, name)
    records["untraded"] = (bars.volume == 0.0) & (np.arange(len(bars)) >= state.first_untraded(bars))
    if aligned.n_finer:
        records["first_finer"], records["n_finer"] = aligned.first, aligned.n_finer * (aligned.first >= 0)
    trades = np.zeros(len(case.signals) + 4, TRADE)
    n_trades = every_bar_nb(
        records, aligned.ranges, np.searchsorted(bars.close_time, case.signals.decision_time), case.signals.records,
        terms_of(case.instrument), case.policy.record, *state.records, trades,
    )  # fmt: skip
    return trades[:n_trades]


def assert_same_bytes(case: Case) -> np.ndarray:
    """Hold the trades, and the state after the last bar, to those of an instance advanced through every bar."""
    expected_state, state = InstanceState(), InstanceState()
    expected = every_bar(case, expected_state)
    found = run_signals(case.bars, case.signals, case.instrument, state, policy=case.policy, finer=case.finer)
    assert found.tobytes() == expected.tobytes()
    for name in ("position", "order"):
        assert getattr(state, name).tobytes() == getattr(expected_state, name).tobytes(), name
    return found


@settings(max_examples=800, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 5, 25]))
def test_random_signals_on_random_bars(seed, scale):
    assert_same_bytes(random_case(seed, scale=scale))


@pytest.mark.parametrize("most", [3.0, 30.0])
@pytest.mark.parametrize("share", [0.002, 0.1, 1.0])
def test_every_kind_of_stop_and_policy_at_prices_off_any_grid(share, most):
    bars = synthetic_case(3)
    drawn = random_signals(bars, share=share, most=most, missing=0.3, seed=1)
    reach = np.nan_to_num(np.abs(drawn.target - drawn.stop), nan=5.0)
    kinds = (
        drawn,
        replace(drawn, trail=reach / 2),
        replace(drawn, break_even=reach / 4),
        replace(drawn, max_hold=np.full(len(drawn), 70)),
    )
    policies = [
        Policy(opposite, cooldown=cooldown, max_entries=n) for opposite in (False, True) for cooldown, n in POLICIES
    ]
    for signals, policy in itertools.product(kinds, policies):
        assert len(assert_same_bytes(Case(bars, signals, COSTLY, policy, None)))


def test_positions_last_long_enough_to_fast_forward():
    bars_held = np.concatenate([random_case(seed, scale=25).ours(finer=None)["bars_held"] for seed in range(60)])
    assert (bars_held > 64).sum() > 80
