"""Learn which trades of a strategy to take, show that it is not luck, and serve the decision to live bots over HTTP.

The rooms, in data order; a room imports only rooms to its left:

    market -> features -> strategies -> models -> serving -> trading -> pipelines

The names below are what a script or a notebook starts from. Each is imported when it is first used::

    import tradesieve as ts

    bars = ts.Bars.from_frame(my_dataframe, "BTC-USD", "5m")
    trades = ts.trades(["dip_buying", "volatility_breakout"], bars)
    run = ts.experiment(trades)
    with ts.serve(run) as service:
        service.client().model()

The functions in lower case do what the command of their name does, on the same state folder: ``TRADESIEVE_HOME``, or
``./var``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradesieve.features.engine.compute import compute as compute
    from tradesieve.features.feature_names import parse_feature as parse_feature
    from tradesieve.features.user_factors import factor as factor
    from tradesieve.market.bars import Bars as Bars
    from tradesieve.market.errors import TradesieveError as TradesieveError
    from tradesieve.market.instruments import Instrument as Instrument
    from tradesieve.market.sources.reading import read_file as read_file
    from tradesieve.market.storage.bar_store import BarStore as BarStore
    from tradesieve.market.synthetic import SyntheticMarket as SyntheticMarket
    from tradesieve.market.timeframes import parse_timeframe as parse_timeframe
    from tradesieve.models.artifact.artifact import load_artifact as load_artifact
    from tradesieve.models.fitness.user_fitness import fitness as fitness
    from tradesieve.models.labels.user_labels import label as label
    from tradesieve.pipelines.experiment import Experiment as Experiment
    from tradesieve.pipelines.notebook.feature_table import factors as factors
    from tradesieve.pipelines.notebook.runs import Run as Run
    from tradesieve.pipelines.notebook.runs import experiment as experiment
    from tradesieve.pipelines.notebook.runs import report as report
    from tradesieve.pipelines.notebook.service import serve as serve
    from tradesieve.pipelines.notebook.stored_bars import bars as bars
    from tradesieve.pipelines.notebook.stored_bars import import_file as import_file
    from tradesieve.pipelines.notebook.trade_set import Trades as Trades
    from tradesieve.pipelines.notebook.trade_set import trades as trades
    from tradesieve.pipelines.notebook.weights import Weights as Weights
    from tradesieve.pipelines.notebook.weights import weights as weights
    from tradesieve.pipelines.runs.experiment_run import run_experiment as run_experiment
    from tradesieve.pipelines.settings import read_settings as read_settings
    from tradesieve.serving.client import AsyncScoringClient as AsyncClient  # noqa: F401 - a public name
    from tradesieve.serving.client import ScoringClient as Client  # noqa: F401 - a public name
    from tradesieve.serving.in_process import InProcessClient as InProcessClient
    from tradesieve.strategies.backtest.simulator import simulate as simulate
    from tradesieve.strategies.registry import parse_strategy as parse_strategy
    from tradesieve.strategies.user_rules import rule as rule

_MODULES = {
    "Bars": "market.bars",
    "Instrument": "market.instruments",
    "parse_timeframe": "market.timeframes",
    "read_file": "market.sources.reading",
    "BarStore": "market.storage.bar_store",
    "SyntheticMarket": "market.synthetic",
    "TradesieveError": "market.errors",
    "factor": "features.user_factors",
    "parse_feature": "features.feature_names",
    "compute": "features.engine.compute",
    "rule": "strategies.user_rules",
    "parse_strategy": "strategies.registry",
    "simulate": "strategies.backtest.simulator",
    "label": "models.labels.user_labels",
    "fitness": "models.fitness.user_fitness",
    "load_artifact": "models.artifact.artifact",
    "Client": "serving.client:ScoringClient",
    "AsyncClient": "serving.client:AsyncScoringClient",
    "InProcessClient": "serving.in_process",
    "Experiment": "pipelines.experiment",
    "run_experiment": "pipelines.runs.experiment_run",
    "read_settings": "pipelines.settings",
    "bars": "pipelines.notebook.stored_bars",
    "import_file": "pipelines.notebook.stored_bars",
    "Trades": "pipelines.notebook.trade_set",
    "trades": "pipelines.notebook.trade_set",
    "Weights": "pipelines.notebook.weights",
    "weights": "pipelines.notebook.weights",
    "factors": "pipelines.notebook.feature_table",
    "Run": "pipelines.notebook.runs",
    "experiment": "pipelines.notebook.runs",
    "report": "pipelines.notebook.runs",
    "serve": "pipelines.notebook.service",
}
"""The module of each public name, and its name there where it is another one; in data order."""

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, inside = _MODULES[name].partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), inside or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
