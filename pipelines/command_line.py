"""The command line. Every command prints tables, or one JSON object with ``--json``.

Exit codes: 0 on success, 2 on bad input or a refusal (with one line that says what to do), 1 on an internal error.
With ``--json`` that line is an object with ``error`` and ``exit_code``, unless a result was printed before it.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import click

from tradesieve.market.caches import CacheWarning
from tradesieve.market.errors import TradesieveError
from tradesieve.pipelines.help_pages import HelpGroup

_QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # MLflow logs each migration of a new database, and a traceback when the disk is full; a command reports the latter
    # in one line.
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
}
_COMMANDS = {
    "doctor": "Check this machine: versions, ports, disk, state folder, clock.",
    "init": "Start a project: an experiment, factors and rules of your own.",
    "demo": "Run everything on a synthetic market, in minutes.",
    "data": "Bring bars in, list them, check and repair them.",
    "trades": "Generate the trades that rules would have made, and look at them.",
    "strategies": "List rules and modifiers; print rules without code as Python.",
    "events": "Count how often a move followed an event.",
    "factors": "List, compute, check and describe factors.",
    "model": "Search for filters, judge, export and serve them.",
    "report": "What a run found, and whether it is luck, as a page.",
    "up": "Start Prefect, the MLflow UI and the service; stop on Ctrl-C.",
    "paper": "Replay bars through the bot and the service.",
}
"""Name and first line of help. A command's module is imported only when it is called, so that `--help` is quick."""

_DISK_ERRORS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO)
_DISK_SIGNS = (
    "No space left on device",
    "File too large",
    "disk I/O error",
    "database or disk is full",
    "readonly database",
    "unable to open database file",
)
"""How SQLite, Arrow and SQLAlchemy report a full or read-only disk in errors without an error number."""


class Commands(HelpGroup):
    """A group that imports its commands one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the work."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"tradesieve.pipelines.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tradesieve")
def tradesieve() -> None:
    """Learn which of a strategy's trades to take, test that it is not luck, and score trades for live bots.

    State lives under TRADESIEVE_HOME, ./var by default.
    """


def main() -> None:
    """Run the command line."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    _show_cache_warnings()
    outcome: dict[str, bool] = {}
    end = partial(_end, as_json="--json" in sys.argv, outcome=outcome)
    try:
        tradesieve.main(prog_name="tradesieve", standalone_mode=False, obj=outcome)
    except click.exceptions.Exit as finished:
        sys.exit(finished.exit_code)
    except SystemExit as finished:
        # Click exits with 1 when the reader of a pipe, such as `head`, closes it.
        sys.exit(0 if isinstance(finished.__context__, BrokenPipeError) else finished.code)
    except click.Abort:
        end("interrupted", 130)
    except click.ClickException as error:
        hint = f"; see `{error.ctx.command_path} --help`" if isinstance(error, click.UsageError) and error.ctx else ""
        end(error.format_message().rstrip(".") + hint, 2)
    except TradesieveError as error:
        end(str(error), 2, excerpt=error.excerpt)
    except Exception as error:
        disk_error = _disk_error(error)
        if disk_error is None:
            raise
        end(disk_error, 2)


def _show_cache_warnings() -> None:
    """Show what is wrong with a cache in one line, once; other warnings as Python does."""
    show, shown = warnings.showwarning, set[str]()

    def show_once(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        if not issubclass(category, CacheWarning):
            show(message, category, *place, **options)
        elif str(message) not in shown:
            shown.add(str(message))
            click.echo(f"tradesieve: {message}", err=True)

    warnings.showwarning = show_once
    warnings.simplefilter("always", CacheWarning)


def _end(text: str, code: int, *, as_json: bool, outcome: Mapping[str, bool], excerpt: str = "") -> None:
    """End with a sentence in one line: on standard error, or as the one JSON object that a command prints.

    An excerpt at the end of the text, which shows the place of an error, keeps its lines.
    """
    # A proposed command keeps its tabs and spaces.
    line = " ".join(line.strip() for line in text.removesuffix(excerpt).splitlines())
    if as_json and not outcome:
        shown = {"excerpt": excerpt.strip("\n")} if excerpt else {}
        click.echo(json.dumps({"error": line, "exit_code": code} | shown))
    else:
        click.echo(f"tradesieve: {line}{excerpt}", err=True)
    sys.exit(code)


def _disk_error(error: BaseException) -> str | None:
    """Describe the disk error that an exception was caused by, whichever library raised it; None if there is none."""
    for cause in _causes(error):
        text = str(cause)
        denied = isinstance(cause, OSError) and cause.errno in _DISK_ERRORS
        if denied or any(sign in text for sign in _DISK_SIGNS):
            return f"the state folder cannot be written: {text.splitlines()[0]}; make room or set TRADESIEVE_HOME"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


if __name__ == "__main__":
    main()
