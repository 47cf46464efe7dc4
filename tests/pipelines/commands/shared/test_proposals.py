"""Proposed commands repeat the one that was run, without the passwords in it."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from tradesieve.pipelines.commands.shared.proposals import command_with


@click.command("import")
@click.argument("files", nargs=-1)
@click.option("--timeframe")
@click.option("--table")
@click.option("--replace", is_flag=True)
def run(files: tuple[str, ...], **options: object) -> None:
    """Propose another timeframe."""
    click.echo(command_with(timeframe="1h"))


@pytest.mark.parametrize(
    ("given", "proposed"),
    [
        (["a b.csv", "--timeframe", "1m"], "tradesieve import 'a b.csv' --timeframe 1h"),
        (["a.csv", "--replace"], "tradesieve import a.csv --timeframe 1h --replace"),
        (["12:30@x.csv"], "tradesieve import 12:30@x.csv --timeframe 1h"),
        (
            ["postgresql://me:s3cret@host:5432/bars", "--table", "btc"],
            "tradesieve import 'postgresql://me:***@host:5432/bars' --timeframe 1h --table btc",
        ),
        (
            ["postgresql://host/bars?user=me&password=s3cret&sslmode=require"],
            "tradesieve import 'postgresql://host/bars?user=me&password=***&sslmode=require' --timeframe 1h",
        ),
    ],
)
def test_a_proposal_is_the_command_with_the_change_and_without_the_password(given, proposed):
    assert CliRunner().invoke(run, given, catch_exceptions=False).output.strip() == proposed
