from __future__ import annotations

import datetime
import decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import parse_timeframe

MINUTE = parse_timeframe("1m")
START = 1_700_000_040  # 2023-11-14T22:14:00Z, in seconds
HEADER = "time,open,high,low,close,volume"
ROW = "100,102,99,101,5"


def frame(n: int = 20, **changes: object) -> pd.DataFrame:
    random = np.random.default_rng(0)
    price = np.round(random.uniform(100, 110, n), 2)
    table = pd.DataFrame(
        {
            "time": pd.to_datetime(START + 60 * np.arange(n), unit="s", utc=True),
            "open": price,
            "high": price + 2,
            "low": price - 3,
            "close": price - 1,
            "volume": random.uniform(0, 9, n),
        }
    )
    return table.assign(**changes)


def read(path: Path, text: str | bytes | None = None, *, timeframe: str = "1m", stamps: Stamps | None = None) -> Bars:
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_file(path, symbol="BTC-USD", timeframe=parse_timeframe(timeframe), stamps=stamps)[0]


def rows(*times: object, tail: str = ROW) -> str:
    return "\n".join([HEADER, *(f"{time},{tail}" for time in times)]) + "\n"


def test_parquet_and_csv_of_the_same_table_are_the_same_bars(tmp_path):
    table = frame()
    table.to_parquet(tmp_path / "a.parquet")
    table.to_csv(tmp_path / "a.csv", index=False)
    bars = read(tmp_path / "a.parquet")
    assert read(tmp_path / "a.csv").fingerprint == bars.fingerprint
    assert bars.close_time[0] == (START + 60) * 10**9, "a time stamps the open unless it says otherwise"
    for name in COLUMNS[1:]:
        assert getattr(bars, name).tolist() == table[name].tolist()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(1e-8, 1e9), min_size=1, max_size=30))
def test_prices_written_as_text_come_back_to_the_last_bit(tmp_path_factory, prices):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    lines = [f"{START + 60 * row},{price!r},{price!r},{price!r},{price!r},1" for row, price in enumerate(prices)]
    assert read(path, "\n".join([HEADER, *lines])).close.tolist() == prices


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_csv_separators_cases_quotes_and_extra_columns(tmp_path, separator, start):
    text = f'{start}"Close",Volume, HIGH ,low,Open,Date,note\n101,5,102,99,100,2023-11-14T22:14:00Z,x\n'
    bars = read(tmp_path / "a.csv", text.replace(",", separator))
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]) == (100, 102, 99, 101, 5)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_whole_times_are_recognised_by_their_size(tmp_path, unit, factor, suffix):
    # An odd nanosecond would not survive a passage through floats. Up to a millisecond it would be jitter.
    odd = 2_000_001 if unit == "ns" else 0
    table = frame(time=(START + 60 * np.arange(20)) * factor + odd)
    path = tmp_path / f"a{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    expected = ((START + 60 * np.arange(1, 21)) * 10**9 + odd).tolist()
    assert read(path).close_time.tolist() == expected
    assert read(path, stamps=Stamps(unit=unit)).close_time.tolist() == expected
    other = {"s": "ms", "ms": "us", "us": "ns", "ns": "s"}[unit]
    if unit == "ns":
        with pytest.raises(BadInput, match=r"not a time between 1970 and 2100 in s since 1970; check the time unit"):
            read(path, stamps=Stamps(unit=other))
    else:
        # Read as a smaller unit the steps shrink: the timeframe gives the mistake away.
        with pytest.raises(BadInput, match="check the timeframe"):
            read(path, stamps=Stamps(unit=other))


def test_seconds_with_a_fraction_keep_it(tmp_path):
    bars = read(tmp_path / "a.csv", rows(f"{START}.25", f"{START + 60}.5"))
    assert bars.close_time.tolist() == [(START + 60) * 10**9 + 250_000_000, (START + 120) * 10**9 + 500_000_000]


@pytest.mark.parametrize("time", [0, 20231314, 20231114253000, -START, 3e22, "inf"])
def test_a_number_in_no_known_unit_is_refused(tmp_path, time):
    with pytest.raises(BadInput, match=r"column time holds .*, which is not a time between 2001 and 2100"):
        read(tmp_path / "a.csv", rows(time))


def test_numbers_before_2001_need_their_unit(tmp_path):
    text = rows(86_400, 86_460)
    with pytest.raises(BadInput, match="pass --time-unit"):
        read(tmp_path / "a.csv", text)
    assert read(tmp_path / "a.csv", stamps=Stamps(unit="s")).close_time[0] == 86_460 * 10**9


