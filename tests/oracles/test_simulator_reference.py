"""The simulator against the slow one of `reference_simulator`."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.reference_simulator import MINUTE, PLAIN, Order, ReferenceSimulator
from tradesieve.market.bars import Bars
from tradesieve.market.execution.records import EXIT_REASONS
from tradesieve.market.instruments import COSTS, Instrument
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.backtest.simulator import InstanceState, close_out, run_signals, simulate
from tradesieve.strategies.rules.opening_range_breakout import OpeningRangeBreakout
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Policy, Strategy
from tradesieve.strategies.trades import check_trades

THREE_MINUTES = parse_timeframe("3m")


@dataclass(frozen=True)
class Replay(Strategy):
    """A rule with fixed signals."""

    name = "replay"
    grid = {}  # noqa: RUF012
    fixed: Signals | None = None
    fixed_policy: Policy = PLAIN

    @property
    def policy(self) -> Policy:
        return self.fixed_policy

    @property
    def id(self) -> str:
        return self.name

    def lookback(self, timeframe: object) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        return self.fixed


def orders_of(signals: Signals) -> dict[int, Order]:
    def price(name: str, row: int) -> float | None:
        value = float(getattr(signals, name)[row])
        return None if np.isnan(value) else value

    def partials(row: int) -> list[tuple[float, float]]:
        both = zip(signals.partial_target[row].tolist(), signals.partial_share[row].tolist(), strict=True)
        return [(target, share) for target, share in both if not np.isnan(target)]

    return {
        int(time): Order(
            decided=int(time),
            side=int(signals.side[row]),
            **{name: price(name, row) for name in ("limit", "trigger", "stop", "target", "trail", "break_even")},
            partials=partials(row),
            max_hold=int(signals.max_hold[row]),
            leave_at=int(signals.leave_at[row]) or None,
            exit_wait=int(signals.exit_wait[row]),
            bars_left=int(signals.expiry[row]),
            stake=float(signals.stake[row]),
        )
        for row, time in enumerate(signals.decision_time)
    }


def rows_of(bars: Bars, finer: Bars | None = None) -> list[tuple]:
    """Write bars as the reference reads them."""
    columns = (bars.close_time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    if finer is None:
        return [(*row, None) for row in rows]
    pieces = {row[0]: row for row in rows_of(finer)}
    step, long = finer.timeframe.duration, bars.timeframe.duration
    covered = []
    for time, open_, high, low, close, volume in rows:
        own = [pieces.get(piece) for piece in range(time - long + step, time + step, step)]
        whole = None not in own and (own[0][1], max(each[2] for each in own), min(each[3] for each in own), own[-1][4])
        settles = whole == (open_, high, low, close)
        covered.append((time, open_, high, low, close, volume, [each[2:4] for each in own] if settles else None))
    return covered


def reference_trades(
    signals: Signals, bars: Bars, instrument: Instrument, *, policy: Policy, finer: Bars | None = None
) -> list[dict]:
    trades = ReferenceSimulator(instrument, policy).run(rows_of(bars, finer), orders_of(signals))
    return sorted(trades, key=lambda trade: trade["decision_time"])


def assert_same(ours: pd.DataFrame | np.ndarray, theirs: list[dict]) -> None:
    """Hold trades to the reference's, trade for trade and column for column."""
    assert len(ours) == len(theirs)
    for name in theirs[0] if theirs else ():
        if name not in (ours.columns if isinstance(ours, pd.DataFrame) else ours.dtype.names):
            continue
        found, expected = np.asarray(ours[name]), np.array([trade[name] for trade in theirs])
        if name == "exit_reason" and found.dtype.kind == "i":
            found = np.array([EXIT_REASONS[int(reason)] for reason in found])
        if found.dtype.kind != "f":
            assert found.tolist() == expected.tolist(), name
            continue
        scale = np.maximum(1.0, np.abs(expected))
        # The risk is a difference of two prices: the closer they are, the fewer of its digits mean anything.
        tolerance = 1e-11 * scale + (1e-12 * scale**2 if name == "r_multiple" else 0.0)
        wrong = ~(np.abs(found - expected) <= tolerance) & ~(np.isnan(found) & np.isnan(expected))
        assert not wrong.any(), (name, found[wrong], expected[wrong])


def assert_same_trades(
    strategy: Strategy, bars: Bars, instrument: Instrument, *, finer: Bars | None = None
) -> pd.DataFrame:
    """Simulate a rule with both, and check the table that ours makes."""
    ours = simulate(strategy, bars, instrument, finer=finer)
    signals, policy = strategy.signals(bars), strategy.policy
    assert_same(ours, reference_trades(signals, bars, instrument, policy=policy, finer=finer))
    check_trades(ours)
    return ours


