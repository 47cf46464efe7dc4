"""tradesieve data repair: repair defects that a check found, and undo repairs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from tradesieve.market.errors import BadInput
from tradesieve.market.quality.repairs import REPAIRS, repair_bars
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data.stored import find_stored
from tradesieve.pipelines.commands.shared.completion import complete_symbols
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import split_commas
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.settings import read_settings

_SHOWN = 20


@click.command(cls=HelpPage)
@click.option("--symbol", required=True, shell_complete=complete_symbols, help="The stored symbol.")
@click.option("--timeframe", required=True, help="The stored timeframe, such as 1m.")
@click.option("--fix", help=f"Repairs to make, separated by commas: {', '.join(REPAIRS)}.")
@click.option("--dry-run", is_flag=True, help="Show what would be changed, and change nothing.")
@click.option("--undo", is_flag=True, help="Restore the bars as they were before every repair.")
@as_json
def repair(symbol: str, timeframe: str, fix: str | None, dry_run: bool, undo: bool, as_json: bool) -> None:
    """Repair stored bars with the repairs that --fix names; nothing is repaired automatically.

    \b
        bad_prints  clips prices to the range of the three bars before and after
        splits      divides earlier prices by the ratio, and multiplies volumes
        frozen      removes the copies of a bar that a frozen feed repeated
        filled      removes bars without volume that repeat the last close

    Gaps are never filled. Repairs are recorded in the stored file, and the original is kept beside it for --undo. A
    repair looks at later bars, so repair what is wrong, not what is surprising: look at it with --dry-run first.
    """
    settings, console = read_settings(), Console(as_json=as_json)
    parsed = parse_timeframe(timeframe)
    symbol = find_stored(settings, symbol, parsed)
    if undo == bool(fix):
        raise BadInput(f"pass either --fix with some of {', '.join(REPAIRS)}, or --undo")
    if undo:
        if dry_run:
            raise BadInput("--dry-run needs --fix, not --undo")
        n_undone = settings.bars.undo_repairs(symbol, parsed)
        console.json({"symbol": symbol, "timeframe": str(parsed), "undone": n_undone})
        console.say(f"{symbol} {parsed}: {pluralise(n_undone, 'repair')} undone; the bars are as they were imported")
        return
    names, requested_at = split_commas(fix or ""), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if dry_run:
        _, records = repair_bars(settings.bars.stored_bars(symbol, parsed), names, requested_at=requested_at)
    else:
        records = settings.bars.repair(symbol, parsed, lambda bars: repair_bars(bars, names, requested_at=requested_at))
    console.json({"symbol": symbol, "timeframe": str(parsed), "dry_run": dry_run, "repairs": records})
    _show(console, f"{symbol} {parsed}", records, dry_run)


def _show(console: Console, bars: str, records: list[dict[str, Any]], dry_run: bool) -> None:
    for record in records:
        changes = record["changes"]
        shown = f", the first {_SHOWN}" if len(changes) > _SHOWN else ""
        console.table(f"{bars}: {record['fix']}, {pluralise(len(changes), 'change')}{shown}", changes[:_SHOWN])
    if not records:
        console.say(f"{bars}: nothing to repair")
    elif dry_run:
        console.say("nothing was changed (--dry-run)")
    else:
        console.say("the original is kept; --undo restores it")
