"""MetaTrader: exports of versions 4 and 5, in the broker's time zone."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from tradesieve.market.bars import PRICES
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import first_lines, read_head
from tradesieve.market.sources.formats.timestamps import Stamps, parse_times
from tradesieve.market.sources.vendors.base import (
    ReadOptions,
    Vendor,
    VendorTable,
    csv_frame,
    drop_duplicates,
    ensure_sorted,
)
from tradesieve.market.timeframes import HOUR, Timeframe

_COLUMNS = ["date", "time", "open", "high", "low", "close", "volume"]
_OLD_ROW = re.compile(r"\d{4}\.\d\d\.\d\d[,\t]\d\d:\d\d(:\d\d)?[,\t]")
_DAY_ROW = re.compile(r"\d{4}\.\d\d\.\d\d[,\t]\d")
_QUOTED = re.compile(r'"Time\tOpen\tHigh\tLow\tClose\tVolume"', re.IGNORECASE)


def _recognises(head: bytes, name: str) -> bool:
    lines = first_lines(head)
    return bool(lines) and (
        _OLD_ROW.match(lines[0]) is not None
        or _QUOTED.fullmatch(lines[0]) is not None
        or (len(lines) > 1 and _split_header(lines[0]) and _OLD_ROW.match(lines[1]) is not None)
        or (len(lines) > 1 and _day_header(lines[0]) and _DAY_ROW.match(lines[1]) is not None)
    )


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars whose stamps are opens.

    The first bar of a session is stamped with its first tick (22:05 for the hour from 22:00) and is moved to the grid.
    Repeated rows, which the terminal writes when it reloads history, are dropped.
    """
    first = first_lines(read_head(path)[0])[0]
    if _QUOTED.fullmatch(first):
        # A quote character that never occurs keeps the whole line together, its quotes included.
        frame = csv_frame(path, sep="\t", quotechar="\x07", header=None, skiprows=1, names=_COLUMNS[1:])
        frame = frame.assign(
            time=frame["time"].astype("str").str.removeprefix('"'),
            volume=frame["volume"].astype("str").str.removesuffix('"'),
        )
    else:
        frame = _split(path, first)
        time = frame["time"].astype("str").str.slice(0, 5) if "time" in frame.columns else "00:00"
        frame = frame.assign(time=frame["date"].astype("str") + " " + time).drop(columns="date")
    time_format = "%Y.%m.%d %H:%M" if "." in str(frame["time"].iloc[0])[:8] else "%Y-%m-%d %H:%M:%S"
    notes: list[str] = []
    frame = frame.assign(time=parse_times(frame["time"], time_format, name=str(path)))
    frame, left_out = drop_duplicates(frame, notes)
    frame = ensure_sorted(frame, "time", notes)
    frame = _on_grid(frame, options.timeframe, notes)
    frame = frame[["time", *PRICES, "volume"]]
    return VendorTable(frame, Stamps(meaning="open"), tuple(notes), left_out=left_out)


def _split(path: Path, first: str) -> pd.DataFrame:
    separator = "\t" if "\t" in first else ","
    if not (_split_header(first) or _day_header(first)):
        width = len(first.split(separator))
        if width not in (7, 9):
            raise BadInput(f"{path}: the first row has {width} fields; a MetaTrader export has 7 or 9")
        return csv_frame(path, sep=separator, header=None, names=[*_COLUMNS, "real volume", "spread"][:width])
    frame = csv_frame(path, sep=separator).rename(columns=lambda name: str(name).strip("<>"))
    return frame if "volume" in frame.columns else frame.rename(columns={"tickvol": "volume"})


def _split_header(line: str) -> bool:
    return _names(line)[:6] == _COLUMNS[:6]


def _day_header(line: str) -> bool:
    """Tell whether a line names the columns of days, weeks or months, which version 5 writes without a time of day."""
    return line.startswith("<") and _names(line)[:5] == ["date", *PRICES]


def _names(line: str) -> list[str]:
    return [name.strip("<> ") for name in re.split(r"[,\t]", line.lower())]


def _on_grid(frame: pd.DataFrame, timeframe: Timeframe, notes: list[str]) -> pd.DataFrame:
    if timeframe.duration > HOUR:
        return frame  # longer bars begin at the broker's midnight, which is not midnight in UTC
    time = frame["time"].dt.as_unit("ns").astype("int64").to_numpy()
    late = time % timeframe.duration
    moved = time - late
    # Two bars that would move to the same time are of a shorter timeframe: the check of the steps reports them.
    if not late.any() or (np.diff(moved) <= 0).any():
        return frame
    notes.append(f"{int((late > 0).sum())} rows are stamped with their first tick: moved to the grid of {timeframe}")
    return frame.assign(time=pd.to_datetime(moved, unit="ns"))


METATRADER = Vendor("MetaTrader", _recognises, _read)