@pytest.mark.parametrize(
    ("times", "zone"),
    [
        (["2023-11-14 22:14:00", "2023-11-14 22:15:00"], "UTC"),
        (["2023-11-14T22:14:00Z", "2023-11-14T22:15:00Z"], "Asia/Tokyo"),  # its own zone wins
        (["2023-11-14T22:14", "2023-11-14T22:15"], "UTC"),
        (["2023-11-14T17:14:00-05:00", "2023-11-14T17:15:00-0500"], "UTC"),
        (["2023-11-15T07:14:00.000", "2023-11-15T07:15:00"], "Asia/Tokyo"),
        (["2023-11-14 17:14:00", "2023-11-14 17:15:00"], "America/New_York"),
        (["20231114T221400Z", "20231114T221500Z"], "UTC"),
    ],
)
def test_times_as_text_with_a_zone_or_without(tmp_path, times, zone):
    bars = read(tmp_path / "a.csv", rows(*times), stamps=Stamps(timezone=zone))
    assert bars.close_time.tolist() == [(START + 60) * 10**9, (START + 120) * 10**9]


def test_summer_and_winter_offsets_may_stand_in_one_file(tmp_path):
    text = rows("2024-03-10T01:59:00-05:00", "2024-03-10T03:00:00-04:00", "2024-03-10T03:01:00-04:00")
    bars = read(tmp_path / "a.csv", text)
    assert np.diff(bars.close_time).tolist() == [60 * 10**9] * 2
    with pytest.raises(BadInput, match="not a valid time"):
        read(tmp_path / "a.csv", rows("2024-03-10T01:59:00", "2024-03-10T03:00:00-04:00"))


def test_local_times_follow_the_clock_of_their_zone(tmp_path):
    stamps = Stamps(timezone="America/New_York")
    bars = read(tmp_path / "a.csv", rows("2024-03-10T01:59:00", "2024-03-10T03:00:00"), stamps=stamps)
    assert np.diff(bars.close_time).tolist() == [60 * 10**9], "the night the clocks go forward has no gap"
    for never_or_twice in ("2024-03-10T02:30:00", "2024-11-03T01:30:00"):
        with pytest.raises(BadInput, match=r"does not exist in|comes twice in"):
            read(tmp_path / "a.csv", rows(never_or_twice), stamps=stamps)


@pytest.mark.parametrize("time", ["yesterday", "14/13/2023 22:14", "22:14:00", "2023-13-01"])
def test_a_text_that_is_no_time_is_refused_in_one_line(tmp_path, time):
    with pytest.raises(BadInput, match=r"column time holds .*, which is not a valid time") as caught:
        read(tmp_path / "a.csv", rows(time))
    assert "\n" not in str(caught.value)


def test_parquet_times_of_any_resolution_and_dates(tmp_path):
    path = tmp_path / "a.parquet"
    for resolution in ("s", "ms", "us", "ns"):
        frame(time=frame()["time"].dt.as_unit(resolution)).to_parquet(path)
        assert read(path).close_time[0] == (START + 60) * 10**9
    frame(time=frame()["time"].dt.tz_convert(None)).to_parquet(path)
    assert read(path, stamps=Stamps(timezone="Asia/Tokyo")).close_time[0] == (START + 60 - 9 * 3600) * 10**9
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=number) for number in range(20)]
    frame(time=days).to_parquet(path)
    assert read(path, timeframe="1d").close_time[0] == int(pd.Timestamp("2024-01-02").as_unit("ns").value)
    frame(time=np.datetime64("9999-01-01", "us")).to_parquet(path)
    with pytest.raises(BadInput, match="not a valid time"):
        read(path)
    frame(time=[str(START + 60 * row) for row in range(20)]).to_parquet(path)
    with pytest.raises(BadInput, match="not a valid time"):
        read(path)


def test_the_index_may_hold_the_time(tmp_path):
    expected = frame().to_parquet(tmp_path / "a.parquet") or read(tmp_path / "a.parquet").fingerprint
    frame().set_index("time").to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").fingerprint == expected
    frame().set_index(frame()["time"].rename(None)).drop(columns="time").to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").fingerprint == expected
    frame().set_index("time", drop=False).to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").fingerprint == expected


def test_a_close_time_is_a_close_and_a_setting_overrules_the_name(tmp_path):
    table = frame().rename(columns={"time": "close_time"})
    table.to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").close_time[0] == START * 10**9
    assert read(tmp_path / "a.parquet", stamps=Stamps(meaning="open")).close_time[0] == (START + 60) * 10**9
    frame().to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", stamps=Stamps(meaning="close")).close_time[0] == START * 10**9


