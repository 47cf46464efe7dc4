"""The applications by name, and their restoration from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from tradesieve.market.errors import BadInput, lookup
from tradesieve.models.applications.base import Application
from tradesieve.models.applications.kelly import Kelly
from tradesieve.models.applications.per_rule_threshold import PerRuleThreshold
from tradesieve.models.applications.per_strategy_threshold import PerStrategyThreshold
from tradesieve.models.applications.positive_score import PositiveScore
from tradesieve.models.applications.proportional import Proportional
from tradesieve.models.applications.quantile import Quantile
from tradesieve.models.applications.threshold import Threshold

APPLICATIONS: dict[str, type[Application]] = {
    kind.name: kind
    for kind in (PositiveScore, Threshold, Quantile, Proportional, Kelly, PerStrategyThreshold, PerRuleThreshold)
}


def application_named(name: str) -> type[Application]:
    """Return the application of this name.

    Raises
    ------
    Unknown : if there is no such application.
    BadInput : if it is ``flip``, which is a modifier of strategies.
    """
    if name == "flip":
        raise BadInput(
            "applications: flip is a modifier of strategies, because the opposite of a trade has exits and costs of "
            "its own: name the strategies a second time, with +flip"
        )
    return lookup("application", name, APPLICATIONS)


def from_parameters(name: str, parameters: Mapping[str, Any]) -> Application:
    """Restore an application from its `parameters`.

    Raises
    ------
    Unknown : if there is no such application.
    BadInput : if the parameters are not those of the application; only one with a default may be missing.
    """
    kind = application_named(name)
    expected = {field.name for field in fields(kind)}
    required = {field.name for field in fields(kind) if field.default is MISSING}
    if not required <= set(parameters) <= expected:
        raise BadInput(f"parameters of {name!r} are {sorted(expected)}, not {sorted(parameters)}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()})
