"""The keys of an experiment as a JSON schema, for forms: types, defaults, descriptions and the names that are known.

Keys, types and defaults follow from `Experiment` and the classes that it holds, descriptions from their docstrings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from inspect import cleandoc
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from tradesieve.features.feature_sets import SETS, SETS_OF_SYMBOLS
from tradesieve.market.default_costs import DEFAULT_COSTS
from tradesieve.market.instruments import Instrument
from tradesieve.models.applications.registry import APPLICATIONS
from tradesieve.models.engines.registry import ENGINES
from tradesieve.models.feature_selection.registry import NAMED, OWN_SYMBOL, SELECTIONS
from tradesieve.models.fitness.registry import FITNESS
from tradesieve.models.fitted.calibration import CALIBRATIONS
from tradesieve.models.labels.registry import LABELS
from tradesieve.models.protocol.aims import AIMS
from tradesieve.models.splits import FOLDS
from tradesieve.models.weights import WEIGHTS
from tradesieve.pipelines.experiment import Experiment
from tradesieve.strategies.registry import ALL, RULES, SAMPLINGS

Schema = dict[str, Any]

CHOICES: Mapping[str, Collection[str]] = {
    "sampling": SAMPLINGS,
    "aim": AIMS,
    "selections": (*SELECTIONS, *NAMED, OWN_SYMBOL),
    "weights": WEIGHTS,
    "calibration": CALIBRATIONS,
    "engines": ENGINES,
    "applications": APPLICATIONS,
    "folds": FOLDS,
    "kind": DEFAULT_COSTS,
}
"""The only names that a key takes."""
KNOWN: Mapping[str, Collection[str]] = {
    "strategies": RULES,
    "features": (*SETS, *SETS_OF_SYMBOLS),
    "factor_sets": (*SETS, *SETS_OF_SYMBOLS),
    "label": LABELS,
    "fitness": FITNESS,
    "selected_by": FITNESS,
}
"""Names that a key takes beside names with parameters, patterns, and names that the user's own modules define."""

_KINDS = {"string": "text", "array": "list", "integer": "number", "number": "number", "null": "none"}
"""What a form calls the types that a key may have, which Prefect's names like Python's otherwise."""
_SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?:\n\n\w+\n-+\n|\Z)", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^(\w+(?:, \w+)*) : (.+(?:\n +.+)*)", re.MULTILINE)
_REFERENCE = re.compile(r" See `[\w.]+`\.|, (?:see|a key of) `[\w.]+`")


def experiment_schema() -> Schema:
    """Return the schema of an experiment's keys. No key is required, since those of a call complete them."""
    schema = _schema_of(Experiment)
    keys = schema["properties"]
    strategies = keys["strategies"]
    listed = {"type": strategies.pop("type"), "items": strategies.pop("items")}
    strategies["anyOf"] = name_kinds([listed, {"const": ALL, "title": ALL}])
    keys["instruments"]["additionalProperties"] = _terms_of_instrument()
    return schema


def describe_parameters(kind: type) -> dict[str, str]:
    """Return the descriptions of a class's parameters from its docstring, without references to modules.

    Examples
    --------
    >>> describe_parameters(Experiment)["start"]
    'ISO 8601; only bars after `start` and up to `end` are used. None leaves that side open.'
    """
    section = _SECTION.search(cleandoc(kind.__doc__ or ""))
    entries = _ENTRY.findall(section[1]) if section else []
    return {name: _one_line(text) for names, text in entries for name in names.split(", ")}


def name_kinds(alternatives: Sequence[Schema]) -> list[Schema]:
    """Title the alternatives of a key in words, unless they have a title."""
    return [{"title": _KINDS[each["type"]]} | each if each.get("type") in _KINDS else each for each in alternatives]


def _terms_of_instrument() -> Schema:
    schema = _schema_of(Instrument)
    del schema["properties"]["symbol"]
    for term in schema["properties"].values():
        term.pop("default", None)  # it depends on the kind
    schema["properties"]["kind"]["description"] = "What it is; costs and calendar that are not given follow from it."
    return schema


def _one_line(text: str) -> str:
    line = _REFERENCE.sub("", " ".join(text.split()).replace("``", "`"))
    return line[0].upper() + line[1:]


def _schema_of(kind: Any) -> Schema:
    """Return the schema of a dataclass, with those of its fields in place."""
    own, types = TypeAdapter(kind).json_schema()["properties"], get_type_hints(kind)
    described, keys = describe_parameters(kind), {}
    for item in fields(kind):
        nested = is_dataclass(types[item.name])
        key = _schema_of(types[item.name]) if nested else own[item.name]
        if item.default_factory is not MISSING and not nested:
            key["default"] = item.default_factory()
        key |= {"title": item.name, "description": described[item.name]}
        if item.name in CHOICES:
            _limit(key, CHOICES[item.name])
        if item.name in KNOWN:
            key["description"] += f" Known: {', '.join(KNOWN[item.name])}."
        if "anyOf" in key:
            key["anyOf"] = name_kinds(key["anyOf"])
        keys[item.name] = key
    return {"type": "object", "additionalProperties": False, "properties": keys}


def _limit(key: Schema, names: Collection[str]) -> None:
    """Limit the text that a key, its items or its own keys may be."""
    for part in key.get("anyOf", [key]):
        if part["type"] == "array":
            _limit(part["items"], names)
        elif part["type"] == "object":
            part["propertyNames"] = {"enum": list(names)}
        elif part["type"] == "string":
            part["enum"] = list(names)
