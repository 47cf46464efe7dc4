"""tradesieve data remove: remove a stretch of stored bars, or a whole series."""

from __future__ import annotations

import click

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data.stored import find_stored
from tradesieve.pipelines.commands.shared.completion import complete_symbols
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment import parse_time
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.settings import read_settings


@click.command(cls=HelpPage)
@click.option("--symbol", required=True, shell_complete=complete_symbols, help="The stored symbol.")
@click.option("--timeframe", required=True, help="The stored timeframe, such as 1m.")
@click.option("--from", "start", help="Remove bars that close after this time, ISO 8601; by default from the first.")
@click.option("--to", "end", help="Remove bars that close up to this time, ISO 8601; by default to the last.")
@click.option("--all", "everything", is_flag=True, help="Remove the whole series.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@as_json
def remove(
    symbol: str, timeframe: str, start: str | None, end: str | None, everything: bool, dry_run: bool, as_json: bool
) -> None:
    """Remove stored bars between two times, or all of them with --all.

    Other stored timeframes of the symbol stay. Of repaired bars the original is cut as well, so that undoing a repair
    does not bring the removed bars back.

    \b
        tradesieve data remove --symbol BTC-USD --timeframe 1m --from 2024-06-01
        tradesieve data remove --symbol BTC-USD --timeframe 1m --all
    """
    settings, console = read_settings(), Console(as_json=as_json)
    parsed, start_time, end_time = parse_timeframe(timeframe), parse_time("--from", start), parse_time("--to", end)
    symbol = find_stored(settings, symbol, parsed)
    if everything == (start is not None or end is not None):
        raise BadInput("pass either --from, --to or both for a stretch, or --all for the whole series")
    if start_time is not None and end_time is not None and start_time >= end_time:
        raise BadInput(f"--from {start} is not before --to {end}")
    first, last, n_stored = settings.bars.span(symbol, parsed)
    if (start_time is not None and start_time >= last) or (end_time is not None and end_time < first):
        raise BadInput(
            f"{symbol} {parsed}: no bar lies there: the first closes at {format_time(first)}, the last at "
            f"{format_time(last)}"
        )
    if dry_run:
        n_removed = len(settings.bars.stored_bars(symbol, parsed).between(start_time, end_time))
    else:
        n_removed = settings.bars.remove(symbol, parsed, start_time, end_time)
    n_left = n_stored - n_removed
    console.json({"symbol": symbol, "timeframe": str(parsed), "dry_run": dry_run, "removed": n_removed, "bars": n_left})
    verb = "would be removed" if dry_run else "removed"
    console.say(f"{symbol} {parsed}: {pluralise(n_removed, 'bar')} {verb}, {pluralise(n_left, 'bar')} left")
