from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.errors import BadData
from tradesieve.strategies.signals import Signals, make_signals

TIMES = np.array([10, 20, 30, 40]) * 60_000_000_000


def signals(**columns: object) -> Signals:
    given = {"side": np.array([1.0, -1.0, 1.0, -1.0]), "stop": np.array([98.0, 102.0, 98.0, 102.0])}
    return make_signals(TIMES, **{**given, "target": np.array([104.0, 96.0, 104.0, 96.0]), **columns})


def with_row(values: list[float], row: int, value: float) -> np.ndarray:
    changed = np.array(values, dtype=np.float64)
    changed[row] = value
    return changed


@pytest.mark.parametrize(
    ("columns", "row", "violation"),
    [
        ({"side": with_row([1, -1, 1, -1], 2, 0.0)}, 2, "side other than"),
        ({"side": with_row([1, -1, 1, -1], 2, 0.5)}, 2, "side other than"),
        ({"side": with_row([1, -1, 1, -1], 2, np.nan)}, 2, "side other than"),
        ({"stake": with_row([1, 1, 1, 1], 1, 0.0)}, 1, "stake that is not above 0"),
        ({"stake": with_row([1, 1, 1, 1], 1, np.nan)}, 1, "stake that is not above 0"),
        ({"stop": with_row([98, 102, 98, 102], 0, 104.0)}, 0, "stop beyond its target"),
        ({"stop": with_row([98, 102, 98, 102], 3, 95.0)}, 3, "stop beyond its target"),
        ({"limit": with_row([99, 101, 99, 101], 3, 0.0)}, 3, "not a positive price"),
        ({"stop": with_row([98, 102, 98, 102], 2, -5.0)}, 2, "not a positive price"),
        ({"target": with_row([104, 96, 104, 96], 2, np.inf)}, 2, "not a positive price"),
        ({"trail": with_row([1, 1, 1, 1], 2, 0.0)}, 2, "trailing distance"),
        ({"expiry": 0}, 0, "less than one bar"),
        ({"max_hold": -1}, 0, "negative max_hold"),
    ],
)
def test_a_violation_names_its_first_row_and_time(columns, row, violation):
    time = f"1970-01-01T00:{10 * (row + 1)}:00Z"
    with pytest.raises(BadData, match=rf"signals: row {row} at {time} .*{violation}"):
        signals(**columns)


@pytest.mark.parametrize("second", [10, 5])
def test_signals_are_in_order_and_at_most_one_a_bar(second):
    times = TIMES.copy()
    times[1] = second * 60_000_000_000
    with pytest.raises(BadData, match=r"row 1 .* not later than the signal before it"):
        make_signals(times, 1.0)


def test_signals_before_1970_are_signals():
    assert len(make_signals(TIMES - 10**18, 1.0)) == 4


def test_columns_have_one_length():
    with pytest.raises(BadData, match=r"signals: stop has shape \(3,\), expected \(4,\)"):
        replace(signals(), stop=np.ones(3))


def test_one_value_serves_every_row_and_nan_means_none():
    made = make_signals(TIMES, -1.0, max_hold=7, expiry=2, stake=0.5)
    assert made.side.tolist() == [-1.0] * 4
    assert made.max_hold.tolist() == [7] * 4
    assert (made.max_hold.dtype, made.expiry.dtype, made.decision_time.dtype) == (np.int64,) * 3
    for name in ("limit", "stop", "target", "trail"):
        assert np.isnan(getattr(made, name)).all()
        assert getattr(made, name).flags.c_contiguous
    assert len(make_signals(TIMES[:0], 1.0)) == 0


def test_a_row_is_found_by_its_time_alone():
    made = signals()
    assert [made.at(int(time)) for time in TIMES] == [0, 1, 2, 3]
    assert [made.at(int(time)) for time in (TIMES[0] - 1, TIMES[1] + 1, TIMES[3] + 1, 0)] == [None] * 4
    assert make_signals(TIMES[:0], 1.0).at(5) is None
