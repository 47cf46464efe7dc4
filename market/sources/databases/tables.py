"""Tables of SQL databases, through SQLAlchemy: one row a bar, of any number of markets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import PRICES, Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.sources.databases.connection import Database
from tradesieve.market.sources.formats.frames import TIME_NAMES, Stamps, bars_from_frame
from tradesieve.market.sources.formats.layout import Layout
from tradesieve.market.sources.formats.symbol_column import SYMBOL_COLUMNS
from tradesieve.market.sources.vendors.base import Given
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import Timeframe

if TYPE_CHECKING:
    from sqlalchemy import ColumnClause, Connection, TableClause

CHUNK = 20_000
"""Rows that are held as a driver gives them, before they are put into columns."""
_MANY = 10_000


def read_table(
    database: Database,
    table: str,
    *,
    symbol: str,
    timeframe: Timeframe,
    product: str | None = None,
    stamps: Stamps | None = None,
    price_scale: float | None = None,
    layout: Layout | None = None,
) -> tuple[Bars, tuple[str, ...]]:
    """Read the bars of one market from a table or a view, in chunks and in the order of their times.

    Parameters
    ----------
    table : its name, behind the name of its schema and a point where it needs one.
    symbol, timeframe : what is read.
    product : the symbol as the table writes it; None: `symbol`, or the one product of the table that means it.
    stamps : how the table writes time: as timestamps, with a zone or without, as dates, as text, or as whole numbers.
    price_scale : every price is divided by it.
    layout : other names of its columns; by default ``product_id``, ``start``, open, high, low, close and volume.

    Returns
    -------
    The bars, and a sentence for each thing that is worth knowing about them.

    Raises
    ------
    BadInput : if the database cannot be read, the table, a column or the product is not there, or what is in it is
        not understood.
    BadData : if the bars break a law; names the row in the order of time.
    """
    given = Given(timeframe, stamps or Stamps(), price_scale)
    layout, name = layout or Layout(), f"{database.name} {table}"
    symbol = normalise_symbol(symbol)
    with database.connected() as connection:
        schema, table_name = _found_table(connection, table, database.name)
        columns = _columns(connection, schema, table_name, layout, name)
        source = _clause(columns, schema, table_name)
        chosen, notes = _product(connection, source, columns, symbol=symbol, product=product, name=name)
        frame = _rows(connection, source, columns, chosen, name)
    frame = Layout(time_format=layout.time_format).applied(frame, name=name)
    bars = bars_from_frame(
        frame,
        symbol=symbol,
        timeframe=timeframe,
        stamps=given.stamps,
        name=name,
        price_scale=given.price_scale or 1.0,
    )
    return bars, notes


def _found_table(connection: Connection, table: str, name: str) -> tuple[str | None, str]:
    from sqlalchemy import inspect

    inspector = inspect(connection)
    if inspector.has_table(table):
        return None, table
    schema, _, table_name = table.rpartition(".")
    if schema and schema in inspector.get_schema_names() and inspector.has_table(table_name, schema=schema):
        return schema, table_name
    known = [*inspector.get_table_names(), *inspector.get_view_names()]
    raise Unknown(f"table of {name}", table, known)


def _columns(connection: Connection, schema: str | None, table: str, layout: Layout, name: str) -> dict[str, str]:
    """Say which of the table's columns is which of ours."""
    from sqlalchemy import inspect

    found = [column["name"] for column in inspect(connection).get_columns(table, schema=schema)]
    lower = {column.lower(): column for column in reversed(found)}
    columns: dict[str, str] = {}
    for ours in ("time", "close_time", *PRICES, "volume", "symbol"):
        theirs = layout.find(ours, found, name=name)
        if theirs is None and ours not in layout.columns:
            usual: Sequence[str] = {
                "time": () if "close_time" in layout.columns else ("start", *TIME_NAMES),
                "close_time": (),
                "symbol": ("product_id", *SYMBOL_COLUMNS),
            }.get(ours, (ours,))
            theirs = next((lower[known] for known in usual if known in lower), None)
        if theirs is not None:
            columns["close_time" if ours == "time" and theirs.lower() == "close_time" else ours] = theirs
    wanted = ["time"] if not columns.keys() & {"time", "close_time"} else []
    wanted += [ours for ours in (*PRICES, "volume") if ours not in columns and layout.columns.get(ours) != ""]
    if wanted:
        raise BadInput(
            f"{name}: no column {', '.join(wanted)}; found {', '.join(found)}. Say which is which, as in "
            f"--columns {wanted[0]}=NAME"
        )
    return columns


