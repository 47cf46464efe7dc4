"""tradesieve data import: import bars from files or from a table of a database."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput, WrongTimeframe
from tradesieve.market.sources.databases.connection import Database, is_database
from tradesieve.market.sources.formats.bad_rows import BAD_ROWS
from tradesieve.market.sources.reading import read_file
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.pipelines.commands.data.file_options import FileOptions, file_options
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.proposals import command_with
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.progress import Progress
from tradesieve.pipelines.settings import read_settings


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
@click.option("--replace", is_flag=True, help="Replace the stored bars of this symbol and timeframe.")
@as_json
def import_(
    files: tuple[str, ...], symbol: str | None, timeframe: str, file_options: FileOptions, table: str | None,
    product: str | None, bad_rows: str, replace: bool, as_json: bool,
) -> None:  # fmt: skip
    """Import bars from FILES, recognised by their content, or from a table of a database.

    Recognised are the files of CryptoDataDownload, freqtrade, Lean, HistData, NinjaTrader, MetaTrader, ejtrader,
    backtrader, Yahoo, yfinance, Stooq, Alpha Vantage, TradingView, CoinMarketCap, Databento, Alpaca, Polygon, Binance,
    Bitfinex, BitMEX and nautilus, and the JSON that Alpaca, Binance, Bitfinex, BitMEX, Bybit, CCXT, Coinbase, Deribit,
    Kraken, KuCoin, OANDA, OKX and Polygon answer. Any other
    Parquet or CSV file has a time column (time, timestamp, date, open_time, close_time, ...), open, high, low, close
    and volume, or the names given by --columns. The timeframe is held against the times. Bars that have not closed,
    repeated rows and rows without a price are left out; every correction is reported. Nothing is stored unless every
    file can be read and every other bar passes the checks.

    A table has product_id, start, open, high, low, close and volume, or the names given by --columns. The password may
    be in the URL, in PGPASSWORD or in ~/.pgpass; it is never shown.

    \b
        tradesieve data import btc.parquet --symbol BTC-USD --timeframe 1m
        tradesieve data import dax.csv --symbol DAX --timeframe 1d --columns time=Datum,open=Erster,close=Schluss
        tradesieve data import postgresql://me@host/market --table candles --symbol BTC-USD --timeframe 1m
    """
    settings, console = read_settings(), Console(as_json=as_json)
    request = _Request(symbol, parse_timeframe(timeframe), table, product, file_options, bad_rows, time.time_ns())
    if symbol is not None:
        settings.bars.path(normalise_symbol(symbol), request.timeframe)
    with console.progress() as progress:
        read = _read(files, request, progress)
        bars = [bars for _, bars, _ in read]
        progress("store", 0, 1, f"{bars[0].symbol} {request.timeframe}")
        new = settings.bars.append_all(bars, replace=replace)
    rows = [{"file": name, **_span(bars), "new": n_new} for (name, bars, _), n_new in zip(read, new, strict=True)]
    with_notes = [row | {"notes": list(notes)} for row, (_, _, notes) in zip(rows, read, strict=True)]
    console.json({"symbol": bars[0].symbol, "timeframe": str(request.timeframe), "files": with_notes})
    console.table(f"{bars[0].symbol} {request.timeframe}", rows)
    for name, _, notes in read:
        for note in notes:
            console.say(f"{name}: {note}")


def _read(files: tuple[str, ...], request: _Request, progress: Progress) -> list[tuple[str, Bars, tuple[str, ...]]]:
    read: list[tuple[str, Bars, tuple[str, ...]]] = []
    for done, file in enumerate(files):
        database = Database(file) if is_database(file) else None
        name = database.name if database else file
        progress("read", done, len(files), name)
        try:
            bars, notes = _read_database(database, request) if database else _read_file(file, request)
        except WrongTimeframe as error:
            if error.timeframe is None:
                raise
            raise BadInput(f"{error.found}; import it with: {command_with(timeframe=error.timeframe)}") from error
        if read and bars.symbol != read[0][1].symbol:
            raise BadInput(
                f"{read[0][0]} holds {read[0][1].symbol}, and {name} holds {bars.symbol}: import one market at a time"
            )
        read.append((name, bars, notes))
    return read


def _read_file(file: str, request: _Request) -> tuple[Bars, tuple[str, ...]]:
    for option, value in (("--table", request.table), ("--product", request.product)):
        if value is not None:
            raise BadInput(f"{option} needs the URL of a database, but {file} is a file")
    return read_file(
        Path(file),
        symbol=request.symbol,
        timeframe=request.timeframe,
        stamps=request.file.stamps,
        price_scale=request.file.price_scale,
        layout=request.file.layout,
        bad_rows=request.bad_rows,
        now=request.now,
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
