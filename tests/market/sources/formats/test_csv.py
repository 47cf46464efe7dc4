"""Plain CSV files in the shapes that vendors publish: seeded bars are written, imported, and equal to the bit."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tradesieve.market.bars import VALUES, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.layout import Layout, parse_columns, parse_names
from tradesieve.market.sources.formats.timestamps import READ_AS_UTC, Stamps
from tradesieve.market.sources.reading import read_file
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data import data

MINUTE, DAY = parse_timeframe("1m"), parse_timeframe("1d")
BARS = SyntheticMarket(n_days=1, timeframe=MINUTE).generate("BTC-USD")[0][:900]
OPENS = pd.to_datetime(pd.Series(BARS.open_time))
NEW_YORK = OPENS.dt.tz_localize("UTC").dt.tz_convert("America/New_York")
NAMES = "time,open,high,low,close,volume"


def written(*times: pd.Series, separator: str = ",", header: str | None = None) -> str:
    """Write the bars with their shortest exact numbers, below columns of times."""
    columns = [*(time.astype("str").tolist() for time in times)]
    columns += [[repr(value) for value in getattr(BARS, name).tolist()] for name in VALUES]
    rows = [separator.join(row) for row in zip(*columns, strict=True)]
    return "\n".join([*([header] if header else []), *rows]) + "\n"


def read(path: Path, content: str | bytes, *, columns: str = "", stamps: Stamps | None = None, **layout: str):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    names = parse_names([columns] if columns else [])
    described = Layout({} if names or not columns else parse_columns([columns]), names=names, **layout)  # type: ignore[arg-type]
    bars, notes = read_file(path, symbol="BTC-USD", timeframe=MINUTE, layout=described, stamps=stamps)
    return bars, tuple(note for note in notes if "--stamp close" not in note)  # said wherever the default is used


def same(bars: Bars) -> bool:
    return bars.fingerprint == BARS.fingerprint


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("tail", ["", "7"])
def test_names_by_position_read_a_file_without_a_header(tmp_path, separator, tail):
    """Kraken's OHLCVT (with a count at the end) and FirstRate."""
    text = written(pd.Series(BARS.open_time // 10**9), separator=separator)
    text = text.replace("\n", f"{separator}{tail}\n") if tail else text
    bars, notes = read(tmp_path / "a.csv", text, columns=NAMES)
    assert same(bars)
    assert notes == ()


def test_a_dash_is_a_column_to_ignore(tmp_path):
    text = written(OPENS, OPENS)
    assert same(read(tmp_path / "a.csv", text, columns=f"-,{NAMES}")[0])


@pytest.mark.parametrize(
    ("date", "time", "time_format"),
    [
        ("%m/%d/%Y", "%H:%M", "%m/%d/%Y %H:%M"),  # Kibot
        ("%Y-%m-%d", "%H:%M:%S", None),
        ("%Y%m%d", "%H%M%S", None),  # MetaStock
        ("%Y%m%d", "%H%M", None),
        ("%d.%m.%Y", "%I:%M %p", "%d.%m.%Y %I:%M %p"),
    ],
)
@pytest.mark.parametrize(
    "header",
    [
        None,
        "Date,Time,Open,High,Low,Close,Volume",
        "Tag,Zeit,open,high,low,close,volume",
        "Date , Time,Open,High,Low,Close,Volume",
    ],
)
def test_a_date_and_a_time_of_day_are_joined(tmp_path, date, time, time_format, header):
    text = written(NEW_YORK.dt.strftime(date), NEW_YORK.dt.strftime(time), header=header)
    columns = f"date,{NAMES}" if header is None else "time=Tag+Zeit" if "Tag" in header else ""
    layout = {"time_format": time_format} if time_format else {}
    bars, _ = read(tmp_path / "a.csv", text, columns=columns, stamps=Stamps(timezone="America/New_York"), **layout)
    assert same(bars)


def test_a_time_that_is_no_time_of_day_stands_for_itself(tmp_path):
    text = written(OPENS.dt.strftime("%Y-%m-%d"), OPENS, header=f"date,{NAMES}")
    assert same(read(tmp_path / "a.csv", text)[0])
    text = written(OPENS.dt.strftime("%Y-%m-%d"), pd.Series(BARS.open_time // 10**9), header=f"date,{NAMES}")
    assert same(read(tmp_path / "a.csv", text)[0])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_an_encoding_with_a_mark_is_recognised(tmp_path, encoding):
    bars, notes = read(tmp_path / "a.csv", written(OPENS, header=NAMES).encode(encoding))
    assert same(bars)
    assert notes == (*(("the encoding is UTF-16",) if encoding == "utf-16" else ()), READ_AS_UTC)


@pytest.mark.parametrize("columns", [NAMES, "time=日期,open=开盘,high=最高,low=最低,close=收盘,volume=成交量"])
def test_an_encoding_can_be_given(tmp_path, columns):
    text = written(OPENS, header="日期,开盘,最高,最低,收盘,成交量").encode("gbk")
    assert same(read(tmp_path / "a.csv", text, columns=columns, encoding="gbk")[0])
    with pytest.raises(
        BadInput, match=r"not valid CSV: 'utf-8' codec can't decode .* pass its --encoding, which may be"
    ):
        read(tmp_path / "a.csv", text)
    with pytest.raises(BadInput, match="unknown encoding 'gkb'"):
        Layout(encoding="gkb")


def test_what_names_by_position_can_be(tmp_path):
    for names, said in (
        ("time,open,high,low", "does not name close"),
        ("a,open,high,low,close", "does not name time"),
        (f"{NAMES},open", "names open twice"),
    ):
        with pytest.raises(BadInput, match=said):
            Layout(names=parse_names([names]))
    with pytest.raises(BadInput, match="has 6 columns, but --columns names 7"):
        read(tmp_path / "a.csv", written(OPENS), columns=f"{NAMES},count")
    assert parse_names(["time=a,b"]) == parse_names([]) == ()


@pytest.mark.parametrize("times", [[OPENS], [OPENS.dt.date, OPENS.dt.time], [pd.Series(BARS.open_time // 10**9)]])
@pytest.mark.parametrize("tail", ["", ",7"])
def test_the_refusal_proposes_options_that_read_the_file(tmp_path, monkeypatch, times, tail):
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    (tmp_path / "a.csv").write_text(written(*times).replace("\n", f"{tail}\n"))
    arguments = ["import", str(tmp_path / "a.csv"), "--symbol", "BTC-USD", "--timeframe", "1m"]
    refused = str(CliRunner().invoke(data, arguments).exception)
    proposal = re.search(r"--columns \S+$", refused)
    assert proposal is not None, refused
    shown = CliRunner().invoke(data, [*arguments, *proposal[0].split()])
    assert shown.exit_code == 0, shown.output
    assert f"{len(BARS)}" in shown.output


def test_parquet_may_have_a_date_and_a_time_of_day(tmp_path):
    frame = pd.DataFrame({name: getattr(BARS, name) for name in VALUES}).assign(Date=OPENS.dt.date, Time=OPENS.dt.time)
    frame.to_parquet(tmp_path / "a.parquet")
    assert same(read_file(tmp_path / "a.parquet", symbol="BTC-USD", timeframe=MINUTE)[0])


@pytest.mark.parametrize(
    ("name", "timeframe", "columns", "options", "first"),
    [
        ("kraken_XBTUSD_1.csv", "1m", NAMES, {}, "2024-03-08T14:30"),
        ("firstrate.txt", "1m", NAMES, {}, "2024-03-08T19:30"),
        ("kibot.txt", "1m", f"date,{NAMES}", {"time_format": "%m/%d/%Y %H:%M"}, "2024-03-08T19:30"),
        ("headerless.csv", "1d", NAMES, {}, "2024-03-04T05:00"),
        ("utf16.csv", "1d", "", {}, "2024-03-04T05:00"),
        ("gbk.csv", "1d", NAMES, {"encoding": "gbk"}, "2024-03-04T05:00"),
    ],
)
def test_the_published_shapes_are_read(shared_data, name, timeframe, columns, options, first):
    layout = Layout(names=parse_names([columns]), **options)
    path = shared_data / "formats" / name
    stamps = Stamps(timezone="America/New_York")
    bars, _ = read_file(path, symbol="X", timeframe=parse_timeframe(timeframe), layout=layout, stamps=stamps)
    assert bars.open_time[0] == np.datetime64(first, "ns").astype(np.int64)
    assert len(bars) == (60 if timeframe == "1m" else 30)
