"""The plan of a search: what is tried, on which folds, what ranks the trials and what the gate demands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tradesieve.features.inputs import is_beside
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.applications.registry import APPLICATIONS, application_named
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate, check_seed
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.feature_selection import OWN_SYMBOL
from tradesieve.models.fitness.registry import MINIMUM_TRADES, fitness_named
from tradesieve.models.labels.base import REGRESSION
from tradesieve.models.labels.registry import label_named
from tradesieve.models.protocol.aims import aim_named
from tradesieve.models.significance.gate import GateLimits
from tradesieve.models.splits import Fold, check_n_folds, folds_named


@dataclass(frozen=True)
class Plan:
    """How a dataset is searched and judged.

    Parameters
    ----------
    aim : what the filter is for, see `models.protocol.aims`.
    label : the training target, see `models.labels`.
    engines : number of candidates per engine, by the engine's name.
    applications : rules that turn scores into sizes; each of them with each candidate is a trial. Empty: that of the
        aim.
    fitness : the score.
    selected_by : the measure that ranks trials and chooses the parameters of applications. Empty: that of the aim where
        `fitness` is the Sortino ratio, and `fitness` itself otherwise.
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

    aim: str = "smooth"
    label: str = "scaled_return"
    engines: Mapping[str, int] = field(default_factory=lambda: {"lightgbm": 3})
    applications: tuple[str, ...] = ()
    fitness: str = "sortino"
    selected_by: str = ""
    minimum_trades: int = MINIMUM_TRADES
    folds: str = "purged"
    n_folds: int = 5
    embargo_days: float = 1.0
    holdout_fraction: float = 0.2
    gate: GateLimits = field(default_factory=GateLimits)
    seed: int = 7

    def __post_init__(self) -> None:
        aim_named(self.aim)
        task = label_named(self.label).task
        fitness_named(self.fitness)
        fitness_named(self.selection)
        folds_named(self.folds)
        for name in self.applications:
            if task not in application_named(name).tasks:
                fitting = ", ".join(other for other, kind in APPLICATIONS.items() if task in kind.tasks)
                raise BadInput(
                    f"applications: {name} does not read the scores of a {task}, which the label {self.label} is: "
                    f"choose among {fitting}, or another label"
                )
        for name, count in self.engines.items():
            engine_named(name)
            if count < 0:
                raise BadInput(f"engines: {name} has {count} candidates, but the number cannot be negative")
        if sum(self.engines.values()) == 0:
            raise BadInput("an experiment needs at least one candidate")
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

    @property
    def application_names(self) -> tuple[str, ...]:
        """The applications that are tried."""
        aim, regression = aim_named(self.aim), label_named(self.label).task == REGRESSION
        return self.applications or (aim.application if regression else aim.of_classes,)

    @property
    def selection(self) -> str:
        """The measure that ranks trials and chooses the parameters of applications."""
        by_aim = aim_named(self.aim).selected_by if self.fitness == "sortino" else self.fitness
        return self.selected_by or by_aim

    def candidates(self, feature_names: Sequence[str] = ()) -> list[Candidate]:
        """List every candidate of every engine.

        Where features read symbols beside the decision's, the first candidate of each engine is tried without them too.

        Parameters
        ----------
        feature_names : what the candidates read.
        """
        task, beside = label_named(self.label).task, any(map(is_beside, feature_names))
        without = beside and not all(map(is_beside, feature_names))
        found: list[Candidate] = []
        for name, count in self.engines.items():
            if count:
                own = engine_named(name).candidates(count, seed=self.seed, task=task)
                found += [*own, replace(own[0], selection=OWN_SYMBOL)] if without else own
        return found

    def split(self, dataset: Dataset) -> list[Fold]:
        """Split the development part into folds."""
        embargo = int(self.embargo_days * DAY)
        return folds_named(self.folds)(dataset.decision_time, dataset.span_end, n_folds=self.n_folds, embargo=embargo)
