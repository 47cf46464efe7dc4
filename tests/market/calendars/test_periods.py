"""Periods are those of pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.calendars.periods import PERIODS, split_periods
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY

TIMES = np.sort(np.random.default_rng(3).integers(-4000 * DAY, 22_000 * DAY, 500))


@pytest.mark.parametrize(
    ("per", "frequency"), [("day", "D"), ("week", "W-SUN"), ("month", "M"), ("quarter", "Q"), ("year", "Y")]
)
def test_periods_are_those_of_pandas(per: str, frequency: str) -> None:
    expected = pd.DatetimeIndex(TIMES).to_period(frequency)
    found = split_periods(TIMES, per=per)
    code, unique = pd.factorize(expected)
    np.testing.assert_array_equal(found.code, code)
    if per in ("day", "week"):
        names = [str(each.start_time.date()) for each in unique]
    else:
        names = [str(each).replace("Q", "-Q") for each in unique]
    assert list(found.names) == names
    assert found.per == per


@pytest.mark.parametrize(
    ("n_days", "per"), [(4, "day"), (30, "day"), (60, "week"), (300, "month"), (900, "quarter"), (3000, "year")]
)
def test_the_longest_of_which_there_are_six_is_taken(n_days: int, per: str) -> None:
    time = np.arange(0, n_days * DAY, DAY // 2)
    assert split_periods(time).per == per


def test_wrong_periods_are_named() -> None:
    with pytest.raises(Unknown, match="did you mean 'month'"):
        split_periods(TIMES, per="monthly")
    with pytest.raises(BadInput, match="no time"):
        split_periods(TIMES[:0])
    assert set(PERIODS) == {"day", "week", "month", "quarter", "year"}
