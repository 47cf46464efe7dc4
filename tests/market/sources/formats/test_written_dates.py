"""Dates as people write them, and which of day and month comes first."""

from __future__ import annotations

import pandas as pd
import pytest

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.sources.formats.timestamps import Stamps, convert_times

TIMES = pd.date_range("2024-02-10 09:30", periods=40, freq="11h13min", tz="UTC").floor("min")


def convert(texts: list[str], **stamps: str) -> tuple[list[str], tuple[str, ...]]:
    time, _, notes = convert_times(pd.Series(texts, name="date"), Stamps(timezone="UTC", **stamps), name="a.csv")
    return [str(each) for each in pd.to_datetime(time, utc=True).tz_localize(None)], notes


@pytest.mark.parametrize(
    "form",
    [
        "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%d/%m/%Y %H:%M:%S", "%Y/%m/%d %H:%M", "%d-%b-%Y %H:%M",
        "%m-%d-%Y %H:%M", "%b %d, %Y %I:%M %p", "%d.%m.%Y %H:%M:%S.000", "%m/%d/%y %H:%M", "%d.%m.%y %H:%M",
        "%Y.%m.%d %H:%M", "%d.%m.%Y %H:%M:%S.000 GMT+0000", "%Y%m%d %H%M", "%d %B %Y %H:%M",
        "%Y-%m-%d %I:%M:%S %p",
    ],
)  # fmt: skip
def test_dates_are_read_in_any_common_order(form: str):
    assert convert([time.strftime(form) for time in TIMES])[0] == [str(time.tz_localize(None)) for time in TIMES]


@pytest.mark.parametrize(
    "form", ["%b %d, %Y", "%d-%b-%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%-d/%-m/%Y", "%d-%b-%y"]
)
def test_days_are_read_in_any_common_order(form: str):
    days = pd.date_range("2024-05-01", periods=60, freq="D")
    assert convert([day.strftime(form) for day in days])[0] == [str(day) for day in days]


@pytest.mark.parametrize("first", ["12:00 AM", "11:30 PM", "01:05 pm", "9:30 am", "12:00PM"])
def test_the_first_time_may_be_of_any_hour_before_or_after_noon(first: str):
    times = [f"2/13/2024 {first}", f"2/14/2024 {first}"]
    assert convert(times)[0] == [str(pd.Timestamp(time)) for time in times]


@pytest.mark.parametrize(
    ("text", "expected"), [(20240213, "2024-02-13 00:00:00"), (20240213093000, "2024-02-13 09:30:00")]
)
def test_whole_numbers_may_be_dates(text: int, expected: str):
    assert convert([text])[0] == [expected]


def test_the_row_that_settles_the_order_is_named():
    assert convert(["11/02/2024", "12/02/2024", "13/02/2024"]) == (
        ["2024-02-11 00:00:00", "2024-02-12 00:00:00", "2024-02-13 00:00:00"],
        ("dates are day first, as row 2 shows: 13/02/2024",),
    )
    assert convert(["2/11/2024", "2/12/2024", "2/13/2024"])[1] == ("dates are month first, as row 2 shows: 2/13/2024",)


def test_the_order_of_rows_settles_the_order_of_dates():
    times, notes = convert(["11/01/2024", "12/01/2024", "01/02/2024"])
    assert times == ["2024-01-11 00:00:00", "2024-01-12 00:00:00", "2024-02-01 00:00:00"]
    assert notes == ("dates are day first, the only order in which the rows are in order",)


def test_an_order_that_no_row_settles_is_asked_for():
    texts = ["1/2/2024 9:30:00 AM", "1/2/2024 9:31:00 AM", "1/2/2024 12:00:00 PM"]
    with pytest.raises(BadInput) as refused:
        convert(texts)
    assert str(refused.value) == (
        "a.csv: column date holds '1/2/2024 9:30:00 AM', which may be 2024-02-01 (dmy) or 2024-01-02 (mdy), and no row "
        "settles it: pass --date-order dmy or --date-order mdy"
    )
    assert refused.value.proposals == ({"date_order": "dmy"}, {"date_order": "mdy"})
    assert convert(texts, date_order="dmy")[0] == ["2024-02-01 09:30:00", "2024-02-01 09:31:00", "2024-02-01 12:00:00"]
    assert convert(texts, date_order="mdy")[0] == ["2024-01-02 09:30:00", "2024-01-02 09:31:00", "2024-01-02 12:00:00"]


def test_a_short_year_may_come_first():
    with pytest.raises(BadInput, match=r"2001-02-03 \(ymd\)"):
        convert(["01-02-03"])
    assert convert(["01-02-03"], date_order="ymd")[0] == ["2001-02-03 00:00:00"]


def test_the_same_day_and_month_need_no_order():
    assert convert(["02/02/2024 10:00", "02/02/2024 11:00"])[0] == ["2024-02-02 10:00:00", "2024-02-02 11:00:00"]


def test_a_row_that_is_no_date_is_named():
    with pytest.raises(BadInput, match="not a valid time"):
        convert(["11/02/2024", "soon"])
    with pytest.raises(Unknown, match="date order"):
        Stamps(date_order="dym")
