"""tradesieve init: the files of a project to start from."""

from __future__ import annotations

from pathlib import Path

import click

from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage

FILES = ("experiment.yaml", "my_factors.py", "my_rules.py")
_TEMPLATES = Path(__file__).resolve().parents[1] / "starter"


@click.command(cls=HelpPage)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--replace", is_flag=True, help="Replace files that exist.")
@as_json
def init(folder: Path, replace: bool, as_json: bool) -> None:
    """Start a project in FOLDER, the current one by default: an experiment, factors and rules of your own.

    Three commented files that run as they are: experiment.yaml, my_factors.py and my_rules.py.

    \b
        tradesieve init my_project
    """
    console = Console(as_json=as_json)
    paths = [folder / name for name in FILES]
    existing = [str(path) for path in paths if path.exists()]
    if existing and not replace:
        raise BadInput(f"{', '.join(existing)} would be replaced: name another folder, or add --replace")
    for path in paths:
        with atomic_write(path) as temporary:
            temporary.write_text((_TEMPLATES / f"{path.name}.jinja").read_text(encoding="utf-8"), encoding="utf-8")
    console.json({"files": [str(path) for path in paths]})
    console.say(f"written: {', '.join(map(str, paths))}. What to run next{'' if folder == Path() else ' there'}:")
    console.say("  tradesieve data import FILE --symbol BTC-USD --timeframe 1m   bars, or `data fetch`")
    console.say("  tradesieve factors check --module my_factors.py               do the factors look ahead?")
    console.say("  tradesieve trades stats --config experiment.yaml              what the rules earn without a filter")
    console.say("  tradesieve model experiment --config experiment.yaml          which of their trades to take")
