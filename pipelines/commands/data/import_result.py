"""What an import shows: the bars that were stored, or would be, how they were read, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tradesieve.market.bars import VALUES, Bars, format_time
from tradesieve.market.sources.formats.table_bars import TableBars
from tradesieve.pipelines.commands.data.price_checks import Read
from tradesieve.pipelines.console import Console

_SHOWN = 3
"""Bars that a preview shows from either end."""


def show_import(console: Console, read: Sequence[Read], n_new: Sequence[int], *, preview: bool) -> None:
    """Show the result of an import, or its preview.

    Parameters
    ----------
    n_new : how many bars of each part were new, or would be.
    """
    symbols = sorted({part.bars.symbol for _, part in read})
    timeframe = str(read[0][1].bars.timeframe)
    names = [{"file": file, "symbol": part.bars.symbol} if symbols[1:] else {"file": file} for file, part in read]
    spans = [_span(part.bars) | {"new": new} for (_, part), new in zip(read, n_new, strict=True)]
    readings = [_reading(part) for _, part in read]
    parts = list(zip(names, spans, readings, [part.notes for _, part in read], strict=True))
    shown = [row for _, part in read for row in _first_and_last(part.bars)] if preview else []
    files = [name | span | reading | {"notes": list(notes)} for name, span, reading, notes in parts]
    answer = {"symbol": read[0][1].bars.symbol, "timeframe": timeframe, "files": files}
    console.json(answer | ({"preview": shown} if preview else {}))
    title = f"{', '.join(symbols)} {timeframe}"
    if preview:
        console.table(f"{title}, as they would be stored, in UTC", [_with_all_digits(row) for row in shown])
        console.table(
            f"{title}, how the file is read, and its rows that are left out",
            [name | reading for name, _, reading, _ in parts],
        )
    console.table(title, [name | span for name, span, _, _ in parts])
    for name, _, _, notes in parts:
        for note in notes:
            console.say(f"{': '.join(name.values())}: {note}")
    if preview:
        console.say("nothing was stored; omit --preview to store these bars")


def _first_and_last(bars: Bars) -> list[dict[str, Any]]:
    """Describe the first and the last bars as they would be stored."""
    rows = range(len(bars)) if len(bars) <= 2 * _SHOWN else [*range(_SHOWN), *range(len(bars) - _SHOWN, len(bars))]
    return [
        {
            "symbol": bars.symbol,
            "open_time": format_time(bars.open_time[row]),
            "close_time": format_time(bars.close_time[row]),
        }
        | {name: float(getattr(bars, name)[row]) for name in VALUES}
        for row in rows
    ]


def _with_all_digits(row: dict[str, Any]) -> dict[str, Any]:
    return {name: repr(value) if isinstance(value, float) else value for name, value in row.items()}


def _span(bars: Bars) -> dict[str, Any]:
    return {
        "bars": len(bars),
        "first_close": format_time(bars.close_time[0]),
        "last_close": format_time(bars.close_time[-1]),
    }


def _reading(part: TableBars) -> dict[str, Any]:
    """Describe how the times of a part were read, and count the rows that were left out or moved."""
    described = {"timezone": part.timezone, "stamp": part.stamp, "timeframe": str(part.bars.timeframe)}
    return described | asdict(part.left_out) | {"snapped": part.snapped}
