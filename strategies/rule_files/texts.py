"""The text of a file of rules: its format as pydantic models, its JSON schema, and where in the file a fault is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tradesieve.market.errors import BadInput, nearest

Keys = tuple[str | int, ...]
"""Keys from the top of a file to a value in it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ParameterText(_Part):
    """A parameter of a rule: a number, or its default and the values of its grid."""

    default: int | float
    grid: list[int | float] = Field([], description="Values to try; without any, the default alone.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return given if isinstance(given, dict) else {"default": given}


class SideText(_Part):
    """When a rule enters on one side, and where it leaves; the condition alone may stand for it."""

    when: str = Field(description="Condition at a bar's close, such as close > previous(bars__highest__window_20).")
    stop: str | None = Field(None, description="Price of the stop, such as close * 0.98.")
    target: str | None = Field(None, description="Price of the target.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"when": given} if isinstance(given, str) else given


class RuleText(_Part):
    """A rule as its file has it."""

    about: str = Field("", description="What it does, in a sentence.")
    parameters: dict[str, ParameterText] = Field({}, description="Numbers by name; they may stand in names of factors.")
    long: SideText | None = Field(None, description="When it buys.")
    short: SideText | None = Field(None, description="When it sells short.")
    modifiers: list[str] = Field(
        [], description="How trades are left, paused and sized, where the rule is named without parentheses."
    )


class RuleFile(_Part):
    """A file of rules."""

    rules: dict[str, RuleText] = Field(min_length=1, description="Rules by name.")


def rule_file_schema() -> dict[str, Any]:
    """Return the JSON schema of a file of rules."""
    schema = RuleFile.model_json_schema()
    parts = schema["$defs"]
    for name, short in (("SideText", {"type": "string"}), ("ParameterText", {"type": "number"})):
        parts[name] = {"description": parts[name].pop("description"), "anyOf": [short, parts[name]]}
    return schema | {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Rules of tradesieve"}


@dataclass(frozen=True)
class RuleFileText:
    """A file that was read.

    Parameters
    ----------
    file : its name.
    rules : by name.
    lines : of its values, from 1, by their paths.
    """

    file: str
    rules: dict[str, RuleText]
    lines: dict[Keys, int]

    def place(self, *path: str | int) -> str:
        """Return the file, the line of a value and its path, for messages."""
        return _place(self.file, self.lines, path)


def read_rule_file(source: str, file: str) -> RuleFileText:
    """Read a file of rules, YAML or JSON.

    Raises
    ------
    BadInput : names the file, the line and what is wrong.
    """
    # Tabs are allowed between the parts of JSON, not of YAML; JSON has none elsewhere.
    text = source.replace("\t", " ") if file.endswith(".json") else source
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        lines = dict(_lines(node, file)) if node is not None else {}
        values = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadInput(f"{file}{line}: not valid YAML: {error.problem}") from None
    except BadInput:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()
    try:
        return RuleFileText(file, RuleFile.model_validate(values).rules, lines)
    except ValidationError as error:
        raise _explained(error, file, lines) from None


def _lines(node: yaml.Node, file: str, path: Keys = ()) -> Iterator[tuple[Keys, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            if key.value in keys:
                raise BadInput(f"{file}, line {key.start_mark.line + 1}: {key.value} is given twice")
            keys.add(key.value)
            yield from _lines(value, file, (*path, key.value))
            yield (
                (*path, key.value),
                key.start_mark.line + 1 if isinstance(value, yaml.CollectionNode) else (value.start_mark.line + 1),
            )
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from _lines(value, file, (*path, position))


def _place(file: str, lines: dict[Keys, int], path: Sequence[str | int]) -> str:
    """Return where a value is; of one that the file does not have, where the part around it begins."""
    found = tuple(path)
    while found not in lines and found:
        found = found[:-1]
    keys = path[1:] if path[:1] == ("rules",) else path
    named = "".join(f": {key}" for key in keys)
    return f"{file}, line {lines.get(found, 1)}{named}"


def _explained(error: ValidationError, file: str, lines: dict[Keys, int]) -> BadInput:
    """Return the first thing that pydantic found, in our words."""
    # A key that is missing may be one that is misspelt.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    path: Keys = tuple(part for part in first["loc"] if part not in ("int", "float", "[key]"))
    if first["type"] == "extra_forbidden":
        *parent, key = path
        known = _keys_at(parent)
        near = nearest(str(key), known)
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(known)}"
        return BadInput(f"{_place(file, lines, path)}: unknown key: {hint}")
    if first["type"] == "missing":
        return BadInput(f"{_place(file, lines, path[:-1])}: {path[-1]} is missing")
    if first["type"] == "too_short":
        return BadInput(f"{_place(file, lines, path)}: there is no rule in it")
    if first["type"] in ("model_type", "dict_type"):
        expected = "rules: and below it each rule by its name" if len(path) < 2 else "keys with values"
        return BadInput(f"{_place(file, lines, path)}: expected {expected}")
    given = "" if isinstance(first["input"], dict | list) else f"is {first['input']!r}; "
    return BadInput(f"{_place(file, lines, path)}: {given}{first['msg'][0].lower()}{first['msg'][1:]}")


def _keys_at(path: Sequence[str | int]) -> list[str]:
    """Return the keys that a part of a file may have, by what stands around it."""
    parts: dict[int, type[BaseModel]] = {0: RuleFile, 2: RuleText, 3: SideText}
    return list(parts.get(len(path), ParameterText).model_fields)
