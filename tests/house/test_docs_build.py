"""What the documentation is built with: references that hold everything, and the alarm for outside resources.

`make docs` builds the pages and runs the notebooks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest

import tradesieve
from tests.house.document_blocks import PAGES
from tests.house.readme_demo import ROOT
from tradesieve.pipelines.command_line import tradesieve as command_line
from tradesieve.pipelines.experiment_schema import experiment_schema
from tradesieve.pipelines.help_pages import walk_commands
from tradesieve.serving.openapi import openapi_document


@pytest.fixture(scope="module")
def docs() -> Iterator[ModuleType]:
    """The folder docs/ as a place to import from, which Sphinx makes of it."""
    sys.path.insert(0, str(ROOT / "docs"))
    yield import_module("generated_reference")
    sys.path.remove(str(ROOT / "docs"))


def test_every_reference_is_on_a_page(docs: ModuleType) -> None:
    asked = [name for page in PAGES for name in docs.ASKED.findall((ROOT / page).read_text(encoding="utf-8"))]
    assert sorted(asked) == sorted(docs.REFERENCES)


def test_the_references_hold_everything(docs: ModuleType) -> None:
    commands = docs.commands()
    for path, command in walk_commands(command_line):
        assert re.search(rf"^##+ {' '.join(path)}$", commands, re.MULTILINE)
        for parameter in command.params:
            if not getattr(parameter, "hidden", False) and parameter.opts[0].startswith("--"):
                assert parameter.opts[-1] in commands
    keys = experiment_schema()["properties"]
    written = docs.experiment_keys()
    assert all(f"\n`{name}` (" in f"\n{written}" for name in {*keys, *keys["plan"]["properties"]} - {"plan"})
    http = docs.http()
    assert all(f" {path}` |" in http for path in openapi_document()["paths"])
    assert all(f"tradesieve.{name}\n" in docs.python() for name in tradesieve.__all__)
    assert "`when` (text, required)" in docs.rule_keys()


def test_the_tools_go_with_what_the_project_installs() -> None:
    """They run in one process with the libraries of .venv, so shared packages have one version."""
    ours, theirs = (
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.lock", "docs/requirements.lock")
    )
    shared = {*ours} & {*theirs}
    assert len(shared) > 20
    assert {name: (ours[name], theirs[name]) for name in shared if ours[name] != theirs[name]} == {}, "run make lock"


@pytest.mark.parametrize(
    ("page", "outside"),
    [
        ('<link rel="stylesheet" href="https://fonts.example/a.css">', ["https://fonts.example/a.css"]),
        ('<script src="//cdn.example/a.js"></script><script src="a.js"></script>', ["//cdn.example/a.js"]),
        ("<style>@import 'https://a.example/b.css';</style>", ["https://a.example/b.css"]),
        ('<p style="background: url(https://a.example/b.png)">', ["https://a.example/b.png"]),
        ("<iframe srcdoc=\"&lt;img src='https://a.example/b.png'&gt;\"></iframe>", ["https://a.example/b.png"]),
        ('<a href="https://a.example">read</a><link rel="canonical" href="https://a.example"><img src="b.png">', []),
    ],
)
def test_the_alarm_for_outside_resources_hears(docs: ModuleType, page: str, outside: list[str]) -> None:
    assert import_module("outside_resources").outside_resources(page) == outside
