"""tradesieve model choices: the names that the keys of an experiment take."""

from __future__ import annotations

from typing import Any

import click

from tradesieve.market.instruments import Instrument
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.experiment_schema import CHOICES, KNOWN, describe_parameters
from tradesieve.pipelines.help_pages import HelpPage

_SHOWN = {"key": "key", "names": "names", "description": "description"}


@click.command(cls=HelpPage)
@as_json
def choices(as_json: bool) -> None:
    """List the names that the keys of an experiment take, in YAML and as options."""
    console = Console(as_json=as_json)
    rows = [_described(key) for key in (*KNOWN, *CHOICES)]
    console.json({"choices": rows})
    console.table("names by key", [row | {"names": ", ".join(row["names"])} for row in rows], _SHOWN)


def _described(key: str) -> dict[str, Any]:
    owner = next(kind for kind in (Experiment, Plan, Instrument) if key in describe_parameters(kind))
    # Beside those of a key that takes others too, a user's own modules may define names.
    return {
        "key": key,
        "names": list({**KNOWN, **CHOICES}[key]),
        "takes_others": key in KNOWN,
        "description": describe_parameters(owner)[key],
    }