@dataclass
class Case:
    bars: Bars
    signals: Signals
    instrument: Instrument
    policy: Policy
    finer: Bars | None

    def ours(self, *, finer: Bars | None) -> np.ndarray:
        """Return the trades of the kernel to the end of the data."""
        state = InstanceState()
        closed = run_signals(self.bars, self.signals, self.instrument, state, policy=self.policy, finer=finer)
        return np.concatenate([closed, close_out(self.bars, self.instrument, state)])

    def theirs(self, *, finer: Bars | None) -> list[dict]:
        return reference_trades(self.signals, self.bars, self.instrument, policy=self.policy, finer=finer)


def random_bars(random: np.random.Generator, step: float, scale: int) -> tuple[Bars, Bars]:
    """Draw bars on a coarse grid, where opens, limits, stops and targets often meet, and finer bars of most of them."""
    n, parts = int(random.integers(1, 60 * scale)), 3
    path = 100.0 * scale + step * np.cumsum(random.integers(-2, 3, size=(n * parts, 4)), axis=None).reshape(-1, 4)
    path = np.clip(path, 20.0, None)
    if random.random() < 0.5:
        path[1:, 0] = path[:-1, 3]  # no gaps between bars
    time = MINUTE.duration * np.arange(1, n * parts + 1)
    columns = (path[:, 0], path.max(axis=1), path.min(axis=1), path[:, 3])
    groups = [column.reshape(n, parts) for column in columns]
    kept = random.random(n) < 0.9
    kept[-1] = True
    coarse = [groups[0][:, 0], groups[1].max(axis=1), groups[2].min(axis=1), groups[3][:, -1], np.ones(n)]
    bars = Bars("X", THREE_MINUTES, time[parts - 1 :: parts][kept], *(column[kept] for column in coarse))
    # Now and then a finer bar is missing, or another vendor's, which knows a higher high.
    high = columns[1] + step * (random.random(n * parts) < 0.02)
    some = random.random(n * parts) < 0.97
    finer = Bars(
        "X", MINUTE, time[some], *(each[some] for each in (columns[0], high, *columns[2:], np.ones(n * parts)))
    )
    return bars, finer


def random_case(seed: int, *, scale: int = 1) -> Case:
    """Draw bars, and signals of every kind at some of them; so many times as many, and exits so many times as far."""
    random = np.random.default_rng(seed)
    step = random.choice([0.25, 1.0])
    bars, finer = random_bars(random, step, scale)
    n = len(bars)
    rows = np.flatnonzero(random.random(n) < random.choice([0.1 / scale, 0.4, 1.0]))
    k = len(rows)
    side = random.choice([-1.0, 1.0], k, p=random.choice([0.1, 0.5]) * np.array([1, -1]) + [0, 1])

    def maybe(values: np.ndarray, share: float = 0.6) -> np.ndarray:
        return np.where(random.random(k) < share, values, np.nan)

    close, far = bars.close[rows], step * scale
    near = close + step * random.integers(-2, 3, k)  # stops and targets may lie on the wrong side of the price
    kind = random.random(k)
    stop = maybe(near - side * far * random.integers(1, 8, k))
    target = maybe(near + side * far * random.integers(2, 10, k))
    limit = np.where(kind < 0.35, close + step * random.integers(-4, 4, k), np.nan)
    trigger = np.where(kind > 0.7, close + step * random.integers(-4, 5, k), np.nan)
    bounds = np.stack([side * each for each in (stop, limit, trigger, close - side * 2 * step)])
    floor = np.nanmax(bounds, axis=0)
    partials = floor[:, np.newaxis] + far * np.cumsum(random.integers(1, 3, (k, 3)), axis=1)
    absent = (random.random((k, 3)) < 0.6) | (partials >= np.where(np.isnan(target), 1e9, side * target)[:, np.newaxis])
    absent = np.logical_or.accumulate(absent, axis=1)
    policy = Policy(
        exits_on_opposite=bool(random.random() < 0.4),
        cooldown=int(random.choice([0, 0, 1, 3])),
        max_entries=int(random.choice([1, 1, 2, 4])),
    )
    leave_at = bars.close_time[rows] + THREE_MINUTES.duration * scale * random.integers(1, 12, k)
    signals = make_signals(
        decision_time=bars.close_time[rows],
        side=side,
        limit=limit,
        trigger=trigger,
        stop=stop,
        target=target,
        partial_target=np.where(absent, np.nan, side[:, np.newaxis] * partials),
        partial_share=np.where(absent, np.nan, random.choice([0.1, 0.25, 0.3], (k, 3))),
        trail=maybe(far * random.integers(1, 8, k), 0.3),
        break_even=maybe(far * random.integers(1, 6, k), 0.3),
        max_hold=scale * random.integers(0, 6, k),
        leave_at=np.where(random.random(k) < 0.3, leave_at, 0),
        exit_wait=random.integers(0, 3, k) * (random.random(k) < 0.5),
        expiry=random.integers(1, 4, k),
        stake=random.uniform(0.1, 1.0, k),
    )
    rates = {name: random.uniform(0, 0.01) for name in COSTS if random.random() < 0.6}
    tick = step * random.choice([0.0, 1.0, 2.0])
    ticks = random.uniform(0, 3) if tick else 0.0
    instrument = Instrument("X", **(rates | {"tick": tick, "slippage_ticks": ticks}))
    finer_or_none = finer if random.random() < 0.5 else None
    # Drawn last, so that the cases of a seed differ in nothing else from those without volumes.
    volume = (random.random(n) < random.choice([0.0, 0.3, 0.9, 1.0])).astype(np.float64)
    waits = bool(random.random() < 0.5)
    return Case(
        replace(bars, volume=volume), signals, replace(instrument, fill_without_trades=not waits), policy, finer_or_none
    )


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_signals_on_random_bars(seed):
    case = random_case(seed)
    ours = case.ours(finer=case.finer)
    assert (np.diff(ours["decision_time"]) > 0).all()
    assert_same(ours, case.theirs(finer=case.finer))
    assert ours["tag"].tolist() == np.searchsorted(case.signals.decision_time, ours["decision_time"]).tolist()


