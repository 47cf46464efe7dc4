"""What followed events: against a loop, an interval that overlapping events do not fool, and a planted edge."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY, HOUR
from tradesieve.strategies.statistics.event_moves import (
    GROUPS,
    LESS,
    MORE,
    OUTCOMES,
    UNTOLD,
    EventBars,
    event_bars,
    event_rates,
)


def followed(bars: Bars, row: int, within: int, move: float) -> list[bool]:
    """Look at the bars after a row, one by one."""
    up = down = first = None
    for after in range(row + 1, row + within + 1):
        is_up = bars.high[after] >= bars.close[row] * (1.0 + move)
        is_down = bars.low[after] <= bars.close[row] * (1.0 - move)
        if first is None and (is_up or is_down):
            first = "both" if is_up and is_down else "up" if is_up else "down"
        up, down = up or is_up, down or is_down
    return [bool(up), bool(down), first == "up", first == "down"]


@pytest.mark.parametrize(("within", "move"), [(1, 0.002), (12, 0.004), (40, 0.001)])
def test_moves_equal_a_loop_over_the_bars_after(market_bars: Bars, within: int, move: float) -> None:
    bars = market_bars[:1200]
    is_event = bars.close < bars.open
    table = event_bars(bars, is_event, n_needed=20, within=within, move=move)
    rows = range(19, len(bars) - within)
    np.testing.assert_array_equal(table.time, bars.close_time[list(rows)])
    np.testing.assert_array_equal(table.is_event, is_event[list(rows)])
    np.testing.assert_array_equal(table.moved, [followed(bars, row, within, move) for row in rows])
    chosen = np.flatnonzero(table.is_episode)
    assert table.is_event[chosen].all()
    assert np.diff(chosen).min() >= within
    # A later bar changes nothing that is counted.
    np.testing.assert_array_equal(
        event_bars(bars[:900], is_event[:900], n_needed=20, within=within, move=move).moved,
        table.moved[: 900 - within - 19],
    )


def clustered(random: np.random.Generator, n: int, stays: float, share: float) -> np.ndarray:
    """Draw a series of True and False that stays as it is for a while."""
    drawn = random.random((2, n))
    found, state = np.zeros(n, np.bool_), bool(random.random() < share)
    for row in range(n):
        if drawn[0, row] > stays:
            state = bool(drawn[1, row] < share)
        found[row] = state
    return found


def made(random: np.random.Generator, *, edge: float = 0.0, n_days: int = 80) -> EventBars:
    """Make hourly bars whose events and moves come in clusters; after events a share of moves is added."""
    n = 24 * n_days
    is_event = clustered(random, n, 0.8, 0.2)
    moved = np.stack([clustered(random, n, 0.8, 0.3) for _ in OUTCOMES], axis=1)
    moved[:, 0] |= is_event & (random.random(n) < edge)
    time = HOUR * np.arange(1, n + 1) + 20_000 * DAY
    states = {name: np.full(n, -1) for name in GROUPS} | {"hour": time % DAY // HOUR}
    return EventBars(time, is_event, is_event, moved, states)


def test_overlapping_events_do_not_fool_the_interval() -> None:
    random, n = np.random.default_rng(5), 60
    n_wrong = n_naive = n_grouped = 0
    for _ in range(n):
        table = made(random)
        rows = event_rates([table], duration=4 * HOUR, seed=1, n_resamples=200)
        overall = rows[0]
        n_wrong += overall["found"] != UNTOLD
        n_grouped += any(row["found"] != UNTOLD for row in rows[len(OUTCOMES) :])
        rate, usual, n_events = overall["rate"], overall["usual"], overall["n_events"]
        n_naive += abs(rate - usual) > 1.96 * np.sqrt(usual * (1 - usual) / n_events)
    assert n_wrong <= 8, "at a level of one in twenty"
    assert n_grouped <= 8, "of all groups together"
    assert n_naive > 9, "as if they were independent, three times the level and more"


def test_a_planted_edge_is_found_where_it_is() -> None:
    tables = [made(np.random.default_rng(seed), edge=0.5) for seed in (1, 2)]
    rows = {(r["group"], r["state"], r["outcome"]): r for r in event_rates(tables, duration=2 * DAY, seed=1)}
    up = rows["all", "all", "up"]
    assert up["found"] == MORE
    assert up["difference_low"] < up["difference"] < up["difference_high"]
    assert up["rate"] == pytest.approx(0.3 + 0.7 * 0.5, abs=0.08)
    assert up["low"] < up["rate"] < up["high"]
    assert rows["all", "all", "down"]["found"] in (UNTOLD, LESS)
    of_hours = [rows["hour", f"{hour:02d}", "up"] for hour in range(24)]
    assert sum(row["n_events"] for row in of_hours) == up["n_events"]
    assert sum(row["n_bars"] for row in of_hours) == up["n_bars"]
    nothing = rows["weekday", "Monday", "up"]
    assert (nothing["n_events"], nothing["rate"], nothing["low"], nothing["found"]) == (0, None, None, UNTOLD)


def test_what_is_no_move_is_refused(market_bars: Bars) -> None:
    bars = market_bars[:50]
    for within, move in ((0, 0.01), (5, 0.0), (5, 1.0)):
        with pytest.raises(BadInput, match="it is between 0 and 1, and takes at least 1 bar"):
            event_bars(bars, bars.close > 0, n_needed=1, within=within, move=move)
    assert len(event_bars(bars, bars.close > 0, n_needed=60, within=5, move=0.01).time) == 0
    assert len(event_bars(bars, bars.close > 0, n_needed=1, within=60, move=0.01).time) == 0
