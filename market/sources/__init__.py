"""Sources of bars: one file per provider, chosen by what the file is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from market.bars import Bars
from market.errors import BadInput
from market.sources.base import Stamps, bars_from_frame
from market.sources.csv import read_csv
from market.sources.parquet import read_parquet
from market.timeframes import Timeframe

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".csv": read_csv,
    ".txt": read_csv,
}


def read_bars(path: Path, *, symbol: str, timeframe: Timeframe, stamps: Stamps | None = None) -> Bars:
    """Read bars from a file.

    Parameters
    ----------
    path : a Parquet or CSV file; see `market.sources.base` for the columns.
    symbol, timeframe : what the file holds.
    stamps : how the file writes time; by default a column ``close_time`` is the close and any other name the open,
        in UTC, in a unit that is recognised by its size.

    Raises
    ------
    BadInput : if the file is missing, is of an unknown kind, or its columns or times are not understood.
    BadData : if the bars break a law; names the row.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"{path}: files ending in {path.suffix!r} are not read; known: {', '.join(sorted(READERS))}")
    return bars_from_frame(reader(path), symbol=symbol, timeframe=timeframe, stamps=stamps or Stamps(), name=str(path))
