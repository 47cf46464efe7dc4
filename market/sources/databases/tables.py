"""Tables of SQL databases, through SQLAlchemy: one row per bar, of one or many markets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import VALUES
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.sources.databases.connection import Database
from tradesieve.market.sources.formats.layout import FIELDS, Layout
from tradesieve.market.sources.formats.symbol_column import SYMBOL_COLUMNS
from tradesieve.market.sources.formats.table_bars import TableBars, read_bars
from tradesieve.market.sources.formats.timestamps import OPEN_NAMES, TIME_NAMES, Stamps
from tradesieve.market.sources.vendors.base import ReadOptions
from tradesieve.market.symbols import normalise_symbol, symbol_or_none

if TYPE_CHECKING:
    from sqlalchemy import ColumnClause, Connection, TableClause

CHUNK = 20_000
"""Rows that are held as Python objects before they are packed into columns."""
_MAX_PRODUCTS = 10_000


def read_table(
    database: Database,
    table: str,
    *,
    symbol: str,
    options: ReadOptions,
    product: str | None = None,
) -> TableBars:
    """Read the bars of one market from a table or view.

    1. Find the table, its columns, and how it writes the symbol.
    2. Read the rows in chunks, ordered by time.
    3. Convert and check them as the rows of a file are (`formats.table_bars`).

    Parameters
    ----------
    table : its name, or SCHEMA.NAME.
    symbol : of the bars.
    options : how the table is written: timestamps with or without a zone, dates, text or numbers; and the names of its
        columns, by default ``product_id``, ``start``, open, high, low, close and volume.
    product : the symbol as the table writes it; None: `symbol`, or the one product whose normal form it is.

    Raises
    ------
    BadInput : if the database cannot be read, the table, a column or the product is missing, or a value cannot be read.
    WrongTimeframe : if the bars last another time than the timeframe of `options`.
    BadData : if bars break a law and are not to be left out; names the first five rows in the order of time.
    """
    layout, name = options.layout, f"{database.name} {table}"
    symbol = normalise_symbol(symbol)
    with database.connected() as connection:
        schema, table_name = _find_table(connection, table, database.name)
        columns = _find_columns(connection, schema, table_name, layout, name)
        source = _clause(columns, schema, table_name)
        chosen, notes = _find_product(connection, source, columns, symbol=symbol, product=product, name=name)
        frame = _rows(connection, source, columns, chosen, name)
    frame = Layout(time_format=layout.time_format).apply(frame, name=name)
    is_open = columns.get("time", "").lower() in OPEN_NAMES
    stamped = options.stamps.with_defaults(Stamps("open" if is_open else None))
    read = read_bars(
        frame,
        symbol=symbol,
        timeframe=options.timeframe,
        stamps=stamped,
        name=name,
        price_scale=options.price_scale or 1.0,
        bad_rows=options.bad_rows,
        now=options.now,
        allow_negative=options.allow_negative,
    )
    return replace(read, notes=(*notes, *read.notes))


def _find_table(connection: Connection, table: str, name: str) -> tuple[str | None, str]:
    from sqlalchemy import inspect

    inspector = inspect(connection)
    if inspector.has_table(table):
        return None, table
    schema, _, table_name = table.rpartition(".")
    if schema and schema in inspector.get_schema_names() and inspector.has_table(table_name, schema=schema):
        return schema, table_name
    known = [*inspector.get_table_names(), *inspector.get_view_names()]
    raise Unknown(f"table of {name}", table, known)


def _find_columns(connection: Connection, schema: str | None, table: str, layout: Layout, name: str) -> dict[str, str]:
    """Return {field of a bar: the table's column for it}."""
    from sqlalchemy import inspect

    found = [column["name"] for column in inspect(connection).get_columns(table, schema=schema)]
    lower = {column.lower(): column for column in reversed(found)}
    columns: dict[str, str] = {}
    for field in FIELDS:
        column = layout.find(field, found, table=name)
        if column is None and field not in layout.columns:
            usual: Sequence[str] = {
                "time": () if "close_time" in layout.columns else ("start", *TIME_NAMES),
                "close_time": (),
                "symbol": ("product_id", *SYMBOL_COLUMNS),
            }.get(field, (field,))
            column = next((lower[known] for known in usual if known in lower), None)
        if column is not None:
            columns["close_time" if field == "time" and column.lower() == "close_time" else field] = column
    missing = ["time"] if not columns.keys() & {"time", "close_time"} else []
    missing += [field for field in VALUES if field not in columns and layout.columns.get(field) != ""]
    if missing:
        raise BadInput(
            f"{name}: no column {', '.join(missing)}; found {', '.join(found)}. Name it, as in "
            f"--columns {missing[0]}=NAME"
        )
    return columns


def _clause(columns: dict[str, str], schema: str | None, table: str) -> TableClause:
    import sqlalchemy

    # Untyped columns return what the driver returns: SQLAlchemy would read dates of SQLite in one format only.
    names: list[ColumnClause[Any]] = [sqlalchemy.column(name) for name in dict.fromkeys(columns.values())]
    return sqlalchemy.table(table, *names, schema=schema)


def _find_product(
    connection: Connection, source: TableClause, columns: dict[str, str], *, symbol: str, product: str | None, name: str
) -> tuple[str | None, tuple[str, ...]]:
    """Find how the table writes the symbol; None where it has no symbol column."""
    from sqlalchemy import select

    if "symbol" not in columns:
        if product is not None:
            raise BadInput(f"{name}: no column holds product {product!r}: name it with --columns symbol=NAME")
        return None, ("the table has no symbol column: every row is read",)
    column = source.c[columns["symbol"]]
    wanted = symbol if product is None else product
    if connection.execute(select(column).where(column == wanted).limit(1)).first() is not None:
        return wanted, ()
    distinct = connection.execute(select(column).distinct().limit(_MAX_PRODUCTS))
    products = [str(value) for (value,) in distinct if value is not None]
    matching = sorted(each for each in products if symbol_or_none(each) == symbol) if product is None else []
    if len(matching) == 1:
        return matching[0], (f"the table writes {matching[0]} for {symbol}",)
    if matching:
        raise BadInput(f"{name}: {', '.join(matching)} are all {symbol}: choose one with --product")
    raise Unknown(f"product of {name}", wanted, products)


def _rows(
    connection: Connection, source: TableClause, columns: dict[str, str], product: str | None, name: str
) -> pd.DataFrame:
    """Read the rows chunk by chunk, each packed into columns before the next one is read."""
    from sqlalchemy import select

    fields = [field for field in columns if field != "symbol"]
    time = source.c[columns["close_time" if "close_time" in columns else "time"]]
    query = select(*(source.c[columns[field]].label(f"{field}_") for field in fields)).order_by(time)
    if product is not None:
        query = query.where(source.c[columns["symbol"]] == product)
    rows = connection.execution_options(stream_results=True, yield_per=CHUNK).execute(query)
    parts = [_packed(part, fields) for part in rows.partitions()]
    if not parts:
        raise BadInput(f"{name}: the table is empty")
    frame = pd.concat(parts, ignore_index=True)
    return frame if "volume" in frame.columns else frame.assign(volume=0.0)


def _packed(rows: Sequence[Any], fields: list[str]) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for field, cells in zip(fields, zip(*rows, strict=True), strict=True):
        if field in ("time", "close_time"):
            columns[field] = _times(pd.Series(cells, dtype="object"))
        else:
            # A cell that is not a number stays as it is: `bars_from_frame` reports its row.
            try:
                columns[field] = np.array(cells, dtype=np.float64)
            except (ValueError, TypeError):
                columns[field] = pd.Series(cells, dtype="object")
    return pd.DataFrame(columns)


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