@pytest.mark.parametrize("seed", range(40))
def test_the_whole_table_of_random_signals(seed):
    case = random_case(seed)
    rule = Replay(fixed=case.signals, fixed_policy=case.policy)
    assert_same_trades(rule, case.bars, case.instrument, finer=case.finer)


def test_the_random_cases_reach_every_corner():
    reasons, kinds, counts, n_trades, settled, n_untraded = set(), set(), set(), 0, 0, 0
    for seed in range(300):
        case = random_case(seed)
        trades = case.theirs(finer=case.finer)
        for trade in trades:
            row = np.searchsorted(case.signals.decision_time, trade["decision_time"])
            reasons.add((trade["exit_reason"], trade["side"], trade["n_exits"] > 1))
            kind = "limit" if case.signals.limit[row] > 0 else "trigger" if case.signals.trigger[row] > 0 else "market"
            kinds.add((kind, trade["entry_time"] == trade["exit_time"]))
            counts.add((trade["n_entries"], trade["n_exits"]))
            n_trades += 1
            n_untraded += trade["n_untraded_fills"]
        settled += case.finer is not None and trades != case.theirs(finer=None)
    assert reasons == set(itertools.product(EXIT_REASONS.values(), (1, -1), (True, False)))
    assert kinds == {(kind, at_once) for kind in ("limit", "trigger", "market") for at_once in (True, False)}
    assert counts >= {(1, 1), (1, 4), (2, 1), (3, 1), (4, 1), (2, 3)}
    assert n_trades > 1500
    assert n_untraded > 200, "fills in bars without trades"
    assert settled > 20, "cases in which finer bars settled something"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_a_run_in_two_parts_is_a_run_in_one(seed, cut):
    # What lets a bot go on where history ended: the state between two bars is all that matters.
    case = random_case(seed)
    bars, signals = case.bars, case.signals
    whole, parts = InstanceState(), InstanceState()
    expected = run_signals(bars, signals, case.instrument, whole, policy=case.policy, finer=case.finer)
    border = int(np.searchsorted(signals.decision_time, bars.close_time[:cut][-1], side="right")) if cut else 0
    found = []
    for rows, part in ((slice(0, border), bars[:cut]), (slice(border, None), bars[cut:])):
        own = Signals(**{name: getattr(signals, name)[rows] for name in Signals.__dataclass_fields__})
        found.append(run_signals(part, own, case.instrument, parts, policy=case.policy, finer=case.finer))
    joined = np.concatenate(found)
    for name in set(expected.dtype.names or ()) - {"tag"}:
        np.testing.assert_array_equal(joined[name], expected[name])
    for part, record in ((parts.position, whole.position), (parts.order, whole.order)):
        for name in set(record.dtype.names) - {"tag"}:
            assert part[name].tobytes() == record[name].tobytes(), name


@pytest.mark.parametrize(
    "strategy",
    [
        VolatilityBreakout(window=10, multiple=1.0, reward=1.0, max_hold=12),
        OpeningRangeBreakout(opening_minutes=30, session_minute=480),
    ],
    ids=lambda strategy: strategy.name,
)
def test_rules_on_real_bars(strategy, real_bars):
    instrument = Instrument("BTC-USD")
    trades = assert_same_trades(strategy, real_bars, instrument)
    assert len(trades) > 80
    signals = strategy.signals(real_bars)
    trailing = replace(
        signals,
        limit=real_bars.close[np.searchsorted(real_bars.close_time, signals.decision_time)],
        trail=np.abs(signals.target - signals.stop) / 2,
        target=np.full(len(signals), np.nan),
        expiry=np.full(len(signals), 3),
    )
    assert_same_trades(Replay(fixed=trailing, fixed_policy=Policy(exits_on_opposite=True)), real_bars, instrument)
