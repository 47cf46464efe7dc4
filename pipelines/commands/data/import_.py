"""tradesieve data import: import bars from files or from a table of a database."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as with_changes
from functools import partial
from pathlib import Path
from typing import Any

import click

from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.market.sources.databases.connection import Database, is_database
from tradesieve.market.sources.formats.bad_rows import BAD_ROWS
from tradesieve.market.sources.formats.table_bars import TableBars
from tradesieve.market.sources.reading import price_scale_of, read_symbols
from tradesieve.market.sources.vendors.base import ReadOptions
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data.file_options import FileOptions, file_options, parse_file_options
from tradesieve.pipelines.commands.data.import_proposals import Changes, with_commands
from tradesieve.pipelines.commands.data.import_result import show_import
from tradesieve.pipelines.commands.data.price_checks import Read, advise_command, check_prices
from tradesieve.pipelines.commands.shared.completion import complete_files
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.progress import Progress
from tradesieve.pipelines.settings import read_settings


@dataclass(frozen=True)
class _Request:
    """What is imported; the same for every file."""

    symbol: str | None
    table: str | None
    product: str | None
    options: ReadOptions

    def changed(self, options: Mapping[str, Any], changes: Changes) -> _Request:
        """Change some of the options that the command was given."""
        columns = {"columns": (changes["columns"],)} if changes.get("columns") else {}
        changed = {**options, **changes, **columns}
        read_options = parse_file_options(changed).read_options(
            parse_timeframe(changed["timeframe"]),
            bad_rows=changed["bad_rows"],
            now=self.options.now,
            allow_negative=changed["allow_negative"],
        )
        return with_changes(self, symbol=changed["symbol"], options=read_options)


_DATABASE = "Table of a database; its name of the symbol."


@click.command("import", cls=HelpPage)
@click.argument("files", nargs=-1, required=True, shell_complete=complete_files)
@click.option("--symbol", metavar="NAME", help="Store bars as this.  [default: as in the file]")
@click.option("--timeframe", required=True, metavar="1m", help="Of the files: 1m, 1h, 1d, 1w, 1M.")
@file_options
@click.option("--table", metavar="NAME", help=_DATABASE)
@click.option("--product", metavar="NAME", help=_DATABASE)
@click.option(
    "--bad-rows",
    type=click.Choice(BAD_ROWS),
    default="refuse",
    show_default=True,
    help="Rows that cannot be right.",
)
@click.option(
    "--allow-negative",
    is_flag=True,
    help="Store prices at or below zero.",
)
@click.option(
    "--accept-prices",
    is_flag=True,
    help="Store prices far from the stored ones.",
)
@click.option("--replace", is_flag=True, help="Replace the stored bars.")
@click.option(
    "--preview",
    is_flag=True,
    help="Show what would be stored; store nothing.",
)
@as_json
def import_(
    files: tuple[str, ...], symbol: str | None, timeframe: str, file_options: FileOptions, table: str | None,
    product: str | None, bad_rows: str, allow_negative: bool, accept_prices: bool, replace: bool, preview: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Import bars from FILES, recognised by their content, or from a database.

    Files of some thirty vendors are read as they are; any other CSV or Parquet file has a time, open, high, low, close
    and volume, or --columns. What is left out is counted, and prices far from the stored ones are refused. The password
    of a database may be in PGPASSWORD or ~/.pgpass.

    \b
        tradesieve data import btc.parquet --symbol BTC-USD --timeframe 1m
        tradesieve data import postgresql://me@host/db --table btc --timeframe 1m
    """
    settings, console = read_settings(), Console(as_json=as_json)
    parsed = parse_timeframe(timeframe)
    read_options = file_options.read_options(
        parsed, bad_rows=bad_rows, now=time.time_ns(), allow_negative=allow_negative
    )
    request = _Request(symbol, table, product, read_options)
    options = click.get_current_context().params
    if symbol is not None:
        settings.bars.path(normalise_symbol(symbol), parsed)
    with console.progress() as progress:

        def read_with(changes: Changes) -> list[Read]:
            changed = request.changed(options, changes)
            return check_prices(
                settings.bars,
                _read(files, changed, progress),
                replace=replace,
                accept=accept_prices,
                advise=partial(advise_command, price_scale=lambda file: _price_scale(file, changed)),
            )

        try:
            read = read_with({})
        except TradesieveError as error:
            raise with_commands(error, options, read_with) from error
        progress("store", 0, 1, ", ".join(sorted({part.bars.symbol for _, part in read})))
        store = settings.bars.count_new if preview else settings.bars.append_all
        n_new = store([part.bars for _, part in read], replace=replace)
    show_import(console, read, n_new, preview=preview)


def _read(files: tuple[str, ...], request: _Request, progress: Progress) -> list[Read]:
    read: list[Read] = []
    first: set[str] = set()
    for done, file in enumerate(files):
        database = Database(file) if is_database(file) else None
        name = database.name if database else file
        progress("read", done, len(files), name)
        parts = [_read_database(database, request)] if database else _read_file(file, request)
        symbols = {part.bars.symbol for part in parts}
        first = first or symbols
        if symbols != first:
            raise BadInput(
                f"{read[0][0]} holds {', '.join(sorted(first))}, and {name} holds {', '.join(sorted(symbols))}: import "
                "one market at a time"
            )
        read += [(name, part) for part in parts]
    return read


def _read_file(file: str, request: _Request) -> list[TableBars]:
    for option, value in (("--table", request.table), ("--product", request.product)):
        if value is not None:
            raise BadInput(f"{option} needs the URL of a database, but {file} is a file")
    return read_symbols(Path(file), request.options, symbol=request.symbol)


def _price_scale(file: str, request: _Request) -> float:
    """Return by what the prices of a file were divided."""
    if is_database(file):
        return request.options.price_scale or 1.0
    return price_scale_of(Path(file), request.options)


def _read_database(database: Database, request: _Request) -> TableBars:
    from tradesieve.market.sources.databases.tables import read_table

    symbol = request.symbol or request.product
    if request.table is None or symbol is None:
        raise BadInput(f"{database.name}: name the table and the market with --table and --symbol")
    return read_table(
        database,
        request.table,
        symbol=symbol,
        options=request.options,
        product=request.product,
    )
