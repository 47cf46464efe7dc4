"""Engines: one vendor's estimators a file, all behind `models.engines.base.Engine`.

No vendor is imported before it is needed; models themselves live in `models.fitted.models` and need no engine.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

from tradesieve.market.errors import lookup

if TYPE_CHECKING:
    from tradesieve.models.engines.base import Engine

ENGINES = {
    "lightgbm": "tradesieve.models.engines.lightgbm:LightGBMEngine",
    "pycaret": "tradesieve.models.engines.pycaret:PyCaretEngine",
}
"""Name of an engine to the class that is it, imported when it is asked for."""


@cache
def engine_named(name: str) -> Engine:
    """Find an engine by its name.

    Raises
    ------
    Unknown : if there is no such engine.
    """
    module, _, class_name = lookup("engine", name, ENGINES).partition(":")
    engine: Engine = getattr(importlib.import_module(module), class_name)()
    return engine
