"""tradesieve data resample: make longer bars, within the sessions of a market where it has some, and store them."""

from __future__ import annotations

import click

from tradesieve.market.bars import format_time
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.errors import BadInput
from tradesieve.market.resampling import resample as resampled
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.settings import read_settings


@click.command()
@click.option("--symbol", required=True, help="A symbol of which shorter bars are stored.")
@click.option("--timeframe", required=True, help="How long the new bars last, such as 1h or 1d.")
@click.option(
    "--sessions",
    help="An exchange such as XNYS, or when a day ends, such as '17:00 America/New_York'; by default the UTC grid.",
)
@click.option("--replace", is_flag=True, help="Forget what is stored of this symbol and timeframe first.")
@as_json
def resample(symbol: str, timeframe: str, sessions: str | None, replace: bool, as_json: bool) -> None:
    """Make longer bars from the shortest stored ones, and store them.

    Experiments make the bars that they need on the UTC grid by themselves. This is for days that begin and end
    otherwise: the session of an exchange with its half days, or the day of currencies, which ends at 17:00 in New York.

    \b
        tradesieve data resample --symbol SPY --timeframe 1d --sessions XNYS
        tradesieve data resample --symbol EUR-USD --timeframe 1d --sessions '17:00 America/New_York'
    """
    settings, console = read_settings(), Console(as_json=as_json)
    symbol, longer = normalise_symbol(symbol), parse_timeframe(timeframe)
    within = Sessions(sessions) if sessions else None
    shorter = [kept for name, kept in settings.bars.list() if name == symbol and kept < longer]
    if not shorter:
        raise BadInput(f"no bars of {symbol} shorter than {longer} are stored; `tradesieve data list` says what is")
    source = min(shorter)
    with console.progress() as progress:
        progress("resample", 0, 1, f"{symbol} {source} to {longer}")
        bars = resampled(settings.bars.load(symbol, source), longer, sessions=within)
        if len(bars) == 0:
            raise BadInput(f"the {source} bars of {symbol} make no whole bar of {longer}")
        new = settings.bars.append(bars, replace=replace)
    row = {
        "symbol": symbol, "timeframe": str(longer), "from": str(source), "bars": len(bars), "new": new,
        "first": format_time(bars.close_time[0]), "last": format_time(bars.close_time[-1]),
    }  # fmt: skip
    console.json(row)
    console.table(f"{symbol} {longer}", [row])
