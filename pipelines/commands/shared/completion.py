"""Completion of what a shell's TAB can find in the state folder and the registries: symbols, strategies, runs, sets.

What cannot be read completes to nothing: a TAB has nowhere to report an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import click
from click.shell_completion import CompletionItem

from tradesieve.market.errors import TradesieveError
from tradesieve.pipelines.runs.finished_runs import LAST, stored_runs
from tradesieve.pipelines.settings import read_settings
from tradesieve.strategies.allocation.methods import METHODS
from tradesieve.strategies.registry import ALL, MODIFIERS, RULES


def complete_symbols(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the stored symbols that continue the last of a list."""
    with suppress(TradesieveError):
        stored = dict.fromkeys(symbol for symbol, _ in read_settings(writes=False).bars.list())
        return _continued(incomplete, ",", stored)
    return []


def complete_strategies(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the rules that continue the last of a list, or after + the modifiers."""
    if "+" in incomplete.rpartition(",")[2]:
        return _continued(incomplete, "+", MODIFIERS)
    return _continued(incomplete, ",", [*RULES, *([] if "," in incomplete else [ALL])])


def complete_runs(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the finished runs, the last one first."""
    with suppress(TradesieveError):
        runs = stored_runs(read_settings(writes=False))
        return _continued(incomplete, None, dict.fromkeys([LAST, *(str(run.result["experiment"]) for run in runs)]))
    return []


def complete_tracked_runs(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the finished runs as MLflow knows them, the last one first."""
    with suppress(TradesieveError):
        runs = stored_runs(read_settings(writes=False))
        return _continued(incomplete, None, dict.fromkeys(str(run.result["run_id"]) for run in runs))
    return []


def complete_methods(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the methods of weights."""
    return _continued(incomplete, None, METHODS)


def complete_files(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell to complete the name of a file."""
    return [CompletionItem(incomplete, type="file")]


def complete_trade_sets(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the stored sets of imported trades."""
    with suppress(TradesieveError):
        return _continued(incomplete, None, read_settings(writes=False).trade_sets.names())
    return []


def _continued(incomplete: str, separator: str | None, names: Iterable[str]) -> list[str]:
    """Return the texts in which a name stands for what comes after the last separator."""
    before, last = "", incomplete
    if separator is not None:
        head, found, last = incomplete.rpartition(separator)
        before = head + found
    return [before + name for name in names if name.startswith(last)]
