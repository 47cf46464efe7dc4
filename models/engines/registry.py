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
    "pycaret_ensemble": "tradesieve.models.engines.pycaret_ensemble:PyCaretEnsembleEngine",
    "sklearn": "tradesieve.models.engines.sklearn:SklearnEngine",
    "neural_network": "tradesieve.models.engines.neural_network:NeuralNetworkEngine",
    "flaml": "tradesieve.models.engines.flaml:FLAMLEngine",
    "xgboost": "tradesieve.models.engines.xgboost:XGBoostEngine",
    "catboost": "tradesieve.models.engines.catboost:CatBoostEngine",
    "autogluon": "tradesieve.models.engines.external:AutoGluonEngine",
    "mljar": "tradesieve.models.engines.external:MljarEngine",
    "tpot": "tradesieve.models.engines.external:TPOTEngine",
}
"""Name of an engine to ``module:class``; not all are installed everywhere, see `Engine.is_installed`."""


def installed_engines() -> tuple[str, ...]:
    """Name the engines whose library or environment is installed."""
    return tuple(name for name in ENGINES if engine_named(name).is_installed())


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
