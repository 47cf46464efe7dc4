"""tradesieve data repair: put right what a check found, on request, and take it back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.quality.repairs import REPAIRS, repair_bars
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import split_commas
from tradesieve.pipelines.settings import read_settings

_SHOWN = 20


@click.command()
@click.option("--symbol", required=True, help="The stored symbol.")
@click.option("--timeframe", required=True, help="The stored timeframe, such as 1m.")
@click.option("--fix", help=f"What to put right, separated by commas: {', '.join(REPAIRS)}.")
@click.option("--dry-run", is_flag=True, help="Say what would be changed, and change nothing.")
@click.option("--undo", is_flag=True, help="Put the bars back as they were before they were repaired.")
@as_json
def repair(symbol: str, timeframe: str, fix: str | None, dry_run: bool, undo: bool, as_json: bool) -> None:
    """Repair stored bars in the ways that --fix names; nothing is repaired by itself.

    \b
        bad_prints  clips prices that nobody else traded at to the range of the three bars before and after
        splits      divides prices before a split by its ratio, and multiplies volumes
        frozen      takes out the copies of a bar that a frozen feed repeated
        filled      takes out bars without volume that repeat the last close

    Gaps are never filled. What was done is written into the stored file, and the original is kept beside it for --undo.
    Repaired bars know what came after them, so repair what is wrong, not what is surprising: see it with --dry-run.
    """
    settings, console = read_settings(), Console(as_json=as_json)
    kept = parse_timeframe(timeframe)
    if (symbol, kept) not in settings.bars.list():
        raise Unknown("stored bars", f"{symbol} {kept}", [f"{name} {stored}" for name, stored in settings.bars.list()])
    if undo == bool(fix):
        raise BadInput(f"give either --fix with some of {', '.join(REPAIRS)}, or --undo")
    if undo:
        if dry_run:
            raise BadInput("--dry-run goes with --fix, not with --undo")
        undone = settings.bars.undo_repairs(symbol, kept)
        console.json({"symbol": symbol, "timeframe": str(kept), "undone": undone})
        console.say(f"{symbol} {kept}: {pluralise(undone, 'repair')} undone; the bars are as they were imported")
        return
    names, asked = split_commas(fix or ""), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if dry_run:
        _, records = repair_bars(settings.bars.load(symbol, kept), names, asked=asked)
    else:
        records = settings.bars.repair(symbol, kept, lambda bars: repair_bars(bars, names, asked=asked))
    console.json({"symbol": symbol, "timeframe": str(kept), "dry_run": dry_run, "repairs": records})
    _show(console, f"{symbol} {kept}", records, dry_run)


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
        console.say("the original is kept; --undo brings it back")
