"""What vendors' files say about time: their clocks, rows out of order or written twice, stamps off the grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.market.sources.vendors.vendor_files import BARS, CSV_ROWS, joined, klines, lines, read
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import parse_timeframe


def histdata(year: int) -> str:
    stamps = pd.date_range(f"{year}-01-08 10:00", periods=20, freq="min").append(
        pd.date_range(f"{year}-03-20 10:00", periods=20, freq="min")
    )
    return lines(None, [joined(f"{stamp:%Y%m%d %H%M%S}", 2, 2, 2, 2, 0, separator=";") for stamp in stamps])


@pytest.mark.parametrize(("year", "winter", "summer"), [(2018, 15, 14), (2019, 15, 15)])
def test_the_clock_of_a_year_is_the_one_that_was_measured(tmp_path, year, winter, summer):
    # The 20th of March lies between the dates on which America and Europe change their clocks.
    bars, _ = read(tmp_path / "a.csv", histdata(year))
    opens = pd.to_datetime(bars.open_time, unit="ns")
    assert [opens[0].hour, opens[-1].hour] == [winter, summer]


def test_a_year_that_was_not_measured_needs_its_clock(tmp_path):
    with pytest.raises(BadInput, match=r"files of 2015 was not measured, .*pass --timezone"):
        read(tmp_path / "a.csv", histdata(2015))
    bars, notes = read(tmp_path / "a.csv", histdata(2015), stamps=Stamps(timezone="Etc/GMT+5"))
    assert pd.to_datetime(bars.open_time[0], unit="ns").hour == 15
    assert notes == ("recognised as HistData ASCII", "no row has a volume, so factors of volume are refused")


def test_a_row_that_is_written_twice_is_left_out_once(tmp_path):
    twice = histdata(2018) + histdata(2018).splitlines()[-1]
    bars, notes = read(tmp_path / "a.csv", twice)
    assert len(bars) == 40
    assert notes[1].startswith("dropped 1 rows")
    changed = histdata(2018) + histdata(2018).splitlines()[-1].replace(";2;", ";3;").replace(";2;0", ";3;0")
    with pytest.raises(BadData, match="same time as the row before"):
        read(tmp_path / "a.csv", changed)
    again = klines(10**6, header=True)
    bars, notes = read(tmp_path / "a.csv", again + again.splitlines()[-1])
    assert bars.fingerprint == BARS.fingerprint
    assert notes[-1].startswith(f"left out 1 row repeating an earlier one: row {len(BARS)} at ")


def test_a_table_whose_newest_row_comes_first_is_reversed(tmp_path):
    bars, notes = read(tmp_path / "a.csv", lines("time,open,high,low,close,volume", CSV_ROWS, newest_first=True))
    assert bars.fingerprint == BARS.fingerprint
    assert notes[-1] == "the newest row came first: reversed"
    # The same columns as Alpha Vantage, but no day ends at the end of a session in New York.
    bars, _ = read(tmp_path / "a.csv", lines("timestamp,open,high,low,close,volume", CSV_ROWS, newest_first=True))
    assert bars.fingerprint == BARS.fingerprint


def test_a_table_that_is_partly_out_of_order_is_refused(tmp_path):
    with pytest.raises(BadData, match=r"row 1 .* is earlier"):
        read(tmp_path / "a.csv", klines(10**6, header=False).splitlines()[1] + "\n" + klines(10**6, header=False))


def test_a_bare_date_is_midnight_of_the_zone_that_is_given(tmp_path):
    rows = [f"{day:%Y-%m-%d},2,2,2,2,1" for day in pd.date_range("2024-01-10", periods=20)]
    path, day = tmp_path / "a.csv", parse_timeframe("1d")
    path.write_text(lines("date,open,high,low,close,volume", rows))
    bars = read_file(path, symbol="X", timeframe=day, stamps=Stamps(timezone="America/New_York"))[0]
    assert bars.open_time[0] == pd.Timestamp("2024-01-10", tz="America/New_York").as_unit("ns").value
    bars = read_file(path, symbol="X", timeframe=day)[0]
    assert bars.open_time[0] == pd.Timestamp("2024-01-10", tz="UTC").as_unit("ns").value


@pytest.mark.parametrize("day", ["2024-01-10", "2024-07-10"])
def test_new_york_closes_become_utc_in_winter_and_summer(tmp_path, day):
    stamps = pd.date_range(f"{day} 09:31", f"{day} 16:00", freq="min")
    rows = [joined(stamp, 2, 2, 2, 2, 1) for stamp in stamps]
    bars, notes = read(tmp_path / "a.csv", lines("timestamp,open,high,low,close,volume", rows, newest_first=True))
    assert bars.close_time[-1] == pd.Timestamp(f"{day} 16:00", tz="America/New_York").as_unit("ns").value
    assert "New York" in notes[-1]


def test_first_ticks_are_moved_to_the_grid_only_where_there_is_room(tmp_path):
    def text(*clocks: str) -> str:
        return lines(None, [f"2024.01.{day},{clock},2,2,2,2,1" for day in range(10, 30) for clock in clocks])

    path, hour = tmp_path / "a.csv", parse_timeframe("1h")
    path.write_text(text("20:00", "21:00", "22:05", "23:00"))
    bars, notes = read_file(path, symbol="X", timeframe=hour)
    assert not np.any(bars.close_time % hour.duration)
    assert "20 rows are stamped with their first tick" in notes[1]
    path.write_text(text("20:00", "21:00", "22:00", "22:05", "23:00"))
    with pytest.raises(BadInput, match="less than the timeframe 1h"):
        read_file(path, symbol="X", timeframe=hour)
