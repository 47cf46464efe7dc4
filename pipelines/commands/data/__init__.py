"""tradesieve data: import, download, list, check, repair and remove bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from tradesieve.pipelines.help_pages import HelpGroup
from tradesieve.pipelines.settings import read_settings

_SHOWN = {name: name for name in ("symbol", "timeframe", "bars", "first_close", "last_close", "notes", "repaired")}
"""Columns of the table of stored bars."""


@click.group(cls=HelpGroup)
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
    settings, console = read_settings(writes=False), Console(as_json=as_json)
    rows = []
    for symbol, timeframe in settings.bars.list():
        bars = settings.bars.stored_bars(symbol, timeframe)
        rows.append(
            {
                "symbol": symbol,
                "timeframe": str(timeframe),
                "bars": len(bars),
                "first_close": format_time(bars.close_time[0]),
                "last_close": format_time(bars.close_time[-1]),
                "has_volume": bars.has_volume,
                "allows_negative": bars.allow_negative,
                "repaired": ", ".join(record["fix"] for record in settings.bars.repairs(symbol, timeframe)) or None,
            }
        )
    console.json({"bars": rows})
    if not rows:
        console.say(f"no bars are stored in {settings.bars.folder}; see `tradesieve data import --help`")
        return
    console.table("stored bars", [row | {"notes": _notes(row)} for row in rows], _SHOWN)


def _notes(row: Mapping[str, Any]) -> str | None:
    """Return what limits the use of a series."""
    notes = ["no volume"] * (not row["has_volume"]) + ["prices at or below zero"] * row["allows_negative"]
    return ", ".join(notes) or None
