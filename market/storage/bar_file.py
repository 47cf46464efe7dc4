"""The file of a series of bars: Parquet, with what the columns do not say in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.session_bars import SessionBars, make_bars
from tradesieve.market.timeframes import Timeframe

_REPAIRS = b"tradesieve.repairs"
"""The metadata key of a Parquet file that holds its repairs."""
_IN_SESSIONS = b"tradesieve.sessions"
"""The metadata key of a Parquet file that holds `SessionBars`: the name of their sessions, or that it is unknown."""
_UNKNOWN_SESSIONS = b"true"
_ALLOW_NEGATIVE = b"tradesieve.allow_negative"
"""The metadata key of a Parquet file whose prices may be at or below zero."""


def read_bars(path: Path, symbol: str, timeframe: Timeframe) -> Bars:
    """Read the bars of a file.

    Raises
    ------
    BadInput : if there is no file, or it cannot be read.
    BadData : if its bars break a law of bars.
    """
    columns, metadata = read_columns(path, symbol, timeframe)
    sessions, allow_negative = _sessions_in(metadata), _ALLOW_NEGATIVE in metadata
    try:
        return make_bars(symbol, timeframe, columns, sessions=sessions, allow_negative=allow_negative)
    except BadData as error:
        raise BadData(
            f"{timeframe} bars are stored that break a law of bars: {error}; see `tradesieve data check --symbols "
            f"{symbol} --timeframe {timeframe}`, then import or resample them again with --replace"
        ) from error


def read_columns(path: Path, symbol: str, timeframe: Timeframe) -> tuple[dict[str, np.ndarray], Mapping[bytes, bytes]]:
    """Return the stored columns and the metadata of the file."""
    try:
        table = pq.read_table(path)
        columns = {name: table[name].to_numpy() for name in COLUMNS}
    except FileNotFoundError:
        raise BadInput(f"{path}: no bars of {symbol} at {timeframe} are stored") from None
    except (pa.ArrowException, KeyError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(f"{path}: the stored bars cannot be read: {reason}; import them again with --replace") from error
    return columns, table.schema.metadata or {}


def _sessions_in(metadata: Mapping[bytes, bytes]) -> str | None:
    """Return the sessions of `SessionBars`, empty where they are unknown; None for bars on the UTC grid."""
    sessions = metadata.get(_IN_SESSIONS)
    return None if sessions is None else sessions.decode() if sessions != _UNKNOWN_SESSIONS else ""


def write_table(path: Path, bars: Bars, repairs: Sequence[dict[str, Any]]) -> None:
    """Write bars and their repairs, see `market.quality.repairs.repair_bars`, into a file."""
    table = pa.table({name: getattr(bars, name) for name in COLUMNS})
    metadata = {_REPAIRS: json.dumps(list(repairs), allow_nan=False).encode()} if repairs else {}
    if isinstance(bars, SessionBars):
        metadata[_IN_SESSIONS] = bars.sessions.encode() or _UNKNOWN_SESSIONS
    if bars.allow_negative:
        metadata[_ALLOW_NEGATIVE] = b"true"
    if metadata:
        table = table.replace_schema_metadata(metadata)
    # Times are a step apart, and hardly a price repeats: without dictionaries, half the time and fewer bytes.
    delta = {"close_time": "DELTA_BINARY_PACKED"}
    pq.write_table(table, path, compression="lz4", use_dictionary=False, column_encoding=delta)


def allows_negative(path: Path) -> bool:
    """Return whether the prices of a file may be at or below zero; False where it cannot be read."""
    return _ALLOW_NEGATIVE in _read_metadata(path)


def _read_metadata(path: Path) -> Mapping[bytes, bytes]:
    try:
        return pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return {}  # reading the bars reports the error


def read_repairs(path: Path) -> tuple[dict[str, Any], ...]:
    """Read the repairs of a file; none where it cannot be read."""
    kept = _read_metadata(path).get(_REPAIRS)
    return tuple(json.loads(kept)) if kept else ()
