"""tradesieve strategies code: a rule without code as Python."""

from __future__ import annotations

from pathlib import Path

import click

from tradesieve.features.user_modules import load_user_modules
from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.table_output import replace_option
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import split_commas
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.steps.trade_export import refuse_existing
from tradesieve.strategies.registry import get_rule
from tradesieve.strategies.rule_files.printing import python_module
from tradesieve.strategies.rule_files.rules import ExpressionRule


@click.command(cls=HelpPage)
@click.argument("name")
@click.option(
    "--module",
    "--modules",
    "modules",
    required=True,
    metavar="FILE,...",
    help="The file of rules, and before it those of your factors that it names.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the code to this file (.py) instead.")
@replace_option
@as_json
def code(name: str, modules: str, output: Path | None, replace: bool, as_json: bool) -> None:
    """Print NAME, a rule of a YAML or JSON file, as a Python module that makes identical trades.

    \b
        tradesieve strategies code my_channel --modules my_rules.yaml \\
            --output my_channel.py
    """
    load_user_modules(split_commas(modules))
    rule = get_rule(name)
    if not issubclass(rule, ExpressionRule):
        raise BadInput(f"{name} is written in Python already; code is printed for rules of YAML and JSON files")
    source = python_module(rule)
    console = Console(as_json=as_json)
    if output is None:
        console.json({"rule": name, "code": source})
        if not as_json:
            click.echo(source, nl=False)
        return
    if output.suffix != ".py" or not output.stem.isidentifier():
        raise BadInput(f"{output}: code is written to a file with a Python name that ends in .py, such as {name}.py")
    if not replace:
        refuse_existing(output)
    with atomic_write(output) as temporary:
        temporary.write_text(source, encoding="utf-8")
    console.json({"rule": name, "code": source, "output": str(output)})
    console.say(f"{name} written to {output}")
