"""tradesieve model trust: whose artifacts are loaded beside those of this installation."""

from __future__ import annotations

from pathlib import Path

import click

from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.signatures import installation_keys, signer_of
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage

_SHOWN = {"key": "key", "note": "what it is"}


@click.command(cls=HelpPage)
@click.argument("signer", metavar="[KEY|PATH]", required=False)
@click.option("--note", default="", help="What the key is, for the list.")
@click.option("--remove", is_flag=True, help="Trust the key no longer.")
@click.option("--list", "only_list", is_flag=True, help="List the trusted keys, this installation's own first.")
@as_json
def trust(signer: str | None, note: str, remove: bool, only_list: bool, as_json: bool) -> None:
    """Admit the artifacts that another installation has signed; loading them runs the factors and rules in them.

    KEY is its public key, which `tradesieve model trust --list` shows there; PATH an artifact, whose signer is meant.

    \b
        tradesieve model trust 3f2a... --note "the research machine"
    """
    console, keys = Console(as_json=as_json), installation_keys()
    if only_list == (signer is not None) or (only_list and remove):
        raise BadInput("name a KEY or the PATH of an artifact, or give --list alone")
    if signer is not None:
        key = signer_of(Path(signer).resolve()) if Path(signer).is_dir() else signer
        if remove:
            keys.remove(key)
        else:
            keys.trust(key, note)
    rows = [{"key": key, "note": what} for key, what in keys.trusted().items()]
    console.json({"trusted": rows})
    if rows:
        console.table("trusted signers of artifacts", rows, _SHOWN)
    else:
        console.say(f"no key is trusted yet; the first artifact makes one in {keys.folder}")
