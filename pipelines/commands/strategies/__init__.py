"""tradesieve strategies: list rules and modifiers, print rules without code as Python, and the format of files."""

from __future__ import annotations

import click

from tradesieve.pipelines.commands.strategies.code import code
from tradesieve.pipelines.commands.strategies.list_ import list_
from tradesieve.pipelines.commands.strategies.schema import schema
from tradesieve.pipelines.help_pages import HelpGroup


@click.group(cls=HelpGroup)
def strategies() -> None:
    """List rules and modifiers; print rules without code as Python."""


for command in (list_, code, schema):
    strategies.add_command(command)
