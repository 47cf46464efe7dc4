"""The plan of a search: what is tried, on which folds, what ranks the trials and what the gate demands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.applications.registry import application_named
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate, check_seed
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.fitness import MINIMUM_TRADES, fitness_named
from tradesieve.models.labels import label_named
from tradesieve.models.significance.gate import GateLimits
from tradesieve.models.splits import Fold, check_n_folds, folds_named


@dataclass(frozen=True)
class Plan:
    """How a dataset is searched and judged.

    Parameters
    ----------
    label : the training target, see `models.labels`.
    engines : number of candidates per engine, by the engine's name.
    applications : rules that turn scores into sizes; each of them with each candidate is a trial.
    fitness : what ranks the trials.
    minimum_trades : a trial that keeps fewer has failed.
    folds, n_folds : the splitter and its number of folds.
    embargo_days : rows decided within so many days after a test block are not trained on.
    holdout_fraction : the last part of the period, sealed until the winner is fixed.
    gate : the limits of the export gate.
    seed : of every random draw.

    Raises
    ------
    BadInput : if a value is out of its range.
    Unknown : if a name is not registered.
    """

    label: str = "won"
    engines: Mapping[str, int] = field(default_factory=lambda: {"lightgbm": 6, "pycaret": 6})
    applications: tuple[str, ...] = ("threshold", "proportional")
    fitness: str = "sortino"
    minimum_trades: int = MINIMUM_TRADES
    folds: str = "purged"
    n_folds: int = 5
    embargo_days: float = 1.0
    holdout_fraction: float = 0.2
    gate: GateLimits = field(default_factory=GateLimits)
    seed: int = 7

    def __post_init__(self) -> None:
        label_named(self.label)
        fitness_named(self.fitness)
        folds_named(self.folds)
        for name in self.applications:
            application_named(name)
        for name, count in self.engines.items():
            engine_named(name)
            if count < 0:
                raise BadInput(f"engines: {name} has {count} candidates, but the number cannot be negative")
        if not self.applications or sum(self.engines.values()) == 0:
            raise BadInput("an experiment needs at least one application and one candidate")
        if len(set(self.applications)) != len(self.applications):
            raise BadInput(f"applications are {', '.join(self.applications)}: name each one once")
        check_n_folds(self.n_folds)
        check_seed(self.seed)
        if self.minimum_trades < 1:
            raise BadInput(f"minimum_trades is {self.minimum_trades}, but must be at least 1")
        if not 0 < self.holdout_fraction < 1:
            raise BadInput(f"holdout_fraction is {self.holdout_fraction}, but must lie between 0 and 1")
        if not (math.isfinite(self.embargo_days) and self.embargo_days >= 0):
            raise BadInput(f"embargo_days is {self.embargo_days}, but must be zero or positive")

    def candidates(self) -> list[Candidate]:
        """List every candidate of every engine."""
        return [
            candidate
            for name, count in self.engines.items()
            if count
            for candidate in engine_named(name).candidates(count, seed=self.seed)
        ]

    def split(self, dataset: Dataset) -> list[Fold]:
        """Split the development part into folds."""
        embargo = int(self.embargo_days * DAY)
        return folds_named(self.folds)(dataset.decision_time, dataset.exit_time, n_folds=self.n_folds, embargo=embargo)
