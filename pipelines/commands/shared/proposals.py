"""Commands that a refusal proposes: the one that was run, with some options changed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

import click
from click.core import ParameterSource

_SECRET = re.compile(r"(?<=:)[^:/@]+(?=@)|(?<=password=)[^&]+")
"""A password in the URL of a database, before its host or in its query."""


def command_with(**changes: str | bool | None) -> str:
    """Write the running command with other values of some of its options, to be copied into a shell.

    A password in the URL of a database is written as three asterisks.

    Parameters
    ----------
    changes : {parameter of the command: its value, True for a flag, None to omit it}.
    """
    context = click.get_current_context()
    words: list[str] = []
    for parameter in context.command.params:
        name = str(parameter.name)
        if name in changes or context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            value = changes.get(name, context.params[name])
            words += [] if value is None else _words(parameter, value)
    return f"tradesieve {context.command_path.removeprefix('tradesieve ')} {shlex.join(words)}"


def _words(parameter: click.Parameter, value: object) -> Iterable[str]:
    values = [str(each) for each in value] if isinstance(value, tuple) else [str(value)]
    values = [_SECRET.sub("***", each) if "://" in each else each for each in values]
    if isinstance(parameter, click.Argument):
        return values
    option = max(parameter.opts, key=len)
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [option] if value else []
    return [word for each in values for word in (option, each)]
