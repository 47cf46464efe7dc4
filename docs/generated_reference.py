"""References made of what they describe: the command tree, the schemas, the service's document, the docstrings.

A page asks for one with a comment, `<!-- generated: commands -->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import click

import tradesieve
from tradesieve.pipelines.command_line import tradesieve as command_line
from tradesieve.pipelines.experiment_schema import experiment_schema
from tradesieve.pipelines.help_pages import walk_commands
from tradesieve.serving.openapi import openapi_document
from tradesieve.strategies.rule_files.texts import rule_file_schema

Schema = Mapping[str, Any]
ASKED = re.compile(r"<!-- generated: (\w+) -->")
"""How a page asks for a reference."""


def fill_in(page: str) -> str:
    """Put the references that a page asks for in their places."""
    return ASKED.sub(lambda asked: REFERENCES[asked[1]](), page)


def commands() -> str:
    """Write the help of every command, as it prints it."""
    parts = []
    for path, command in walk_commands(command_line):
        name = " ".join(("tradesieve", *path))
        context = click.Context(command, info_name=name, max_content_width=80, help_option_names=["-h", "--help"])
        level = "##" if len(path) == 1 else "###"
        shown = command.get_help(context)
        parts.append(f"{level} {' '.join(path)}\n\n```text\n{shown}\n```\n")
    return "\n".join(parts)


def experiment_keys() -> str:
    """Write the keys of an experiment's YAML, with types, defaults and descriptions."""
    schema = experiment_schema()["properties"]
    plan, instrument = schema["plan"], schema["instruments"]["additionalProperties"]
    own = {name: key for name, key in schema.items() if name != "plan"}
    return "\n\n".join(
        [
            _definitions(own),
            "## plan\n\nHow the filter is searched and judged.",
            _definitions(plan["properties"]),
            "## instruments\n\nTerms of each symbol.",
            _definitions(instrument["properties"]),
        ]
    )


def rule_keys() -> str:
    """Write the keys of a file of rules without code."""
    schema = rule_file_schema()
    parts = ["## rules", _definitions(schema["properties"])]
    for name, title in (("RuleText", "a rule"), ("SideText", "long, short"), ("ParameterText", "a parameter")):
        definition = schema["$defs"][name]
        described = next((each for each in definition.get("anyOf", []) if "properties" in each), definition)
        parts += [
            f"## {title}\n\n{definition['description']}",
            _definitions(described["properties"], required=described.get("required", ())),
        ]
    return "\n\n".join(parts)


def http() -> str:
    """Write the paths of the service, then what is exchanged."""
    document = openapi_document()
    parts = ["| request | what it does | answers |\n|---|---|---|"]
    rows = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            rows.append(f"| `{method.upper()} {path}` | {operation['summary']} | {', '.join(operation['responses'])} |")
    parts[0] += "\n" + "\n".join(rows)
    for name, schema in document["components"]["schemas"].items():
        parts.append(f"## {name}\n\n{schema.get('description', '')}".rstrip())
        parts.append(_definitions(schema.get("properties", {}), required=schema.get("required", ())))
    return "\n\n".join(parts)


def python() -> str:
    """Write the public names, each with its docstring."""
    parts = []
    for name in tradesieve.__all__:
        kind = "autoclass" if isinstance(getattr(tradesieve, name), type) else "autofunction"
        options = "\n   :members:" if kind == "autoclass" else ""
        parts.append(f"## {name}\n\n```{{eval-rst}}\n.. {kind}:: tradesieve.{name}{options}\n```\n")
    return "\n".join(parts)


REFERENCES = {
    "commands": commands,
    "experiment_keys": experiment_keys,
    "rule_keys": rule_keys,
    "http": http,
    "python": python,
}
"""What writes each reference, in Markdown."""


def _definitions(keys: Mapping[str, Schema], *, required: Any = ()) -> str:
    return "\n\n".join(
        f"`{name}` ({', '.join(_facts(name, key, required))})\n: {_description(key)}" for name, key in keys.items()
    )


def _facts(name: str, key: Schema, required: Any) -> Iterator[str]:
    yield _kind(key)
    if name in required:
        yield "required"
    elif "default" in key:
        yield f"default `{json.dumps(key['default'])}`"


def _description(key: Schema) -> str:
    text = key.get("description", "").strip()
    names = dict.fromkeys(_names(key))
    if names:
        text += f" One of {', '.join(f'`{name}`' for name in names)}."
    return text.strip().replace("\n", " ") or "–"


def _names(key: Schema) -> Iterator[str]:
    yield from key.get("enum", ())
    yield from key.get("propertyNames", {}).get("enum", ())
    for part in (*key.get("anyOf", ()), *([key["items"]] if isinstance(key.get("items"), Mapping) else [])):
        yield from _names(part)


_WORDS = {"string": "text", "array": "list", "integer": "integer", "number": "number", "null": "none", "object": "keys"}


def _kind(key: Schema) -> str:
    if "anyOf" in key:
        return " or ".join(dict.fromkeys(_kind(part) for part in key["anyOf"]))
    if "$ref" in key:
        return key["$ref"].rpartition("/")[2]
    if "const" in key:
        return f"`{key['const']}`"
    kinds = key.get("type", "anything")
    return " or ".join(_WORDS.get(each, each) for each in ([kinds] if isinstance(kinds, str) else kinds))
