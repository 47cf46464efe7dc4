"""tradesieve data: import, download, list, check, repair and remove bars."""

from __future__ import annotations

import click

from tradesieve.market.bars import format_time
from tradesieve.pipelines.commands.data.check import check
from tradesieve.pipelines.commands.data.costs import costs
from tradesieve.pipelines.commands.data.fetch import fetch
from tradesieve.pipelines.commands.data.import_ import import_
from tradesieve.pipelines.commands.data.remove import remove
from tradesieve.pipelines.commands.data.repair import repair
from tradesieve.pipelines.commands.data.resample import resample
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.settings import read_settings


@click.group()
def data() -> None:
    """Import, download, list, check, repair and remove bars."""


data.add_command(import_)
data.add_command(fetch)
data.add_command(resample)
data.add_command(check)
data.add_command(costs)
data.add_command(repair)
data.add_command(remove)


@data.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the stored bars."""
    settings, console = read_settings(), Console(as_json=as_json)
    rows = []
    for symbol, timeframe in settings.bars.list():
        first, last, count = settings.bars.span(symbol, timeframe)
        rows.append(
            {
                "symbol": symbol,
                "timeframe": str(timeframe),
                "bars": count,
                "first_close": format_time(first),
                "last_close": format_time(last),
                "repaired": ", ".join(record["fix"] for record in settings.bars.repairs(symbol, timeframe)) or None,
            }
        )
    console.json({"bars": rows})
    console.table("stored bars", rows) if rows else console.say(
        "no bars are stored; see `tradesieve data import --help`"
    )
