"""tradesieve data: bring bars in, list them, check them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from market.bars import Bars, format_time
from market.sources import read_file
from market.sources.base import Stamps
from market.timeframes import parse_timeframe
from pipelines.commands.data_check import check
from pipelines.commands.options import as_json
from pipelines.console import Console
from pipelines.settings import read_settings


@click.group()
def data() -> None:
    """Bring bars in, list them, check them."""


data.add_command(check)


@data.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--symbol", required=True, help="One form for all vendors, such as BTC-USD.")
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
@click.option("--price-scale", type=float, help="Divide every price by this, such as 100000 for prices in points.")
@click.option("--replace", is_flag=True, help="Forget what is stored of this symbol and timeframe first.")
@as_json
def import_(
    files: tuple[Path, ...], symbol: str, timeframe: str, stamp: str | None, time_unit: str | None,
    timezone: str | None, price_scale: float | None, replace: bool, as_json: bool,
) -> None:  # fmt: skip
    """Import bars from FILES, recognised by their content.

    Known are the files of CryptoDataDownload, Coinbase, Binance, Bitfinex, freqtrade, OANDA, Lean, HistData,
    NinjaTrader, MetaTrader, ejtrader, backtrader, Yahoo, Alpha Vantage and nautilus. Any other Parquet or CSV file has
    a time column (time, timestamp, date, open_time, close_time, ...), open, high, low, close and volume. What is put
    right on the way is said. Nothing is stored unless every file is understood and every bar keeps the laws.

    \b
        tradesieve data import btc.parquet --symbol BTC-USD --timeframe 1m
    """
    settings, console = read_settings(), Console(as_json=as_json)
    kept = parse_timeframe(timeframe)
    settings.bars.path(symbol, kept)
    stamps = Stamps(stamp, time_unit, timezone)
    with console.progress() as progress:
        read = []
        for done, path in enumerate(files):
            progress("read", done, len(files), str(path))
            read.append(read_file(path, symbol=symbol, timeframe=kept, stamps=stamps, price_scale=price_scale))
        progress("store", 0, 1, f"{symbol} {kept}")
        new = settings.bars.append_all([bars for bars, _ in read], replace=replace)
    added = [
        {"file": str(path), **_span(bars), "new": n_new}
        for path, (bars, _), n_new in zip(files, read, new, strict=True)
    ]
    notes = [list(said) for _, said in read]
    told = [row | {"notes": said} for row, said in zip(added, notes, strict=True)]
    console.json({"symbol": symbol, "timeframe": str(kept), "files": told})
    console.table(f"{symbol} {kept}", added)
    for row, said in zip(added, notes, strict=True):
        for sentence in said:
            console.say(f"{row['file']}: {sentence}")


@data.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the bars that are stored."""
    settings, console = read_settings(), Console(as_json=as_json)
    rows = []
    for symbol, timeframe in settings.bars.list():
        first, last, count = settings.bars.span(symbol, timeframe)
        rows.append(
            {
                "symbol": symbol,
                "timeframe": str(timeframe),
                "bars": count,
                "first": format_time(first),
                "last": format_time(last),
            }
        )
    console.json({"bars": rows})
    console.table("stored bars", rows) if rows else console.say(
        "no bars are stored; see `tradesieve data import --help`"
    )


def _span(bars: Bars) -> dict[str, Any]:
    return {
        "bars": len(bars),
        "first": format_time(bars.close_time[0]),
        "last": format_time(bars.close_time[-1]),
    }
