"""Bars from a table in memory: a pandas DataFrame, or anything with the Arrow C interface, such as one of polars."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.frames import lower_case_columns
from tradesieve.market.sources.formats.left_out import NO_ROWS
from tradesieve.market.sources.formats.symbol_column import resolve_symbol, symbol_in_columns
from tradesieve.market.sources.formats.table_bars import TableBars, read_bars
from tradesieve.market.sources.formats.timestamps import TIME_NAMES, Stamps, to_nanoseconds
from tradesieve.market.timeframes import DAY, Timeframe, parse_timeframe

_NAME = "the table"


def read_dataframe(
    table: Any,
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    stamp: str | None = None,
    timezone: str | None = None,
    bad_rows: str = "refuse",
) -> Bars:
    """Turn a table into bars, by the rules of a plain file.

    Parameters
    ----------
    table : a pandas DataFrame, or anything with the Arrow C interface.
    symbol, timeframe, stamp, timezone, bad_rows : as in `market.bars.Bars.from_frame`.

    Raises
    ------
    BadInput : if it is no table, its columns or times cannot be read, or the symbol or the timeframe is not known.
    WrongTimeframe : if the bars last another time than `timeframe`.
    BadData : if bars break a law and are not to be left out; names the first five rows.

    Warns
    -----
    UserWarning : if rows are left out; says which.
    """
    frame = lower_case_columns(_as_pandas(table), _NAME)
    stamps = Stamps(stamp, timezone=timezone)
    if symbol is None and symbol_in_columns(frame, _NAME)[1] is None:
        raise BadInput(f"{_NAME} has no column that names its symbol: pass symbol, such as 'BTC-USD'")
    named, _ = resolve_symbol(symbol, frame, path=_NAME, names=("", ""), trust_user=False, market=None)
    read = read_bars(
        frame,
        symbol=named,
        timeframe=_commonest_step(frame, stamps) if timeframe is None else parse_timeframe(timeframe),
        stamps=stamps,
        name=_NAME,
        bad_rows=bad_rows,
    )
    warn_of_rows_left_out(read)
    return read.bars


def warn_of_rows_left_out(read: TableBars) -> None:
    """Warn if rows of a table are not among its bars, in the words of its notes."""
    if read.left_out != NO_ROWS:
        warnings.warn(f"{read.bars.symbol} {read.bars.timeframe}: {'; '.join(read.notes)}", stacklevel=4)


def _as_pandas(table: Any) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table
    if hasattr(table, "__arrow_c_stream__"):
        import pyarrow as pa

        return pa.table(table).to_pandas()
    raise BadInput(
        f"bars are made from a DataFrame or a table with the Arrow C interface, not from {type(table).__name__!r}"
    )


def _commonest_step(frame: pd.DataFrame, stamps: Stamps) -> Timeframe:
    column = next((name for name in TIME_NAMES if name in frame.columns), None)
    steps = np.array([]) if column is None else np.diff(np.unique(to_nanoseconds(frame[column], stamps, name=_NAME)))
    lengths, counts = np.unique(steps, return_counts=True)
    commonest = int(lengths[np.argmax(counts)]) if len(lengths) else 0
    if not 0 < commonest <= DAY:
        raise BadInput(f"{_NAME}: its rows do not tell the timeframe: pass timeframe, such as '5m' or '1w'")
    return Timeframe(commonest)
