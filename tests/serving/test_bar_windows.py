"""The service's own window: appended in order, never contradicted, never longer than decisions need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.serving.bar_windows import SLACK, BarWindows
from tradesieve.serving.problem_details import Problem


@pytest.fixture(scope="module")
def bars(bars_maker: Callable[..., Bars]) -> Bars:
    return bars_maker("BTC-USD")[:300]


def same(a: Bars, b: Bars) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in COLUMNS)


def test_bars_are_appended_and_old_ones_leave(bars: Bars) -> None:
    windows = BarWindows()
    first = windows.append(bars[:30], lookback=20)
    assert (first.added, first.known, first.dropped) == (20 + SLACK, 0, 2)
    then = windows.append(bars[30:33], lookback=20)
    assert (then.added, then.known, then.dropped) == (3, 0, 0)
    held = windows.get("BTC-USD", "5m")
    assert held is not None
    assert same(held, bars[33 - 20 - SLACK : 33])


def test_repeating_changes_nothing(bars: Bars) -> None:
    windows = BarWindows()
    windows.append(bars[:30], lookback=20)
    again = windows.append(bars[:30], lookback=20)
    assert (again.added, again.known, again.dropped) == (0, 28, 2)
    overlapping = windows.append(bars[25:32], lookback=20)
    assert (overlapping.added, overlapping.known) == (2, 5)


def test_another_value_for_a_held_bar_is_a_conflict(bars: Bars) -> None:
    windows = BarWindows()
    windows.append(bars[:30], lookback=20)
    other = replace(bars[28:31], volume=bars.volume[28:31] + np.array([0.0, 1e-9, 0.0]))
    with pytest.raises(Problem, match="has volume") as caught:
        windows.append(other, lookback=20)
    assert (caught.value.status, caught.value.field) == (409, "bars.volume")
    held = windows.get("BTC-USD", "5m")
    assert held is not None
    assert held.close_time[-1] == bars.close_time[29]  # nothing of a refused request stays


def test_a_late_bar_is_a_conflict(bars: Bars) -> None:
    gapped = Bars("BTC-USD", bars.timeframe, *(np.delete(getattr(bars, name)[:30], 25) for name in COLUMNS))
    windows = BarWindows()
    windows.append(gapped, lookback=20)
    with pytest.raises(Problem, match="came late"):
        windows.append(bars[25:26], lookback=20)
    assert windows.append(bars[:30], lookback=20, replace=True).added == 28


def test_windows_are_apart(bars: Bars, bars_maker: Callable[..., Bars]) -> None:
    windows = BarWindows()
    windows.append(bars[:30], lookback=20)
    assert windows.get("ETH-USD", "5m") is None
    assert windows.get("BTC-USD", "1h") is None
    windows.append(bars_maker("ETH-USD")[:10], lookback=20)
    held = windows.get("BTC-USD", "5m")
    assert held is not None
    assert len(held) == 28


def test_a_window_does_not_hold_on_to_the_history_it_was_cut_from(bars: Bars) -> None:
    windows = BarWindows()
    windows.append(bars, lookback=20)
    held = windows.get("BTC-USD", "5m")
    assert held is not None
    assert held.close.base is None or len(held.close.base) <= 20 + SLACK


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 40)), min_size=1, max_size=12))
def test_however_bars_are_cut_the_window_is_the_end_of_history(bars: Bars, cuts: list[tuple[int, int]]) -> None:
    windows, end = BarWindows(), 0
    for overlap, length in cuts:
        start, end = max(0, end - overlap), min(len(bars), end + length)
        windows.append(bars[start:end], lookback=20)
    held = windows.get("BTC-USD", "5m")
    assert held is not None
    assert same(held, bars[max(0, end - 20 - SLACK) : end])
