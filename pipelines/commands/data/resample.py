"""tradesieve data resample: resample stored bars, on the UTC grid or within sessions, and store the result."""

from __future__ import annotations

import click

from tradesieve.market.bars import format_time
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.errors import BadInput
from tradesieve.market.resampling import resample as resampled
from tradesieve.market.session_bars import own_sessions
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.shared.completion import complete_symbols
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.settings import read_settings


@click.command(cls=HelpPage)
@click.option("--symbol", required=True, shell_complete=complete_symbols, help="A symbol with shorter stored bars.")
@click.option("--timeframe", required=True, help="The timeframe of the new bars, such as 1h, 1d, 1w or 1M.")
@click.option(
    "--sessions",
    help="An exchange such as XNYS, or the end of a day such as '17:00 America/New_York'; "
    "by default those of the stored bars, else the UTC grid.",
)
@click.option("--replace", is_flag=True, help="Replace the stored bars of this symbol and timeframe.")
@as_json
def resample(symbol: str, timeframe: str, sessions: str | None, replace: bool, as_json: bool) -> None:
    """Resample the shortest stored bars of a symbol, and store the result.

    Experiments resample automatically, to the UTC grid or within the sessions of the stored bars. This command is for
    other limits: the session of an exchange with its half days, or the day of currencies, which ends at 17:00 in New
    York. 1w is a week from Monday and 1M a month; 7d is counted from 1970-01-01, a Thursday.

    \b
        tradesieve data resample --symbol SPY --timeframe 1d --sessions XNYS
        tradesieve data resample --symbol EUR-USD --timeframe 1d \\
            --sessions '17:00 America/New_York'
    """
    settings, console = read_settings(), Console(as_json=as_json)
    symbol, longer = settings.bars.find(symbol) or normalise_symbol(symbol), parse_timeframe(timeframe)
    session_hours = Sessions(sessions) if sessions else None
    shorter = [stored for name, stored in settings.bars.list() if name == symbol and stored < longer]
    if not shorter:
        raise BadInput(f"no bars of {symbol} shorter than {longer} are stored; see `tradesieve data list`")
    source = min(shorter)
    with console.progress() as progress:
        progress("resample", 0, 1, f"{symbol} {source} to {longer}")
        stored = settings.bars.stored_bars(symbol, source)
        bars = resampled(stored, longer, sessions=session_hours or own_sessions(stored))
        if len(bars) == 0:
            raise BadInput(f"the {source} bars of {symbol} make no complete bar of {longer}")
        new = settings.bars.append(bars, replace=replace)
    row = {
        "symbol": symbol, "timeframe": str(longer), "from": str(source), "bars": len(bars), "new": new,
        "first_close": format_time(bars.close_time[0]), "last_close": format_time(bars.close_time[-1]),
    }  # fmt: skip
    console.json(row)
    console.table(f"{symbol} {longer}", [row])
