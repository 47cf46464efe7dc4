"""The schema of an experiment: every key of it with a description, and nothing refused that the experiment accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.significance.gate import GateLimits
from tradesieve.pipelines.experiment import Experiment, experiment_from
from tradesieve.pipelines.experiment_schema import CHOICES, KNOWN, describe_parameters, experiment_schema

SCHEMA = experiment_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
PLAN = SCHEMA["properties"]["plan"]
TERMS = SCHEMA["properties"]["instruments"]["additionalProperties"]


def keys_of(schema: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """List every key at every depth."""
    for name, key in schema["properties"].items():
        yield place + name, key
        if "properties" in key:
            yield from keys_of(key, f"{place}{name}.")


def test_it_has_the_keys_of_the_classes_and_no_others() -> None:
    for schema, kind, left_out in (
        (SCHEMA, Experiment, set()),
        (PLAN, Plan, set()),
        (PLAN["properties"]["gate"], GateLimits, set()),
        (TERMS, Instrument, {"symbol"}),
    ):
        assert set(schema["properties"]) == {field.name for field in fields(kind)} - left_out
        assert schema["additionalProperties"] is False


def test_every_key_is_described_in_one_line_without_names_of_modules() -> None:
    for name, key in [*keys_of(SCHEMA), *keys_of(TERMS, "terms.")]:
        text = key["description"]
        assert len(text) > 10, name
        assert text[0].isupper(), name
        assert text.endswith("."), name
        for word in ("\n", "``", "see `", "models.", "market.", "pipelines."):
            assert word not in text, name


def test_every_key_shows_its_default() -> None:
    defaults = Experiment(symbols=("AAA",)).as_dict()
    limits = PLAN["properties"]["gate"]
    for place, schema in ((defaults, SCHEMA), (defaults["plan"], PLAN), (defaults["plan"]["gate"], limits)):
        for name, key in schema["properties"].items():
            if name != "symbols" and "properties" not in key:
                assert json.loads(json.dumps(key["default"])) == place[name], name


@pytest.mark.parametrize(
    "values",
    [
        {},
        Experiment(symbols=("AAA",)).as_dict(),
        {"symbols": ["AAA", "BBB"], "strategies": "all", "num_strategies": None, "features": "minimal"},
        {"strategies": ["dip_buying", "volatility_breakout(window=20|50)+trailing(ranges=3)"], "start": "2024-01-31"},
        {"instruments": {"AAA": {"kind": "stock", "taker_fee": 0, "fill_without_trades": False}}, "settle_with": "1m"},
        {"plan": {"label": ["won", "triple_barrier(horizon=20,width=2)"], "weights": ["uniform", "time_decay"]}},
        {"plan": {"engines": {"lightgbm": 3, "sklearn": 0}, "calibration": "none", "gate": {"confidence": 0.9}}},
        {"plan": {"n_folds": 4.0, "embargo_days": 2, "selections": ["all", "stability"], "budget": "40 trials"}},
        {"feature_sets": {"mine": ["close__slope__window_20"]}, "features": ["mine", "aligned"]},
    ],
)
def test_what_an_experiment_accepts_passes(values: dict[str, Any]) -> None:
    experiment_from({"symbols": ["AAA"]} | values)
    VALIDATOR.validate(values)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"sybols": ["AAA"]}, ""),
        ({"plan": {"sed": 1}}, "plan"),
        ({"plan": {"gate": {"confidnce": 0.9}}}, "plan.gate"),
        ({"instruments": {"AAA": {"taker": 0.1}}}, "instruments.AAA"),
        ({"sampling": "gird"}, "sampling"),
        ({"plan": {"aim": "smoth"}}, "plan.aim"),
        ({"plan": {"engines": {"lightgbn": 3}}}, "plan.engines"),
        ({"plan": {"selections": ["all", "borutta"]}}, "plan.selections.1"),
        ({"plan": {"weights": ["uniform", "unique"]}}, "plan.weights"),
        ({"plan": {"seed": "seven"}}, "plan.seed"),
        ({"timeframes": "5m"}, "timeframes"),
    ],
)
def test_what_it_refuses_the_experiment_refuses(values: dict[str, Any], place: str) -> None:
    (error,) = VALIDATOR.iter_errors(values)
    assert ".".join(map(str, error.absolute_path)) == place
    with pytest.raises(BadInput):
        experiment_from({"symbols": ["AAA"]} | values)


def test_the_names_are_those_of_keys_that_exist() -> None:
    known = {name.rpartition(".")[2] for name, _ in [*keys_of(SCHEMA), *keys_of(TERMS)]}
    assert set(CHOICES) | set(KNOWN) <= known
    assert not set(CHOICES) & set(KNOWN)
    for name, key in keys_of(SCHEMA):
        if (last := name.rpartition(".")[2]) in CHOICES:
            assert next(iter(CHOICES[last])) in str(key), f"{name} shows its choices"


def test_references_to_modules_are_left_out_of_descriptions() -> None:
    assert describe_parameters(Instrument)["calendar"] == "The name of its trading calendar."
    assert describe_parameters(Plan)["budget"].endswith("empty: every candidate is tried.")
