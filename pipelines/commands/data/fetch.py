"""tradesieve data fetch: bring bars in from an exchange."""

from __future__ import annotations

import time

import click

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment import parse_time
from tradesieve.pipelines.settings import read_settings


@click.command()
@click.option("--exchange", required=True, help="What ccxt calls it, such as binance, coinbase, kraken.")
@click.option("--symbol", help="What the bars are stored as, such as BTC-USD; by default what --market means.")
@click.option("--timeframe", required=True, help="One that the exchange has, such as 1m.")
@click.option("--from", "start", help="The time of the first bar, ISO 8601; by default where the stored bars end.")
@click.option("--to", "end", help="Bars up to this time, ISO 8601; by default up to now.")
@click.option("--market", help="What the exchange trades, such as BTC/USDT, where it is not simply the symbol.")
@click.option("--url", help="Asked instead of the exchange's own address, such as a mirror or a proxy of yours.")
@click.option("--tries", type=int, default=8, show_default=True, help="How often a request is tried before it fails.")
@as_json
def fetch(
    exchange: str, symbol: str | None, timeframe: str, start: str | None, end: str | None, market: str | None,
    url: str | None, tries: int, as_json: bool,
) -> None:  # fmt: skip
    """Fetch bars from an exchange, on from what is stored.

    Each page is stored as it comes: after an interruption the same command goes on where it stopped. The exchange's own
    limit of requests is kept, failures of the network are tried again, and a bar that is not complete is not stored.
    Nothing has to be logged in to.

    \b
        tradesieve data fetch --exchange binance --symbol BTC-USDT --timeframe 1m --from 2024-01-01
        tradesieve data fetch --exchange binance --symbol BTC-USD --market BTC/USDT --timeframe 1m --from 2024-01-01
    """
    settings, console = read_settings(), Console(as_json=as_json)
    kept = parse_timeframe(timeframe)
    start_time, end_time = parse_time("--from", start), parse_time("--to", end)
    # ccxt takes seconds to import, and a network that does not answer a minute: what can be told before is told first.
    if start_time is not None and end_time is not None and start_time >= end_time:
        raise BadInput(f"--from {start} is not before --to {end}")
    named = symbol or market
    if start_time is None and named is not None and (normalise_symbol(named), kept) not in settings.bars.list():
        raise BadInput(f"{normalise_symbol(named)} {kept}: nothing is stored to go on from: say the start with --from")
    from tradesieve.market.sources.exchanges.ccxt_client import Patience, open_market
    from tradesieve.market.sources.exchanges.download import fetch_bars

    with console.progress() as progress:
        progress("connect", 0, 1, exchange)

        def wait(seconds: float) -> None:
            progress("wait", 0, 1, f"{exchange} does not answer: asked again in {seconds:.0f} s")
            time.sleep(seconds)

        found = open_market(
            exchange, symbol=symbol, timeframe=kept, market=market, url=url, patience=Patience(tries=tries, sleep=wait)
        )
        fetched = fetch_bars(
            found,
            settings.bars,
            start=start_time,
            end=end_time,
            report=lambda done, total, detail: progress("fetch", done, total, detail),
        )
    row = {"symbol": found.symbol, "timeframe": str(kept), "market": f"{exchange} {found.name}", "new": fetched.n_new}
    if (found.symbol, kept) in settings.bars.list():
        first, last, count = settings.bars.span(found.symbol, kept)
        row |= {"bars": count, "first": format_time(first), "last": format_time(last)}
    notes = list(fetched.notes)
    if symbol is not None and symbol != found.symbol:
        notes.insert(0, f"the symbol {symbol} is written {found.symbol} here")
    console.json(row | {"notes": notes})
    console.table(f"{found.symbol} {kept}", [row])
    for sentence in notes:
        console.say(sentence)
