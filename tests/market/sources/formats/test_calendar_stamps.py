"""Weeks and months are read as those of the calendar only where their stamps are its own, or those of a market."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import HOUR, MILLISECOND, MINUTE, SECOND, parse_timeframe


def utc(local: pd.DatetimeIndex, zone: str) -> np.ndarray:
    return local.tz_localize(zone).tz_convert("UTC").as_unit("ns").asi8


def read(folder, time: np.ndarray, timeframe: str, *, zone: str | None, meaning: str = "open") -> Bars:
    columns = {"open": 2.0, "high": 3.0, "low": 1.0, "close": 2.0, "volume": 1.0}
    pd.DataFrame({"time": time, **columns}).to_parquet(folder / "a.parquet")
    stamps = Stamps(meaning, timezone=zone)
    return read_file(folder / "a.parquet", symbol="X", timeframe=parse_timeframe(timeframe), stamps=stamps)[0]


WEEKS, MONTHS = (
    pd.date_range("2022-01-03", periods=60, freq="W-MON"),
    pd.date_range("2019-01-01", periods=60, freq="MS"),
)


@pytest.mark.parametrize(("timeframe", "begins"), [("1w", WEEKS), ("1M", MONTHS)])
@pytest.mark.parametrize("zone", [None, "Australia/Lord_Howe", "Asia/Kolkata", "Europe/London"])
def test_weeks_and_months_of_utc_on_another_clock_are_those_of_utc_or_refused(tmp_path, timeframe, begins, zone):
    opens = utc(begins, "UTC")
    whole = read(tmp_path, opens, timeframe, zone=None)
    for shift in (0, MILLISECOND, -MILLISECOND):
        bars = read(tmp_path, opens + shift, timeframe, zone=zone)
        assert bars.close_time.tolist() == whole.close_time.tolist()
    for shift in (5 * MILLISECOND, 30 * SECOND, MINUTE, -HOUR):
        with pytest.raises(BadInput, match=r"begins at|not at the begin|does not begin"):
            read(tmp_path, opens + shift, timeframe, zone=zone)
        with pytest.raises(BadInput, match=r"ends at|not at the end|does not end"):
            read(tmp_path, opens + shift, timeframe, zone=zone, meaning="close")


def test_a_refusal_names_the_time_of_day_and_proposes_the_zone(tmp_path):
    with pytest.raises(BadInput, match=r"row 0 at .* is 11:00:00.005 in Australia/Lord_Howe: a week begins at 00:00"):
        read(tmp_path, utc(WEEKS, "UTC") + 5 * MILLISECOND, "1w", zone="Australia/Lord_Howe")
    for opened in ("00:00", "09:30"):
        time = utc(WEEKS + pd.Timedelta(f"{opened}:00"), "America/New_York")
        traded = np.isin(WEEKS.strftime("%F"), ["2022-02-07", "2022-03-14", "2022-08-01", "2022-12-05"])
        with pytest.raises(BadInput, match=r"in UTC: a week begins at 00:00.*check --timezone") as caught:
            read(tmp_path, time[traded], "1w", zone=None)
        assert caught.value.proposals == ({"timezone": "America/New_York"},)


@pytest.mark.parametrize("meaning", ["open", "close"])
@pytest.mark.parametrize("timeframe", ["1w", "1M"])
def test_stamps_of_an_exchange_s_sessions_stand_for_weeks_and_months_of_its_clock(tmp_path, meaning, timeframe):
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XNYS", start="2019-01-01", end="2023-12-31")
    times = pd.Series((calendar.closes if meaning == "close" else calendar.opens).to_numpy(), calendar.sessions)
    period = calendar.sessions.to_period("W-SUN" if timeframe == "1w" else "M")
    stamped = times.groupby(period).agg("last" if meaning == "close" else "first")
    time = pd.DatetimeIndex(stamped, tz="UTC").as_unit("ns").asi8
    bars = read(tmp_path, time, timeframe, zone="America/New_York", meaning=meaning)
    local = pd.DatetimeIndex(bars.close_time, tz="UTC").tz_convert("America/New_York")
    assert set(local.strftime("%H:%M")) == {"00:00"}
    assert (bars.close_time >= time).all()
    with pytest.raises(BadInput, match=r"check --timezone"):
        read(tmp_path, time, timeframe, zone="Europe/Athens", meaning=meaning)
