from __future__ import annotations

import datetime

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from tradesieve.market.calendars.trading_days import ALWAYS, NEW_YORK, WEEKDAYS, exchange_closes, get_calendar
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY


def day(text: str) -> int:
    return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days


@pytest.mark.parametrize(("start", "end"), [("1998-01-01", "2003-12-31"), ("2019-06-01", "2026-03-31")])
def test_new_york_trades_when_exchange_calendars_says_so(start, end):
    ours = NEW_YORK.days(day(start) * DAY, day(end) * DAY + DAY - 1)
    sessions = exchange_calendars.get_calendar("XNYS", start=start, end=end).sessions
    assert ours.tolist() == [day(str(session.date())) for session in sessions]


def test_weekdays_are_those_of_pandas_before_and_after_1970():
    ours = WEEKDAYS.days(day("1968-12-30") * DAY, day("1971-02-03") * DAY)
    assert ours.tolist() == [day(str(each.date())) for each in pd.bdate_range("1968-12-30", "1971-02-03")]


def test_always_is_every_day_both_ends_included():
    assert ALWAYS.days(5 * DAY + 1, 7 * DAY).tolist() == [5, 6, 7]
    assert ALWAYS.days(5 * DAY, 5 * DAY).tolist() == [5]
    assert ALWAYS.days(0, DAY).dtype == np.int64


@pytest.mark.parametrize("calendar", [WEEKDAYS, NEW_YORK])
def test_a_span_without_a_trading_day_is_empty(calendar):
    saturday = day("2024-01-06")
    assert calendar.days(saturday * DAY, (saturday + 1) * DAY).tolist() == []


@pytest.mark.parametrize("calendar", [ALWAYS, WEEKDAYS, NEW_YORK])
def test_time_does_not_go_backwards(calendar):
    with pytest.raises(BadInput, match="before start_time"):
        calendar.days(DAY, DAY - 1)


@pytest.mark.parametrize("calendar", [ALWAYS, WEEKDAYS, NEW_YORK])
def test_days_per_year_is_near_the_average_of_ten_years(calendar):
    days = calendar.days(day("2014-01-01") * DAY, day("2023-12-31") * DAY)
    assert len(days) / 10 == pytest.approx(calendar.days_per_year, rel=0.005)


def test_a_calendar_is_found_by_name_and_a_typo_gets_a_hint():
    assert get_calendar("weekdays") is WEEKDAYS
    with pytest.raises(Unknown, match="did you mean 'weekdays'"):
        get_calendar("weekday")


@pytest.mark.parametrize("name", ["XNYS", "XLON", "XTKS", "CMES"])
def test_closes_are_those_of_exchange_calendars_and_join_at_new_year(name):
    start, end = (int(pd.Timestamp(text, tz="UTC").value) for text in ("2021-12-20T21:00", "2024-01-04T21:00"))
    closes = pd.DatetimeIndex(exchange_calendars.get_calendar(name, start="2021-12-01", end="2024-01-31").closes)
    expected = closes.as_unit("ns").asi8
    ours = exchange_closes(name, start, end)
    assert ours.dtype == np.int64
    assert ours.tolist() == expected[(expected > start) & (expected <= end)].tolist()
    assert exchange_closes(name, start, start).tolist() == []


def test_an_exchange_or_a_time_that_nobody_knows_is_refused():
    with pytest.raises(Unknown, match="unknown calendar 'XNYZ'"):
        exchange_closes("XNYZ", 0, DAY)
    with pytest.raises(BadInput, match=r"calendar XKRX is not known for 2100: .* only recorded to the year 2050"):
        exchange_closes("XKRX", (start := day("2100-01-01") * DAY), start + DAY)


@pytest.mark.parametrize("name", ["CMES", "XLON", "XTKS", "XSAU", "24/7", "forex"])
def test_every_exchange_and_the_forex_week_are_calendars(name):
    calendar = get_calendar(name)
    start, end = day("2022-12-20") * DAY, day("2024-01-10") * DAY
    if name == "forex":
        expected = WEEKDAYS.days(start, end)
    else:
        sessions = exchange_calendars.get_calendar(name, start="2022-12-20", end="2024-01-10").sessions
        expected = [day(str(session.date())) for session in sessions]
    assert calendar.days(start, end).tolist() == list(expected)
    assert calendar.days_per_year == pytest.approx(len(calendar.days(day("2023-01-01") * DAY, end - 10 * DAY)), abs=4)
    assert get_calendar(name) is calendar
