"""tradesieve data fetch: download bars from an exchange."""

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
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.settings import read_settings


@click.command(cls=HelpPage)
@click.option("--exchange", required=True, help="ccxt's name of the exchange, such as binance, coinbase, kraken.")
@click.option("--symbol", help="What the bars are stored as, such as BTC-USD; by default the symbol of --market.")
@click.option("--timeframe", required=True, help="A timeframe that the exchange offers, such as 1m.")
@click.option("--from", "start", help="The time of the first bar, ISO 8601; by default the end of the stored bars.")
@click.option("--to", "end", help="The time of the last bar, ISO 8601; by default now.")
@click.option("--market", help="ccxt's name of the market, such as BTC/USDT, where it is not simply the symbol.")
@click.option("--url", help="Address to use instead of the exchange's own, such as a mirror or a proxy.")
@click.option("--tries", type=int, default=8, show_default=True, help="How often a request is tried before it fails.")
@as_json
def fetch(
    exchange: str, symbol: str | None, timeframe: str, start: str | None, end: str | None, market: str | None,
    url: str | None, tries: int, as_json: bool,
) -> None:  # fmt: skip
    """Download the bars that are not stored yet from an exchange.

    Each page is stored as it arrives: after an interruption the same command continues where it stopped. The exchange's
    rate limit is kept, network failures are retried, and a bar that has not closed is not stored. No account is needed.

    With --from, gaps between the stored bars are requested again. Stored bars stay as they are: where the exchange has
    corrected one of those that it sends again, the old and the new values are shown.

    \b
        tradesieve data fetch --exchange binance --market BTC/USDT \\
            --timeframe 1m --from 2024-01-01
    """
    settings, console = read_settings(), Console(as_json=as_json)
    wanted = parse_timeframe(timeframe)
    start_time, end_time = parse_time("--from", start), parse_time("--to", end)
    # ccxt takes seconds to import, and a network without an answer a minute: report what is wrong before.
    if start_time is not None and end_time is not None and start_time >= end_time:
        raise BadInput(f"--from {start} is not before --to {end}")
    named = symbol or market
    if start_time is None and named is not None and (normalise_symbol(named), wanted) not in settings.bars.list():
        raise BadInput(f"{normalise_symbol(named)} {wanted}: no bars are stored to continue from: pass --from")
    from tradesieve.market.sources.exchanges.ccxt_client import open_market
    from tradesieve.market.sources.exchanges.download import fetch_bars
    from tradesieve.market.sources.exchanges.retries import RetryPolicy

    with console.progress() as progress:
        progress("connect", 0, 1, exchange)

        def wait(seconds: float) -> None:
            progress("wait", 0, 1, f"{exchange} does not answer: retry in {seconds:.0f} s")
            time.sleep(seconds)

        opened = open_market(
            exchange,
            symbol=symbol,
            timeframe=wanted,
            market=market,
            url=url,
            retry_policy=RetryPolicy(tries=tries, sleep=wait),
        )
        fetched = fetch_bars(
            opened,
            settings.bars,
            start=start_time,
            end=end_time,
            report=lambda done, total, detail: progress("fetch", done, total, detail),
        )
    row = {
        "symbol": opened.symbol,
        "timeframe": str(wanted),
        "market": f"{exchange} {opened.name}",
        "new": fetched.n_new,
    }
    if (opened.symbol, wanted) in settings.bars.list():
        first, last, count = settings.bars.span(opened.symbol, wanted)
        row |= {"bars": count, "first_close": format_time(first), "last_close": format_time(last)}
    notes = list(fetched.notes)
    if symbol is not None and symbol != opened.symbol:
        notes.insert(0, f"symbol {symbol} is stored as {opened.symbol}")
    console.json(row | {"notes": notes})
    console.table(f"{opened.symbol} {wanted}", [row])
    for note in notes:
        console.say(note)
