"""The simulator, which passes over quiet bars, against one that lives through them all: the same bytes."""

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
from tradesieve.market.execution.fill_rule import accept_nb, advance_nb
from tradesieve.market.execution.intrabar import cover
from tradesieve.market.execution.records import CLOSED, terms_of
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.backtest.simulator import InstanceState, run_signals
from tradesieve.strategies.strategy import Policy

COSTLY = Instrument("X", **COSTS)
POLICIES = ((0, 1), (40, 1), (0, 3))  # bars of cooldown, entries of a position


@njit
def every_bar_nb(
    time, open_, high, low, close, finer_high, finer_low, finer_first, n_finer,
    rows, signals, terms, policy, held, order, plan, wish, closed,
):  # fmt: skip
    n_closed, following = 0, 0
    for bar in range(len(close)):
        covered = n_finer > 0 and finer_first[bar] >= 0
        n_closed += advance_nb(
            held, order, plan, wish, closed[n_closed], closed[n_closed + 1],
            time[bar], open_[bar], high[bar], low[bar], close[bar],
            finer_high, finer_low, finer_first[bar] if covered else 0, n_finer if covered else 0, terms, policy,
        )  # fmt: skip
        if following < len(rows) and rows[following] == bar:
            accept_nb(held, order, plan, wish, following, signals[following], terms, policy)
            following += 1
    return n_closed


def every_bar(case: Case, state: InstanceState) -> np.ndarray:
    bars, covering = case.bars, cover(case.bars, case.finer)
    closed = np.zeros(len(case.signals) + 4, CLOSED)
    n_closed = every_bar_nb(
        bars.close_time, bars.open, bars.high, bars.low, bars.close,
        covering.high, covering.low, covering.first, covering.n_finer,
        np.searchsorted(bars.close_time, case.signals.decision_time), case.signals.records,
        terms_of(case.instrument)[0], case.policy.record[0], *state.records, closed,
    )  # fmt: skip
    return closed[:n_closed]


def assert_same_bytes(case: Case) -> np.ndarray:
    """Hold the trades, and the state after the last bar, to those of a life through every bar."""
    wanted_state, state = InstanceState(), InstanceState()
    wanted = every_bar(case, wanted_state)
    found = run_signals(case.bars, case.signals, case.instrument, state, policy=case.policy, finer=case.finer)
    assert found.tobytes() == wanted.tobytes()
    for name in ("position", "order", "plan", "wish"):
        assert getattr(state, name).tobytes() == getattr(wanted_state, name).tobytes(), name
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
    policies = [Policy(opposite, cooldown=rest, max_entries=n) for opposite in (False, True) for rest, n in POLICIES]
    for signals, policy in itertools.product(kinds, policies):
        assert len(assert_same_bytes(Case(bars, signals, COSTLY, policy, None)))


def test_positions_last_long_enough_to_be_passed_over():
    held = np.concatenate([random_case(seed, scale=25).ours(finer=None)["bars_held"] for seed in range(60)])
    assert (held > 64).sum() > 80