def _clause(columns: dict[str, str], schema: str | None, table: str) -> TableClause:
    import sqlalchemy

    # Columns without a type give what the driver gives: SQLAlchemy would read a date of SQLite in one form only.
    names: list[ColumnClause[Any]] = [sqlalchemy.column(name) for name in dict.fromkeys(columns.values())]
    return sqlalchemy.table(table, *names, schema=schema)


def _product(
    connection: Connection, source: TableClause, columns: dict[str, str], *, symbol: str, product: str | None, name: str
) -> tuple[str | None, tuple[str, ...]]:
    """Find how the table writes the symbol."""
    from sqlalchemy import select

    if "symbol" not in columns:
        if product is not None:
            raise BadInput(f"{name}: no column holds a product: say which with --columns symbol=NAME, not {product!r}")
        return None, ("the table has no column of a product: every row is taken",)
    column = source.c[columns["symbol"]]
    wanted = symbol if product is None else product
    if connection.execute(select(column).where(column == wanted).limit(1)).first() is not None:
        return wanted, ()
    there = [str(value) for (value,) in connection.execute(select(column).distinct().limit(_MANY)) if value is not None]
    meant = sorted(value for value in there if _means(value, symbol)) if product is None else []
    if len(meant) == 1:
        return meant[0], (f"the table writes {meant[0]} for {symbol}",)
    if meant:
        raise BadInput(f"{name}: {', '.join(meant)} all mean {symbol}: choose one with --product")
    raise Unknown(f"product of {name}", wanted, there)


def _means(value: str, symbol: str) -> bool:
    with suppress(BadInput):
        return normalise_symbol(value) == symbol
    return False


def _rows(
    connection: Connection, source: TableClause, columns: dict[str, str], product: str | None, name: str
) -> pd.DataFrame:
    """Read the rows chunk by chunk, each put into compact columns before the next one comes."""
    from sqlalchemy import select

    ours = [column for column in columns if column != "symbol"]
    time = source.c[columns["close_time" if "close_time" in columns else "time"]]
    query = select(*(source.c[columns[column]].label(f"{column}_") for column in ours)).order_by(time)
    if product is not None:
        query = query.where(source.c[columns["symbol"]] == product)
    rows = connection.execution_options(stream_results=True, yield_per=CHUNK).execute(query)
    parts = [_compact(part, ours) for part in rows.partitions()]
    if not parts:
        raise BadInput(f"{name}: the table is empty")
    frame = pd.concat(parts, ignore_index=True)
    return frame if "volume" in frame.columns else frame.assign(volume=0.0)


def _compact(rows: Sequence[Any], columns: list[str]) -> pd.DataFrame:
    compact: dict[str, Any] = {}
    for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
        if column in ("time", "close_time"):
            compact[column] = _times(pd.Series(cells, dtype="object"))
        else:
            # What is no number is left as it is, for whoever names its row.
            try:
                compact[column] = np.array(cells, dtype=np.float64)
            except (ValueError, TypeError):
                compact[column] = pd.Series(cells, dtype="object")
    return pd.DataFrame(compact)


def _times(cells: pd.Series) -> pd.Series:
    kind = pd.api.types.infer_dtype(cells, skipna=True)
    if cells.isna().any():
        return cells
    if kind == "decimal":
        return cells.astype("int64") if all(cell == int(cell) for cell in cells) else cells.astype("float64")
    if kind == "datetime" and cells.map(lambda cell: cell.tzinfo is not None).all():
        return pd.to_datetime(cells, utc=True)
    if kind == "string" and bool(cells.map(lambda cell: re.fullmatch(r"\d{9,}", cell) is not None).all()):
        return cells.astype("int64")
    return cells.infer_objects() if kind != "string" else cells.astype("str")