def test_an_exchange_that_closes_its_bars_a_millisecond_early_is_read_by_its_opens(tmp_path):
    text = "Open_time,open,high,low,close,volume,Close_time\n"
    text += "".join(f"{(START + 60 * row) * 1000},{ROW},{(START + 60 * row + 60) * 1000 - 1}\n" for row in range(3))
    assert read(tmp_path / "a.csv", text).close_time.tolist() == [(START + 60 * row) * 10**9 for row in (1, 2, 3)]


def test_what_a_stamp_can_be():
    with pytest.raises(BadInput, match="'open' or 'close', not 'middle'"):
        Stamps(meaning="middle")
    with pytest.raises(Unknown, match="unknown time unit 'msec': did you mean 'ms'"):
        Stamps(unit="msec")
    for zone in ("Mars/Olympus", "", "../etc/passwd", "EST5EDT4EVER"):
        with pytest.raises(BadInput, match="unknown time zone"):
            Stamps(timezone=zone)


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("when,open,high,low,close,volume", "time"),
        ("when,o,high,low,c,volume", "time, open, close"),
    ],
)
def test_missing_columns_are_named_with_those_found(tmp_path, header, missing):
    with pytest.raises(BadInput, match=rf"no column {missing}; found {header.split(',')[0]}, .*Expected a time column"):
        read(tmp_path / "a.csv", header + "\n" + ",".join("1" * len(header.split(","))))


def test_two_columns_of_one_name_are_refused(tmp_path):
    with pytest.raises(BadInput, match="two columns 'close'"):
        read(tmp_path / "a.csv", f"{HEADER},Close\n{START},{ROW},7\n")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"open": -1.0}, r"BTC-USD: row 0 at .* not positive"),
        ({"volume": -1.0}, r"row 0 .* negative volume"),
        ({"close": np.nan}, r"no row has an open, high, low and close"),
        ({"close": np.inf}, r"row 0 .* missing value"),
        ({"high": 1.0}, r"row 0 .* has a high below its open or close"),
    ],
)
def test_bars_that_break_a_law_are_bad_data(tmp_path, changes, match):
    frame(**changes).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(BadData, match=match):
        read(tmp_path / "a.parquet")


def test_rows_out_of_order_and_twice_are_named(tmp_path):
    with pytest.raises(BadData, match="row 2 at 2023-11-14T22:15:00Z is earlier"):
        read(tmp_path / "a.csv", rows(START, START + 60) + f"{START},100,102,99,101,6\n")
    with pytest.raises(BadData, match="row 1 at 2023-11-14T22:15:00Z has the same time"):
        read(tmp_path / "a.csv", rows(START) + f"{START},100,102,99,101,6\n{START + 60},{ROW}\n")


@pytest.mark.parametrize("cell", ["abc", "1 000", "1,5", "--5", "0x10", "True"])
def test_a_cell_that_is_no_number_is_named_with_its_row(tmp_path, cell):
    text = rows(START).replace(",", ";") + f"{START + 60};100;102;99;{cell};5\n"
    with pytest.raises(BadInput, match=r"row 1 at .* has .* in column close, which is not a number"):
        read(tmp_path / "a.csv", text)


def test_a_bad_cell_far_down_is_named_without_a_warning(tmp_path, recwarn):
    text = rows(*range(START, START + 60 * 200_000, 60)) + f"{START + 60 * 200_000},100,102,99,oops,5\n"
    with pytest.raises(BadInput, match=r"row 200000 at 20.* has 'oops' in column close"):
        read(tmp_path / "a.csv", text)
    assert not recwarn.list


def test_an_empty_cell_is_a_missing_value_or_a_missing_time(tmp_path):
    assert len(read(tmp_path / "a.csv", rows(START) + f"{START + 60},100,102,99,,5\n")) == 1
    with pytest.raises(BadInput, match="the time of row 1 is missing"):
        read(tmp_path / "a.csv", rows(START, "", START + 60))


def test_decimals_of_a_parquet_file_are_numbers(tmp_path):
    frame(open=[decimal.Decimal("105.10")] * 20, high=200.0, low=1.0).to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").open[0] == 105.1


@pytest.mark.parametrize("text", ["", "\n", "\ufeff"])
def test_an_empty_file_is_told(tmp_path, text):
    with pytest.raises(BadInput, match="the file is empty"):
        read(tmp_path / "a.csv", text)


