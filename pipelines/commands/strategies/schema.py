"""tradesieve strategies schema: the format of a file of rules."""

from __future__ import annotations

import json

import click

from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.strategies.rule_files.texts import rule_file_schema


@click.command(cls=HelpPage)
@as_json
def schema(as_json: bool) -> None:
    """Print the JSON schema of a file of rules in YAML or JSON, for editors and forms.

    \b
        tradesieve strategies schema > rules.schema.json
    """
    click.echo(json.dumps(rule_file_schema(), indent=2))  # the same with --json
