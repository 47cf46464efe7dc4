"""tradesieve trades import: store the trades of another program, or of a table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.local_times import REPEATED_HOURS
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.formats.written_dates import DATE_ORDERS
from tradesieve.pipelines.commands.shared.completion import complete_symbols
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.table_output import rows_of
from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment import parse_time
from tradesieve.pipelines.help_pages import HelpPage, option_in
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.trade_import import (
    DROP,
    REFUSE,
    ImportRequest,
    TradeImport,
    describe_faults,
    import_trades,
)
from tradesieve.strategies.imports.base import ImportOptions
from tradesieve.strategies.imports.placement import DECIDED, TOLERANCE, Placing

_file, _fills, _backtest = option_in("File"), option_in("Fills"), option_in("Backtest")


@click.command("import", cls=HelpPage)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", metavar="SET", help="Name of the stored set.  [default: the file's]")
@click.option(
    "--symbol", metavar="A", shell_complete=complete_symbols, help="Stored symbol.  [default: that of each row]"
)
@click.option("--timeframe", metavar="5m", help="Of its bars.  [default: the file's]")
@click.option("--bad-trades", type=click.Choice([REFUSE, DROP]), default=REFUSE, show_default=True,
              help="If trades contradict bars.")  # fmt: skip
@click.option("--replace", is_flag=True, help="Replace a stored set of the same name.")
@as_json
@_file("--strategy", metavar="NAME", help="Of all trades.  [default: each row's]")
@_file("--side", type=click.Choice(["long", "short"]), help="Of all trades, if the table has none.")
@_file("--column", "columns", multiple=True, metavar="FIELD=NAME", help="A column, as entry_time=Opened; repeatable.")
@_file("--stamp", type=click.Choice(["open", "close"]), help="What a time on the grid is.  [default: open]")
@_file("--timezone", metavar="ZONE", help="Of times without one.  [default: UTC]")
@_file("--date-order", type=click.Choice(list(DATE_ORDERS)), help="Order of day, month and year.")
@_file("--repeated-hour", type=click.Choice(REPEATED_HOURS), help="Which one a time of the autumn hour is.")
@_fills("--decided", type=click.Choice(DECIDED), help="Before the entry's bar, or at its close.")
@_fills("--commission", type=click.FloatRange(min=0, max=0.05), metavar="X",
        help="Fraction per fill, if no costs are stated.")  # fmt: skip
@_fills("--tolerance", type=click.FloatRange(min=0, max=0.1), default=TOLERANCE, show_default=True, metavar="X",
        help="Fraction by which fills may leave their bar.")  # fmt: skip
@_backtest("--from", "start", metavar="TIME", help="Its begin and end, ISO 8601.  [default: the trades']")
@_backtest("--to", "end", metavar="TIME", help="Its begin and end, ISO 8601.  [default: the trades']")
def import_(file: Path, name: str | None, replace: bool, as_json: bool, **given: Any) -> None:
    """Import trades that another program decided, for --trades SET.

    FILE is another program's export, what trades generate --output wrote, or a table with entry_time, exit_time, side,
    and entry_price and exit_price or net_return. Its bars must be stored.

    \b
        tradesieve trades import trades.csv --symbol BTC-USD --timeframe 5m
    """
    settings, console = read_settings(), Console(as_json=as_json)
    name = _name_of(file) if name is None else name
    store = settings.trade_sets
    store.path(name)  # refuses what cannot be a name
    if not replace:
        store.refuse_existing(name)
    request = _request(given)
    with console.progress() as progress:
        found = import_trades(file, name, request, settings, progress=progress)
    store.save(found.stored)
    _show(console, found)


def _name_of(file: Path) -> str:
    """Return the name of a file without its endings, in the signs of a name."""
    return re.sub(r"[^\w-]+", "_", file.name.partition(".")[0] if file.suffix else file.name).strip("_-") or "trades"


def _request(given: dict[str, Any]) -> ImportRequest:
    columns = {}
    for pair in given["columns"]:
        field, sign, column = pair.partition("=")
        if not sign or not column:
            raise BadInput(f"--column {pair}: write a field and its column, as in entry_time=Opened")
        columns[field.strip()] = column.strip()
    stamps = Stamps(
        meaning=given["stamp"],
        timezone=given["timezone"],
        date_order=given["date_order"],
        repeated_hour=given["repeated_hour"],
    )
    return ImportRequest(
        symbol=given["symbol"],
        timeframe=given["timeframe"],
        options=ImportOptions(stamps, columns, given["strategy"], given["side"]),
        placing=Placing(given["decided"], given["tolerance"], given["commission"]),
        start=parse_time("--from", given["start"]),
        end=parse_time("--to", given["end"]),
        bad_trades=given["bad_trades"],
    )


def _show(console: Console, found: TradeImport) -> None:
    stored = found.stored
    groups = stored.trades.groupby(["strategy", "symbol", "timeframe"], sort=False)
    rows = rows_of(
        groups.agg(n_trades=("side", "size"), net_return=("net_return", "mean"), cost=("cost", "mean")).reset_index()
    )
    n_dropped = sum(len(marked) for marked in found.faults.values())
    console.json(
        {
            "set": stored.name, "format": stored.format, "fingerprint": stored.fingerprint,
            "n_read": found.n_read, "n_trades": len(stored.trades), "n_dropped": n_dropped,
            "period": list(stored.period), "faults": found.faults, "notes": list(found.notes), "instances": rows,
        }
    )  # fmt: skip
    titles = {
        "strategy": "strategy", "symbol": "symbol", "timeframe": "timeframe", "n_trades": "trades",
        "net_return": "expectancy", "cost": "cost",
    }  # fmt: skip
    console.table(f"Trade set {stored.name}", rows, titles)
    for note in found.notes:
        console.say(note)
    if found.faults:
        console.say(f"left out: {describe_faults(found.faults, found.n_read)}")
    console.say(
        f"{pluralise(len(stored.trades), 'trade')} of {pluralise(len(stored.instances), 'instance')} stored as "
        f"{stored.name}; next: tradesieve trades stats --trades {stored.name}"
    )
