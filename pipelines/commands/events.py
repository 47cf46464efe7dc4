"""tradesieve events: how often a move followed an event, against how often it follows any bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.commands.shared.options import (
    add_options,
    as_json,
    bars_options,
    modules_option,
    with_holdout,
)
from tradesieve.pipelines.commands.shared.table_output import check_files, replace_option, write_table
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment, load_named_modules
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.reports.events_report import write_events
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.event_table import count_events
from tradesieve.pipelines.steps.sealing import shown_chunks
from tradesieve.pipelines.steps.trade_export import refuse_existing
from tradesieve.strategies.expressions.parsing import parse_condition
from tradesieve.strategies.statistics.event_moves import GROUPS, UNTOLD
from tradesieve.strategies.statistics.market_conditions import MEANINGS

_OVERALL = {"outcome": "move", "after": "after the event", "usual": "after any bar", "between": "difference, 95 %",
            "found": "found"}  # fmt: skip
_GROUPED = {"state": "state", "n_events": "events", "n_episodes": "episodes", "up": "up", "down": "down"}


@click.command(cls=HelpPage)
@click.argument("event")
@add_options([bars_options, modules_option])
@click.option("--within", default=24, show_default=True, metavar="BARS", help="Bars in which a move counts.")
@click.option("--move", default=0.01, show_default=True, metavar="X", help="Its size, as a fraction of the close.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write the table (.parquet or .csv).")
@click.option("--html", type=click.Path(path_type=Path), help="Also write a page with a plot (.html).")
@replace_option
@with_holdout
@as_json
def events(
    event: str, within: int, move: float, output: Path | None, html: Path | None, replace: bool, with_holdout: bool,
    as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Count how often a move followed EVENT, against how often it follows any bar.

    EVENT is a condition over bars and factors at a bar's close, as in files of rules. Intervals resample whole days.

    \b
        tradesieve events 'close__change__window_2 <= -0.01' --move 0.01
    """
    settings, console = read_settings(), Console(as_json=as_json)
    check_files(output, html)
    if output is not None and not replace:
        refuse_existing(output)
    load_named_modules(given)
    condition = parse_condition(event)
    experiment = assemble_experiment(settings, **given)
    if len(experiment.timeframes) > 1:
        raise BadInput(f"events take one timeframe, not {', '.join(experiment.timeframes)}: pass --timeframe")
    shown = shown_chunks(
        experiment, load_chunks(experiment, settings), settings, with_holdout=with_holdout, reason=f"events {event}"
    )
    found = count_events(condition, shown.chunks, within=within, move=move, seed=0)
    if output is not None:
        write_table(pd.DataFrame(found["rows"]), output)
    notes = [*_notes(found), *shown.describe()]
    title = f"What followed {event}"
    if html is not None:
        write_events(found["rows"], html, notes=[*_asked(found), *notes], title=title)
    written = {name: str(path) for name, path in (("output", output), ("html", html)) if path is not None}
    console.json({"event": event, **found, **shown.as_dict(), **written})
    for line in _asked(found):
        console.say(line)
    _show(console, found["rows"], title)
    for line in notes:
        console.say(line)
    for name, path in written.items():
        console.say(f"{'page' if name == 'html' else 'table'} written to {path}")


def _show(console: Console, rows: Sequence[Mapping[str, Any]], title: str) -> None:
    overall = [
        {
            "outcome": row["outcome"],
            "after": _with_interval(row, "rate", "low", "high"),
            "usual": _rate(row["usual"]),
            "between": _with_interval(row, "difference", "difference_low", "difference_high"),
            "found": row["found"],
        }
        for row in rows
        if row["group"] == "all"
    ]
    console.table(title, overall, _OVERALL)
    for group in GROUPS:
        lines: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["group"] == group and row["n_bars"]:
                line = lines.setdefault(row["state"], {name: row[name] for name in ("state", "n_events", "n_episodes")})
                found = "" if row["found"] == UNTOLD else f" {row['found']}"
                line[row["outcome"]] = f"{_rate(row['rate'])} (usually {_rate(row['usual'])}){found}"
        meaning = MEANINGS.get(group, "of the close, UTC")
        console.table(f"By {group}: {meaning}", list(lines.values()), _GROUPED)


def _asked(found: Mapping[str, Any]) -> list[str]:
    return [
        f"{found['n_events']:,} events on {found['n_bars']:,} bars, in {found['n_episodes']:,} episodes that do not "
        f"overlap; a move of {found['move']:.4g} within {found['within']} bars"
    ]


def _notes(found: Mapping[str, Any]) -> list[str]:
    return [
        f"intervals resample blocks of {found['block_days']} day(s), since overlapping events share their moves; they "
        "are of 95 % for all events, and of 95 % together for all groups",
        "where both moves fall into one bar, which came first is not known, and neither is counted as first",
    ]


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _with_interval(row: Mapping[str, Any], name: str, low: str, high: str) -> str:
    if row[low] is None:
        return _rate(row[name])
    return f"{row[name] * 100:.1f} % ({row[low] * 100:.1f} to {row[high] * 100:.1f})"
