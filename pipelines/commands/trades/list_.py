"""tradesieve trades list: the stored sets of imported trades."""

from __future__ import annotations

from typing import Any

import click

from tradesieve.market.bars import format_time
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.trade_sets import TradeSet

_SHOWN = {
    "name": "set", "n_trades": "trades", "n_instances": "instances", "symbols": "symbols", "timeframes": "timeframes",
    "first": "from", "last": "to", "format": "written by", "file": "file",
}  # fmt: skip


@click.command("list", cls=HelpPage)
@as_json
def list_(as_json: bool) -> None:
    """List the stored sets of imported trades, which --trades SET names.

    Trades of rules are generated where they are needed: `tradesieve strategies list` shows what there is.
    """
    settings, console = read_settings(writes=False), Console(as_json=as_json)
    store = settings.trade_sets
    rows = [_described(store.load(name)) for name in store.names()]
    console.json({"sets": rows})
    if not rows:
        console.say(f"no imported trades are stored in {store.folder}; see `tradesieve trades import --help`")
        return
    console.table("imported trades", rows, _SHOWN)


def _described(stored: TradeSet) -> dict[str, Any]:
    instances = stored.parsed_instances()
    first, last = (format_time(time)[:10] for time in stored.period)
    return {
        "name": stored.name,
        "n_trades": len(stored.trades),
        "n_instances": len(instances),
        "symbols": ", ".join(dict.fromkeys(instance.symbol for instance in instances)),
        "timeframes": ", ".join(dict.fromkeys(instance.timeframe for instance in instances)),
        "first": first,
        "last": last,
        "format": stored.format,
        "file": stored.file,
        "fingerprint": stored.fingerprint,
    }
