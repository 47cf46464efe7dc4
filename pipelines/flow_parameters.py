"""The parameters of the flows: their types, and the schema that makes Prefect's form and by which it refuses values."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from tradesieve.pipelines.experiment_schema import Schema, experiment_schema, name_kinds
from tradesieve.strategies.registry import ALL, RULES


def _names(description: str) -> WithJsonSchema:
    """Describe names separated by commas, as on the command line, or as a list."""
    listed = {"type": "array", "items": {"type": "string"}}
    return WithJsonSchema({"anyOf": name_kinds([{"type": "string"}, listed]), "description": description})


def _config_schema() -> Schema:
    return {
        "anyOf": name_kinds([experiment_schema() | {"title": "experiment"}, {"type": "null"}]),
        "description": "The keys of an experiment, as in the YAML of `tradesieve model experiment --config`. The "
        "parameters above override them where they are not at their defaults. Without `symbols`, every stored one.",
    }


Symbols = Annotated[
    str | list[str],
    _names("Such as `BTC-USD,ETH-USD`: stored symbols, separated by commas. Empty: every stored one."),
]
Timeframes = Annotated[
    str | list[str],
    _names("Such as `5m` or `15m,1h,1d`, separated by commas. Shorter stored bars are resampled."),
]
Strategies = Annotated[
    str | list[str],
    _names(
        "Rules, or whole strategies such as `volatility_breakout(window=20|50)+trailing(ranges=3)`, separated by "
        f"commas. Empty: five strategies, each of another rule. `{ALL}`: every strategy of every rule. "
        f"Rules: {', '.join(RULES)}."
    ),
]
NumberOfStrategies = Annotated[
    int | None,
    WithJsonSchema(
        {
            "anyOf": name_kinds([{"type": "integer", "minimum": 1}, {"type": "null"}]),
            "description": "How many strategies, one of each rule in turn. Empty: five, or all if `strategies` is "
            f"`{ALL}` or gives the parameters of each.",
        }
    ),
]
Config = Annotated[dict[str, Any] | None, WithJsonSchema(_config_schema())]
Retrain = Annotated[
    bool,
    WithJsonSchema(
        {
            "type": "boolean",
            "description": "Whether to search again, with the experiment in `config`, where live is worse than luck.",
        }
    ),
]
