"""The commands that a refused import proposes: each is taken out of the message, run, and reads the file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from tests.pipelines.command_runs import exit_code
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.pipelines.commands.data import data

NAMES = "time,open,high,low,close,volume"
CHINESE = "日期,开盘,最高,最低,收盘,成交量"
VALUES = "2,3,1,2,5"
MINUTES = pd.date_range("2024-01-02 09:30", periods=40, freq="min")
DAYS = pd.date_range("2024-01-02", periods=9, freq="D")
SPRING = pd.date_range("2024-03-10 00:30", periods=40, freq="30min")
SET_BACK = (
    pd.date_range("2023-11-05 04:00", periods=9, freq="h", tz="UTC").tz_convert("America/New_York").tz_localize(None)
)
AUTUMN = pd.to_datetime(["2023-11-05 01:30", "2023-11-05 03:30", "2023-11-05 04:30"])


def table(times: Sequence[object], header: str = NAMES, *, values: str = VALUES, separator: str = ",") -> str:
    rows = [f"{time},{values}".replace(",", separator) for time in times]
    return "\n".join([*([header.replace(",", separator)] if header else []), *rows]) + "\n"


def with_symbol(text: str, *symbols: str) -> str:
    header, *rows = text.splitlines()
    parts = [[f"{row},{symbol}" for row in rows] for symbol in symbols]
    return "\n".join([f"{header},symbol", *(row for part in parts for row in part)]) + "\n"


# Case: (name of the file, content, options, words that every proposed command holds, how many commands are proposed).
PROPOSALS: dict[str, tuple[str, str | bytes, str, tuple[str, ...], int]] = {
    "no header": ("a.csv", table(MINUTES, ""), "", (f"--columns {NAMES}",), 1),
    "no header, date and time": (
        "a.txt", table(MINUTES.strftime("%Y-%m-%d,%H:%M"), ""), "", (f"--columns date,{NAMES}",), 1,
    ),
    "no header, symbol first": (
        "a.csv", table(MINUTES.strftime("TEST,%Y-%m-%d %H:%M"), ""), "", (f"--columns symbol,{NAMES}",), 1,
    ),
    "no header, date order": (
        "a.csv", table(MINUTES.strftime("%m/%d/%Y,%H:%M"), ""), "", (f"--columns date,{NAMES}", "--date-order"), 2,
    ),
    "no header, wrong timeframe": ("a.csv", table(DAYS, ""), "", (f"--columns {NAMES}", "--timeframe 1d"), 1),
    "Dukascopy": (
        "a.csv", table(MINUTES.strftime("%d.%m.%Y %H:%M:%S.000"), "Gmt time,Open,High,Low,Close,Volume"), "",
        ("--columns 'time=gmt time'",), 1,
    ),
    "words in names": (
        "a.csv", table(MINUTES, "Local time,Bid open,Bid high,Bid low,Bid close,Volume"), "", ("open=bid open",), 1,
    ),
    "letters": ("a.csv", table(MINUTES, "t_stamp,o,h,l,c,v"), "--columns time=t_stamp", ("time=t_stamp,", "c,"), 1),
    "German names and numbers": (
        "a.csv",
        table(
            DAYS.strftime("%d.%m.%Y"), "Datum,Zuletzt,Eröffn.,Hoch,Tief,Vol.",
            values='"2.345,00","2.346,50","2.350,00","2.300,00","6,5K"',
        ),
        "--timeframe 1d", ("--decimal ,", "close=zuletzt"), 1,
    ),
    "a name that is not there": (
        "a.csv", table(MINUTES, "Stamp,Open,High,Low,Last,Volume"), "--columns time=Stamp,close=Close",
        ("time=Stamp,close=Last",), 1,
    ),
    "Chinese names": ("a.csv", table(MINUTES, CHINESE), "", ("time=日期", "close=收盘"), 1),
    "date and time in Chinese": (
        "a.csv", table(MINUTES.strftime("%Y-%m-%d,%H:%M"), CHINESE.replace(",", ",时间,", 1)), "",
        ("time=日期+时间",), 1,
    ),
    "German names": (
        "a.csv", table(MINUTES, "Datum,Eröffnung,Hoch,Tief,Schlusskurs,Volumen", separator=";"), "",
        ("close=schlusskurs",), 1,
    ),
    "Chinese encoding and names": (
        "a.csv", table(MINUTES, CHINESE).encode("gbk"), "", ("--encoding gb", "time=日期"), 1,
    ),
    "another name of volume": ("a.csv", table(MINUTES, f"{NAMES}_usd"), "", ("--columns volume=",), 2),
    "several names of volume": (
        "a.csv", table(MINUTES, f"{NAMES}_btc,volume_usd", values=f"{VALUES},10"), "", ("--columns volume=",), 3,
    ),
    "a letter for the volume": ("a.csv", table(MINUTES, "time,open,high,low,close,v"), "", ("--columns volume=",), 2),
    "decimal comma in some cells": (
        "a.csv", table(MINUTES, values='2,3,1,"2,5",5'), "", ("--decimal ,",), 1,
    ),
    "decimal point where a comma was stated": (
        "a.csv", table(MINUTES, values="2,3,1,2.5,5"), "--decimal ,", ("--decimal .",), 1,
    ),
    "decimal or thousands": (
        "a.csv", table(MINUTES, values='"2,345","2,400","2,300","2,345",5'), "", ("--decimal",), 2,
    ),
    "seconds of the nineties": (
        "a.csv", table([725_846_400 + 60 * row for row in range(40)]), "", ("--time-unit s",), 1,
    ),
    "wrong time unit": (
        "a.csv", table(MINUTES.as_unit("ms").astype("int64")), "--time-unit s", ("--time-unit ms",), 1,
    ),
    "high below low": ("a.csv", table(MINUTES).replace("2,3,1,2,5", "2,0.5,1,2,5", 1), "", ("--bad-rows drop",), 1),
    "negative price": ("a.csv", table(MINUTES).replace("2,3,1,2,5", "2,3,-1,2,5", 1), "", (), 2),
    "a price that is no number": (
        "a.csv", table(MINUTES).replace("2,3,1,2,5", "2,3,low,2,5", 1), "", ("--bad-rows drop",), 1,
    ),
    "a column that holds no numbers": ("a.csv", table(MINUTES, values="2,3,low,2,5"), "", (), 0),
    "time before date": ("a.csv", table(MINUTES.strftime("%H.%M %Y-%m-%d")), "", ("--time-format '%H.%M %Y-",), 1),
    "time of day with points, day or month first": (
        "a.csv", table(MINUTES.strftime("%m/%d/%Y %H.%M")), "", ("--time-format", "%H.%M"), 2,
    ),
    "another time format": (
        "a.csv", table(MINUTES.strftime("%Y%m%d_%H%M")), "--time-format %Y-%m-%d", ("--time-format %Y%m%d_%H%M",), 1,
    ),
    "a time format that is not needed": ("a.csv", table(MINUTES), "--time-format '%d.%m.%Y %H:%M'", (), 2),
    "a time that the clocks skip": (
        "a.csv", table(SPRING), "--timezone America/New_York --timeframe 30m", ("--timezone",), 2,
    ),
    "symbol of the file's name": ("AAPL_1min.csv", table(MINUTES), "--symbol=", ("--symbol AAPL",), 1),
    "another symbol": ("a.csv", with_symbol(table(MINUTES), "AAPL"), "", (), 2),
    "none of several symbols": ("a.csv", with_symbol(table(MINUTES), "AAPL", "MSFT"), "", (), 1),
    "date order": ("a.csv", table(MINUTES.strftime("%m/%d/%Y %I:%M %p")), "", ("--date-order",), 2),
    "date order and months": (
        "a.csv", table(["01/02/2024", "01/04/2024", "01/03/2024"]), "--timeframe 1d", ("--date-order",), 0,
    ),
    "repeated hour": (
        "a.csv", table(AUTUMN), "--timezone America/New_York --timeframe 1h", ("--repeated-hour",), 2,
    ),
    "hours of a clock that is set back": (
        "a.csv", table(SET_BACK).replace(VALUES, "2,3,1,2,6", 2), "--timeframe 1h", ("--timezone America/",), 2,
    ),
    "HistData of a year that was not measured": (
        "a.csv", table(MINUTES.strftime("%Y%m%d %H%M%S"), "", values="2,3,1,2,0", separator=";"), "",
        ("--timezone",), 2,
    ),
    "timeframe": ("a.csv", table(DAYS), "", ("--timeframe 1d",), 1),
}  # fmt: skip


def run(words: Sequence[str]) -> Result:
    return CliRunner().invoke(data, ["import", *words])


@pytest.mark.parametrize("case", PROPOSALS)
def test_every_command_that_is_proposed_reads_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str):
    name, content, options, words, count = PROPOSALS[case]
    path = tmp_path / "my files" / name
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "refused"))
    symbol = [] if options == "--symbol=" else ["--symbol", "TEST"]
    given = shlex.split(options.removeprefix("--symbol="))
    timeframe = [] if "--timeframe" in given else ["--timeframe", "1m"]
    refused = run([str(path), *symbol, *timeframe, *given])
    assert refused.exit_code != 0
    message = str(refused.exception)
    commands = [each for each in message.partition("; import it with: ")[2].split(" or: ") if each]
    assert len(commands) == count, message
    assert not (tmp_path / "refused" / "bars").exists()
    for number, command in enumerate(commands):
        assert all(word in command for word in words), command
        program, group, _, *arguments = shlex.split(command)
        assert (program, group) == ("tradesieve", "data")
        monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / f"home {number}"))
        read = run(arguments)
        assert read.exit_code == 0, (command, read.exception)
        assert BarStore(tmp_path / f"home {number}" / "bars").list()


def test_a_proposed_command_keeps_its_spaces_on_the_command_line(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path))
    path = tmp_path / "two  spaces.csv"
    path.write_text(table(MINUTES, "GMT  time,Open,High,Low,Close,Volume"))
    assert exit_code(monkeypatch, "data", "import", path, "--symbol", "TEST", "--timeframe", "1m") == 2
    _, *arguments = shlex.split(capsys.readouterr().err.partition("; import it with: ")[2])
    assert exit_code(monkeypatch, *arguments) == 0
