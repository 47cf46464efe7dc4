"""tradesieve data import: import bars from files or from a table of a database."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

import click

from tradesieve.market.bars import VALUES, Bars, format_time
from tradesieve.market.errors import BadData, BadInput, TradesieveError
from tradesieve.market.sources.databases.connection import Database, is_database
from tradesieve.market.sources.formats.bad_rows import BAD_ROWS
from tradesieve.market.sources.reading import price_scale_of, read_symbols
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.pipelines.commands.data.file_options import FileOptions, file_options, parse_file_options
from tradesieve.pipelines.commands.data.import_proposals import Changes, with_commands
from tradesieve.pipelines.commands.data.price_checks import Read, check_prices
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.progress import Progress
from tradesieve.pipelines.settings import read_settings

_SHOWN = 3
"""Bars that a preview shows from either end."""


@dataclass(frozen=True)
class _Request:
    """What is imported; the same for every file."""

    symbol: str | None
    timeframe: Timeframe
    table: str | None
    product: str | None
    file: FileOptions
    bad_rows: str
    now: int

    def changed(self, options: Mapping[str, Any], changes: Changes) -> _Request:
        """Change some of the options that the command was given."""
        columns = {"columns": (changes["columns"],)} if changes.get("columns") else {}
        changed = {**options, **changes, **columns}
        return with_changes(
            self,
            symbol=changed["symbol"],
            timeframe=parse_timeframe(changed["timeframe"]),
            file=parse_file_options(changed),
            bad_rows=changed["bad_rows"],
        )


@click.command("import")
@click.argument("files", nargs=-1, required=True)
@click.option("--symbol", help="What the bars are stored as, such as BTC-USD; by default the symbol that a file names.")
@click.option("--timeframe", required=True, help="The timeframe of the files, such as 1m, 5m, 1h, 1d, 1w, 1M.")
@file_options
@click.option("--table", help="The table of a database, as NAME or SCHEMA.NAME.")
@click.option("--product", help="The symbol as the table writes it, where it is not found automatically.")
@click.option(
    "--bad-rows",
    type=click.Choice(BAD_ROWS),
    default="refuse",
    show_default=True,
    help="What to do about rows that break a law of bars, such as a negative price: refuse the file, or drop the rows.",
)
@click.option(
    "--accept-prices",
    is_flag=True,
    help="Store prices that are far from the stored ones, or that the symbol should not be able to cost.",
)
@click.option("--replace", is_flag=True, help="Replace the stored bars of this symbol and timeframe.")
@click.option("--preview", is_flag=True, help="Show the first and last bars as they would be stored; store nothing.")
@as_json
def import_(
    files: tuple[str, ...], symbol: str | None, timeframe: str, file_options: FileOptions, table: str | None,
    product: str | None, bad_rows: str, accept_prices: bool, replace: bool, preview: bool, as_json: bool,
) -> None:  # fmt: skip
    """Import bars from FILES, recognised by their content, or from a table of a database.

    Recognised are the files of CryptoDataDownload, freqtrade, Lean, HistData, NinjaTrader, MetaTrader, ejtrader,
    backtrader, Yahoo, yfinance, Stooq, Alpha Vantage, TradingView, CoinMarketCap, Databento, Alpaca, Polygon, Binance,
    Bitfinex, BitMEX and nautilus, and the JSON that Alpaca, Binance, Bitfinex, BitMEX, Bybit, CCXT, Coinbase, Deribit,
    Kraken, KuCoin, OANDA, OKX and Polygon answer. Any other
    Parquet or CSV file has a time column (time, timestamp, date, open_time, close_time, ...), open, high, low, close
    and volume, or the names given by --columns. The timeframe is held against the times. Bars that have not closed,
    repeated rows and rows without a price are left out; every correction is reported. Prices that are far from the
    stored ones, or from what the symbol can cost, are refused. Nothing is stored unless every file can be read and
    every other bar passes the checks.

    Each symbol of a file of several is stored, or the one that --symbol names.

    A table has product_id, start, open, high, low, close and volume, or the names given by --columns. The password may
    be in the URL, in PGPASSWORD or in ~/.pgpass; it is never shown.

    \b
        tradesieve data import btc.parquet --symbol BTC-USD --timeframe 1m
        tradesieve data import dax.csv --symbol DAX --timeframe 1d --columns time=Datum,open=Erster,close=Schluss
        tradesieve data import postgresql://me@host/market --table candles --symbol BTC-USD --timeframe 1m
    """
    settings, console = read_settings(), Console(as_json=as_json)
    request = _Request(symbol, parse_timeframe(timeframe), table, product, file_options, bad_rows, time.time_ns())
    options = click.get_current_context().params
    if symbol is not None:
        settings.bars.path(normalise_symbol(symbol), request.timeframe)
    with console.progress() as progress:

        def read_with(changes: Changes) -> list[Read]:
            changed = request.changed(options, changes)
            return check_prices(
                settings.bars,
                _read(files, changed, progress),
                replace=replace,
                accept=accept_prices,
                price_scale=lambda file: _price_scale(file, changed),
            )

        try:
            read = read_with({})
        except TradesieveError as error:
            raise with_commands(error, options, read_with) from error
        new = [0] * len(read) if preview else _store(settings.bars, read, replace, progress)
    several = len({bars.symbol for _, bars, _ in read}) > 1
    rows = [
        {"file": name, **({"symbol": bars.symbol} if several else {}), **_span(bars)}
        | ({} if preview else {"new": n_new})
        for (name, bars, _), n_new in zip(read, new, strict=True)
    ]
    with_notes = [row | {"notes": list(notes)} for row, (_, _, notes) in zip(rows, read, strict=True)]
    shown = [row for _, bars, _ in read for row in _first_and_last(bars)] if preview else []
    symbols = ", ".join(sorted({bars.symbol for _, bars, _ in read}))
    answer = {"symbol": read[0][1].symbol, "timeframe": str(request.timeframe), "files": with_notes}
    console.json(answer | ({"preview": shown} if preview else {}))
    if preview:
        console.table(f"{symbols} {request.timeframe}, as they would be stored, in UTC", shown)
    console.table(f"{symbols} {request.timeframe}", rows)
    for name, bars, notes in read:
        for note in notes:
            console.say(f"{name}: {bars.symbol + ': ' if several else ''}{note}")
    if preview:
        console.say("nothing was stored; omit --preview to store these bars")


def _store(store: BarStore, read: list[Read], replace: bool, progress: Progress) -> list[int]:
    """Store the bars of each symbol, all parts of it or none; return how many of each part were new."""
    new = [0] * len(read)
    symbols = sorted({bars.symbol for _, bars, _ in read})
    for done, symbol in enumerate(symbols):
        progress("store", done, len(symbols), symbol)
        places = [place for place, (_, bars, _) in enumerate(read) if bars.symbol == symbol]
        try:
            counts = store.append_all([read[place][1] for place in places], replace=replace)
        except BadData as error:
            before = f"; stored before it: {', '.join(symbols[:done])}" if done else ""
            raise BadData(f"{error}{before}") from error
        for place, n_new in zip(places, counts, strict=True):
            new[place] = n_new
    return new


def _first_and_last(bars: Bars) -> list[dict[str, Any]]:
    """Describe the first and the last bars as they would be stored."""
    rows = range(len(bars)) if len(bars) <= 2 * _SHOWN else [*range(_SHOWN), *range(len(bars) - _SHOWN, len(bars))]
    return [
        {
            "symbol": bars.symbol,
            "open_time": format_time(bars.open_time[row]),
            "close_time": format_time(bars.close_time[row]),
        }
        | {name: float(getattr(bars, name)[row]) for name in VALUES}
        for row in rows
    ]


def _read(files: tuple[str, ...], request: _Request, progress: Progress) -> list[Read]:
    read: list[Read] = []
    first: set[str] = set()
    for done, file in enumerate(files):
        database = Database(file) if is_database(file) else None
        name = database.name if database else file
        progress("read", done, len(files), name)
        parts = [_read_database(database, request)] if database else _read_file(file, request)
        symbols = {bars.symbol for bars, _ in parts}
        first = first or symbols
        if symbols != first:
            raise BadInput(
                f"{read[0][0]} holds {', '.join(sorted(first))}, and {name} holds {', '.join(sorted(symbols))}: import "
                "one market at a time"
            )
        read += [(name, bars, notes) for bars, notes in parts]
    return read


def _read_file(file: str, request: _Request) -> list[tuple[Bars, tuple[str, ...]]]:
    for option, value in (("--table", request.table), ("--product", request.product)):
        if value is not None:
            raise BadInput(f"{option} needs the URL of a database, but {file} is a file")
    return read_symbols(
        Path(file),
        symbol=request.symbol,
        timeframe=request.timeframe,
        stamps=request.file.stamps,
        price_scale=request.file.price_scale,
        layout=request.file.layout,
        bad_rows=request.bad_rows,
        now=request.now,
    )


def _price_scale(file: str, request: _Request) -> float:
    """Return by what the prices of a file were divided."""
    if is_database(file):
        return request.file.price_scale or 1.0
    return price_scale_of(
        Path(file),
        timeframe=request.timeframe,
        stamps=request.file.stamps,
        price_scale=request.file.price_scale,
        layout=request.file.layout,
    )


def _read_database(database: Database, request: _Request) -> tuple[Bars, tuple[str, ...]]:
    from tradesieve.market.sources.databases.tables import read_table

    symbol = request.symbol or request.product
    if request.table is None or symbol is None:
        raise BadInput(f"{database.name}: name the table and the market with --table and --symbol")
    return read_table(
        database,
        request.table,
        symbol=symbol,
        timeframe=request.timeframe,
        product=request.product,
        stamps=request.file.stamps,
        price_scale=request.file.price_scale,
        layout=request.file.layout,
        bad_rows=request.bad_rows,
        now=request.now,
    )


def _span(bars: Bars) -> dict[str, Any]:
    return {
        "bars": len(bars),
        "first_close": format_time(bars.close_time[0]),
        "last_close": format_time(bars.close_time[-1]),
    }
