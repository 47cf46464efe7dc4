"""The engines by name, each imported on first use so that no vendor is loaded in vain."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

from tradesieve.market.errors import lookup

if TYPE_CHECKING:
    from tradesieve.models.engines.base import Engine

ENGINES = {
    "lightgbm": "tradesieve.models.engines.lightgbm:LightGBMEngine",
    "lightgbm_optuna": "tradesieve.models.engines.lightgbm_optuna:LightGBMOptunaEngine",
    "pycaret": "tradesieve.models.engines.pycaret:PyCaretEngine",
    "sklearn": "tradesieve.models.engines.sklearn:SklearnEngine",
    "neural_network": "tradesieve.models.engines.neural_network:NeuralNetworkEngine",
}
"""Name of an engine to ``module:class``."""


@cache
def engine_named(name: str) -> Engine:
    """Return the engine of this name, imported and built on the first call.

    Raises
    ------
    Unknown : if there is no such engine.
    """
    module, _, class_name = lookup("engine", name, ENGINES).partition(":")
    engine: Engine = getattr(importlib.import_module(module), class_name)()
    return engine
