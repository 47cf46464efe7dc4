"""Bars as the client sends them: any table with the columns, times in whole nanoseconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradesieve.market import bars as market_bars
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.serving.sent_bars import COLUMNS, columns_of, followed_by, nanoseconds

NANOSECONDS = 1_700_000_000_123_456_789


def test_the_columns_are_those_of_bars() -> None:
    assert COLUMNS == market_bars.COLUMNS


def test_bars_frames_and_lists_are_the_same(bars_maker: Callable[..., Bars]) -> None:
    bars = bars_maker("BTC-USD")[:5]
    columns = columns_of(bars)
    assert {name: type(column[0]) for name, column in columns.items()} == {
        name: int if name == "close_time" else float for name in COLUMNS
    }
    frame = bars.to_frame()
    assert columns_of(frame) == columns
    assert columns_of({name: frame[name].tolist() for name in COLUMNS}) == columns
    assert columns_of(SimpleNamespace(**columns)) == columns
    assert columns_of(columns | {"close_time": tuple(np.int64(time) for time in columns["close_time"])}) == columns
    assert columns_of(dict.fromkeys(COLUMNS, ())) == {name: [] for name in COLUMNS}


def test_a_column_that_is_missing_is_named(bars_maker: Callable[..., Bars]) -> None:
    frame = bars_maker("BTC-USD")[:5].to_frame()
    for table in (frame.drop(columns="volume"), dict(frame.drop(columns="volume"))):
        with pytest.raises(BadInput, match="the bars have no volume: give close_time, open"):
            columns_of(table)


@pytest.mark.parametrize(
    "time",
    [
        NANOSECONDS,
        np.int64(NANOSECONDS),
        pd.Timestamp(NANOSECONDS, tz="UTC"),
        pd.Timestamp(NANOSECONDS, tz="UTC").tz_convert("Asia/Tokyo"),
    ],
)
def test_a_time_keeps_its_nanoseconds(time: Any) -> None:
    assert nanoseconds(time) == NANOSECONDS


def test_a_datetime_is_read_with_its_zone() -> None:
    time = datetime(2026, 1, 31, 14, 5, 0, 1, tzinfo=UTC)
    assert nanoseconds(time) == 1_769_868_300_000_001_000
    assert nanoseconds(time.astimezone(timezone(timedelta(hours=-5)))) == nanoseconds(time)


@pytest.mark.parametrize("time", [datetime(2026, 1, 31), 1.5, "2026-01-31", None, float("nan")])
def test_what_is_no_time_is_refused(time: Any) -> None:
    with pytest.raises(BadInput, match=r"has no zone|is neither whole nanoseconds"):
        nanoseconds(time)


def test_only_what_is_later_follows(bars_maker: Callable[..., Bars]) -> None:
    bars = bars_maker("BTC-USD")[:9]
    assert followed_by(columns_of(bars[:5]), columns_of(bars[3:])) == columns_of(bars)
    assert followed_by(columns_of(bars[:5]), columns_of(bars[2:5])) == columns_of(bars[:5])
    assert followed_by(columns_of(bars[:0]), columns_of(bars)) == columns_of(bars)
