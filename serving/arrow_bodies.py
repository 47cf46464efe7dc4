"""Bodies of requests as Arrow IPC streams: for windows so long that reading JSON takes longer than deciding.

The stream holds the bars, one column each under the names of `market.bars.COLUMNS`: ``close_time`` as int64 or
timestamp[ns], the rest as float64. The metadata of its schema hold the rest of the request, as JSON, under
``tradesieve``.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from tradesieve.market.bars import COLUMNS
from tradesieve.serving.problem_details import Problem

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
METADATA_KEY = b"tradesieve"


def read_arrow(body: bytes) -> tuple[bytes, dict[str, np.ndarray]]:
    """Read a body.

    Returns
    -------
    The JSON of the request, and its bars: close_time int64, the rest float64, all finite.

    Raises
    ------
    Problem : 400 if the body is no such stream, 415 if pyarrow is not installed here, 422 if a column is missing, of
        another type, or has a value that is null or not finite.
    """
    try:
        import pyarrow
    except ImportError:
        hint = "send JSON, or install pyarrow where the service runs"
        raise Problem(415, "wrong-type", "this service does not read Arrow", hint=hint) from None
    try:
        for message in pyarrow.ipc.MessageReader.open_stream(pyarrow.py_buffer(body)):
            if message.type == "schema":
                continue
            if message.type != "record batch" or _is_compressed(message.metadata.to_pybytes()):
                # A small compressed body may hold more than there is memory.
                raise _malformed("it has a dictionary or is compressed")
        with pyarrow.ipc.open_stream(body) as stream:
            table = stream.read_all()
        table.validate(full=True)
    except (pyarrow.ArrowException, struct.error, OSError, ValueError) as error:
        raise error if isinstance(error, Problem) else _malformed(str(error)[:200]) from error
    request = (table.schema.metadata or {}).get(METADATA_KEY)
    if request is None:
        raise Problem(
            422,
            "invalid-value",
            f"the metadata of the schema have no {METADATA_KEY.decode()}",
            hint="add it: the request as JSON, without the bars",
        )
    return request, {name: _column(table, name) for name in COLUMNS}


def _column(table: Any, name: str) -> np.ndarray:
    if table.schema.names.count(name) != 1:
        raise _refused(name, "is not there once", "send one column for each of " + ", ".join(COLUMNS))
    column = table.column(name)
    allowed = ("int64", "timestamp[ns]", "timestamp[ns, tz=UTC]") if name == "close_time" else ("double",)
    if str(column.type) not in allowed:
        raise _refused(name, f"is {column.type}", f"send it as {allowed[0]}")
    if column.null_count:
        raise _refused(name, f"has {column.null_count} nulls", "send a value for every bar")
    if name == "close_time":
        return column.cast("int64").to_numpy()
    values = column.to_numpy()
    if not np.isfinite(values).all():
        raise _refused(name, f"has {values[~np.isfinite(values)][0]}", "send finite numbers")
    return values


def _malformed(why: str) -> Problem:
    hint = "send one IPC stream of record batches, not compressed, without dictionaries"
    return Problem(400, "malformed-arrow", f"the body is not an Arrow stream: {why}", hint=hint)


def _refused(name: str, what: str, hint: str) -> Problem:
    return Problem(422, "invalid-value", f"bars.{name} {what}", field=f"bars.{name}", hint=hint)


def _is_compressed(metadata: bytes) -> bool:
    """Tell whether a record batch is compressed, from its flatbuffer, since pyarrow only says so by unpacking it."""
    (root,) = struct.unpack_from("<I", metadata, 0)
    header = _field(metadata, root, 2)
    return bool(header) and bool(_field(metadata, header + struct.unpack_from("<I", metadata, header)[0], 3))


def _field(buffer: bytes, table: int, slot: int) -> int:
    """Find where a field of a flatbuffer's table is; 0 if it is absent."""
    vtable = table - struct.unpack_from("<i", buffer, table)[0]
    (size,) = struct.unpack_from("<H", buffer, vtable)
    if 4 + 2 * slot >= size:
        return 0
    (offset,) = struct.unpack_from("<H", buffer, vtable + 4 + 2 * slot)
    return table + offset if offset else 0
