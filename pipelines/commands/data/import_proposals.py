"""The commands that a refused import proposes: each of them was tried, and reads the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from tradesieve.market.errors import BadData, BadInput, TradesieveError, WrongTimeframe
from tradesieve.pipelines.commands.data.file_options import with_columns
from tradesieve.pipelines.commands.shared.proposals import command_with

_SHOWN = 3
_MOST_CHANGES = 5
"""So many refusals are followed, each with a proposal of its own."""

_OF_ROWS = {"bad_rows", "allow_negative"}
"""What is done about bad rows is only decided where nothing else is wrong."""

Changes = Mapping[str, str | bool | None]
Read = Callable[[Changes], object]
"""Reads the files with some options changed."""


def with_commands(error: TradesieveError, options: Mapping[str, Any], read: Read) -> TradesieveError:
    """Add the commands that read the files to a refusal.

    1. Read the files with each of the options that the refusal proposes.
    2. Where that is refused for another reason, follow what this proposes in turn. Which rows to drop is not decided on
       the way, nor is the timeframe where there was a choice: a wrong choice would make every timeframe wrong.

    Parameters
    ----------
    options : those of the command that was refused.
    """
    found = list(islice(_changes_that_read(error, {}, options, read, is_certain=True), _SHOWN))
    if not found:
        return error
    commands = " or: ".join(command_with(**changes) for changes in found)
    reason = error.found if isinstance(error, WrongTimeframe) else str(error)
    kind = BadData if isinstance(error, BadData) else BadInput
    return kind(f"{reason}; import it with: {commands}")


def _changes_that_read(
    error: TradesieveError, before: Changes, options: Mapping[str, Any], read: Read, *, is_certain: bool
) -> Iterator[Changes]:
    is_certain = is_certain and (not before or len(error.proposals) == 1)
    for proposal in error.proposals:
        if (before and proposal.keys() & _OF_ROWS) or ("timeframe" in proposal and not is_certain):
            continue
        if before.keys() & proposal.keys() - {"columns"}:  # what was decided on the way stays
            continue
        changes = {**before, **proposal}
        columns = proposal.get("columns")
        if isinstance(columns, str):
            given = before.get("columns")
            known = (given,) if isinstance(given, str) else options["columns"]
            changes["columns"] = with_columns(known, columns)[0]
        if changes == before or len(changes) > _MOST_CHANGES:
            continue
        try:
            read(changes)
        except TradesieveError as other:
            yield from _changes_that_read(
                other, changes, options, read, is_certain=is_certain and len(error.proposals) == 1
            )
        else:
            yield changes
