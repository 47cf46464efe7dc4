"""tradesieve data import: bring bars in, from files or from a table of a database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.databases.connection import Database, is_database
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.formats.layout import OURS, Layout, columns_from
from tradesieve.market.sources.reading import read_file
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.progress import Progress
from tradesieve.pipelines.settings import read_settings


@dataclass(frozen=True)
class _Asked:
    """What the options say, the same for every file."""

    symbol: str | None
    timeframe: Timeframe
    stamps: Stamps
    price_scale: float | None
    layout: Layout
    table: str | None
    product: str | None


@click.command("import")
@click.argument("files", nargs=-1, required=True)
@click.option("--symbol", help="What the bars are stored as, such as BTC-USD; by default what the file tells.")
@click.option("--timeframe", required=True, help="What the files hold, such as 1m, 5m, 1h, 1d.")
@click.option(
    "--stamp",
    type=click.Choice(["open", "close"]),
    help="Which end of a bar its time is; the open by default, the close for a column close_time.",
)
@click.option("--time-unit", help="s, ms, us or ns, where times are whole numbers; recognised by their size.")
@click.option(
    "--timezone", help="Zone of times that are written without one; the vendor's where it is known, else UTC."
)
@click.option("--time-format", help="How times are written, such as '%d.%m.%Y %H:%M'.")
@click.option(
    "--columns",
    multiple=True,
    help=f"Names of the columns, as in time=Datum,open=First; of {', '.join(OURS)}. volume= means that there is none.",
)
@click.option("--separator", help="What parts the fields of a CSV: ',', ';', '|' or tab; recognised from its header.")
@click.option("--decimal", help="The decimal sign of a CSV, '.' or ','; recognised from its first rows.")
@click.option("--price-scale", type=float, help="Divide every price by this, such as 100000 for prices in points.")
@click.option("--table", help="The table of a database, behind its schema and a point where it needs one.")
@click.option("--product", help="The symbol as the table writes it, where it is not found by itself.")
@click.option("--replace", is_flag=True, help="Forget what is stored of this symbol and timeframe first.")
@as_json
def import_(
    files: tuple[str, ...], symbol: str | None, timeframe: str, stamp: str | None, time_unit: str | None,
    timezone: str | None, time_format: str | None, columns: tuple[str, ...], separator: str | None,
    decimal: str | None, price_scale: float | None, table: str | None, product: str | None, replace: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Import bars from FILES, recognised by their content, or from a table of a database.

    Known are the files of CryptoDataDownload, Coinbase, Binance, Bitfinex, freqtrade, OANDA, Lean, HistData,
    NinjaTrader, MetaTrader, ejtrader, backtrader, Yahoo, Alpha Vantage and nautilus. Any other Parquet or CSV file has
    a time column (time, timestamp, date, open_time, close_time, ...), open, high, low, close and volume, or other names
    that --columns tells. What is put right on the way is said. Nothing is stored unless every file is understood and
    every bar keeps the laws.

    A table has product_id, start, open, high, low, close and volume, or what --columns tells. The password may stand in
    the URL, in PGPASSWORD or in ~/.pgpass; it is never shown.

    \b
        tradesieve data import btc.parquet --symbol BTC-USD --timeframe 1m
        tradesieve data import dax.csv --symbol DAX --timeframe 1d --columns time=Datum,open=Erster,close=Schluss
        tradesieve data import postgresql://me@host/market --table candles --symbol BTC-USD --timeframe 1m
    """
    settings, console = read_settings(), Console(as_json=as_json)
    asked = _Asked(
        symbol,
        parse_timeframe(timeframe),
        Stamps(stamp, time_unit, timezone),
        price_scale,
        Layout(columns_from(columns), separator, decimal, time_format),
        table,
        product,
    )
    if symbol is not None:
        settings.bars.path(normalise_symbol(symbol), asked.timeframe)
    with console.progress() as progress:
        read = _read(files, asked, progress)
        bars = [bars for _, bars, _ in read]
        progress("store", 0, 1, f"{bars[0].symbol} {asked.timeframe}")
        new = settings.bars.append_all(bars, replace=replace)
    added = [{"file": name, **_span(bars), "new": n_new} for (name, bars, _), n_new in zip(read, new, strict=True)]
    told = [row | {"notes": list(said)} for row, (_, _, said) in zip(added, read, strict=True)]
    console.json({"symbol": bars[0].symbol, "timeframe": str(asked.timeframe), "files": told})
    console.table(f"{bars[0].symbol} {asked.timeframe}", added)
    for name, _, said in read:
        for sentence in said:
            console.say(f"{name}: {sentence}")


def _read(files: tuple[str, ...], asked: _Asked, progress: Progress) -> list[tuple[str, Bars, tuple[str, ...]]]:
    read: list[tuple[str, Bars, tuple[str, ...]]] = []
    for done, file in enumerate(files):
        database = Database(file) if is_database(file) else None
        name = database.name if database else file
        progress("read", done, len(files), name)
        bars, notes = _read_database(database, asked) if database else _read_file(file, asked)
        if read and bars.symbol != read[0][1].symbol:
            raise BadInput(
                f"{read[0][0]} holds {read[0][1].symbol}, and {name} holds {bars.symbol}: import one market at a time"
            )
        read.append((name, bars, notes))
    return read


def _read_file(file: str, asked: _Asked) -> tuple[Bars, tuple[str, ...]]:
    for option, value in (("--table", asked.table), ("--product", asked.product)):
        if value is not None:
            raise BadInput(f"{option} belongs to the URL of a database, and {file} is a file")
    return read_file(
        Path(file),
        symbol=asked.symbol,
        timeframe=asked.timeframe,
        stamps=asked.stamps,
        price_scale=asked.price_scale,
        layout=asked.layout,
    )


def _read_database(database: Database, asked: _Asked) -> tuple[Bars, tuple[str, ...]]:
    from tradesieve.market.sources.databases.tables import read_table

    symbol = asked.symbol or asked.product
    if asked.table is None or symbol is None:
        raise BadInput(f"{database.name}: say which table and which market with --table and --symbol")
    return read_table(
        database,
        asked.table,
        symbol=symbol,
        timeframe=asked.timeframe,
        product=asked.product,
        stamps=asked.stamps,
        price_scale=asked.price_scale,
        layout=asked.layout,
    )


def _span(bars: Bars) -> dict[str, Any]:
    return {
        "bars": len(bars),
        "first": format_time(bars.close_time[0]),
        "last": format_time(bars.close_time[-1]),
    }