def test_a_table_without_rows_is_told(tmp_path):
    with pytest.raises(BadInput, match="the table is empty"):
        read(tmp_path / "a.csv", HEADER + "\n")
    frame()[:0].to_parquet(tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="the table is empty"):
        read(tmp_path / "a.parquet")


def test_a_parquet_file_cut_short_anywhere_is_told(tmp_path):
    frame(500).to_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for size in (0, 3, 4, 100, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        with pytest.raises(BadInput, match=r"cut.parquet: not valid Parquet") as caught:
            read(tmp_path / "cut.parquet", whole[:size])
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith("copy or download it again")
        assert str(caught.value).count("cut.parquet") == 1
    with pytest.raises(BadInput, match="not valid Parquet"):
        read(tmp_path / "cut.parquet", rows(START))


@pytest.mark.parametrize(
    "text",
    [
        rows(START).encode("utf-16-le"),
        f"{HEADER},note\n{START},{ROW},caf\u00e9\n".encode("latin-1"),
        bytes(range(256)),
        b"https://www.example.com\n" + rows(START).encode(),
        f"{HEADER}\n{START},{ROW},1,2\n{START + 60},{ROW}\n".encode(),
        b"{}",
    ],
    ids=["utf-16 without its mark", "latin-1", "binary", "first line is an address", "ragged", "json"],
)
def test_what_is_no_csv_is_told_in_one_line(tmp_path, text):
    with pytest.raises(BadInput, match=r"a\.csv: ") as caught:
        read(tmp_path / "a.csv", text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("times", [("2023-11-14T22:14:00Z", "2023-11-14T22:15:00Z"), (START, START + 60)])
def test_separators_at_the_ends_of_lines_do_not_shift_the_columns(tmp_path, times):
    with pytest.raises(BadInput, match="more fields than its header"):
        read(tmp_path / "a.csv", rows(*times, tail=ROW + ","))


def test_a_missing_file_and_an_unknown_kind_are_told(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.csv: file not found"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(BadInput, match="is a folder: name its files"):
        read_file(tmp_path, symbol="X", timeframe=MINUTE)
    (tmp_path / "a.xlsx").write_text("x")
    (tmp_path / "a.json").write_text('{"a": 1}')
    with pytest.raises(BadInput, match="JSON in an unknown layout"):
        read(tmp_path / "a.json")
    with pytest.raises(BadInput, match=r"files ending in '\.xlsx' are not supported; use \.csv, \.parquet"):
        read(tmp_path / "a.xlsx")
    assert len(read(tmp_path / "A.CSV", rows(START))) == 1


def test_the_timeframe_given_has_to_be_that_of_the_file(tmp_path):
    path = tmp_path / "a.csv"
    five_minutes = rows(*range(START, START + 300 * 30, 300))
    with pytest.raises(BadInput, match="rows are 5m apart, but the timeframe given is 1m"):
        read(path, five_minutes)
    with pytest.raises(BadInput, match=r"row 1 at .* is 5m after the row before it, less than the timeframe 1h"):
        read(path, five_minutes, timeframe="1h")
    assert len(read(path, five_minutes, timeframe="5m")) == 30
    # Minutes without trades are absent: that is no other timeframe, however many are missing.
    assert len(read(path, rows(*(START + 60 * row * row for row in range(1, 30))))) == 29


def test_a_day_of_23_hours_is_a_day(tmp_path):
    days = pd.date_range("2024-03-01", "2024-03-20", tz="America/New_York")
    text = rows(*(day.isoformat() for day in days))
    bars = read(tmp_path / "a.csv", text, timeframe="1d")
    assert sorted(set(np.diff(bars.close_time) // (3600 * 10**9))) == [23, 24]


def test_real_files_are_read_to_the_last_bit_or_refused_with_their_row(shared_data):
    seconds = {"1h": 3600, "1d": 86400}
    refused = set()
    paths = sorted((shared_data / "dev").glob("*_1[dh]/*.parquet"))
    for path in paths:
        timeframe = path.parent.name.rpartition("_")[2]
        try:
            bars = read(path, timeframe=timeframe)
        except BadData:
            refused.add(path.name.partition("_")[0])
            continue
        table = pd.read_parquet(path)
        assert bars.close.tolist() == table["close"].tolist()
        expected = table["time"].dt.as_unit("ns").astype("int64") + seconds[timeframe] * 10**9
        assert bars.close_time.tolist() == expected.tolist()
    assert len(paths) > 20
    assert refused == {"djia"}, "the one source with opens outside of the day's range"
