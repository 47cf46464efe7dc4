"""The plan of a search: what is tried, on which folds, what ranks the trials and what the gate demands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from tradesieve.features.inputs import is_beside
from tradesieve.market.errors import BadInput, lookup
from tradesieve.market.timeframes import DAY
from tradesieve.models.applications.registry import APPLICATIONS, application_named
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate, check_seed
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.feature_selection.registry import OWN_SYMBOL, check_selection
from tradesieve.models.fitness.registry import MINIMUM_TRADES, fitness_named
from tradesieve.models.fitted.calibration import NONE, check_calibration
from tradesieve.models.labels.base import CLASSIFICATION, REGRESSION
from tradesieve.models.labels.registry import label_named
from tradesieve.models.protocol.aims import aim_named
from tradesieve.models.protocol.search_order import DIMENSIONS, parse_budget
from tradesieve.models.scopes.registry import POOLED, scope_named
from tradesieve.models.significance.gate import GateLimits
from tradesieve.models.splits import Fold, check_n_folds, folds_named
from tradesieve.models.weights import UNIFORM, WEIGHTS


@dataclass(frozen=True)
class Plan:
    """How a dataset is searched and judged.

    Parameters
    ----------
    aim : what the filter is for, see `models.protocol.aims`.
    label : the training target, see `models.labels`, or a list of them that are searched together.
    factor_sets : sets that are searched as alternatives, by name: sets of features, and ``features`` for the features
        of the experiment. Empty: the features of the experiment alone.
    selections : ways to select features inside the fold, see `models.feature_selection`, that are searched as
        alternatives: each candidate is tried with each. Empty: all features, and for random candidates a random way.
    weights : how training rows are weighed, see `models.weights`, or a list of ways.
    engines : number of candidates per engine, by the engine's name.
    calibration : how the scores of a classification become probabilities, fitted on inner folds, see
        `models.fitted.calibration`, or a list of ways. Candidates of a regression are tried without.
    scope : which trades one model is fitted on: ``pooled`` (all), ``rule``, ``instance``, ``categories`` (all, with
        columns of rule and symbol) or ``regime``, see `models.scopes`, or a list of them.
    budget : what the search may spend, a time such as ``10m`` or a number such as ``40 trials``; empty: every candidate
        is tried. See `models.protocol.search_order`.
    halving : successive halving, see `models.protocol.halving`: with 3, every candidate is tried on the last folds
        alone, and the best third of them on all; at least 2, or 0 for all candidates on all folds.
    applications : rules that turn scores into sizes; each of them with each candidate is a trial. Empty: that of the
        aim.
    fitness : the score.
    selected_by : the measure that ranks trials and chooses the parameters of applications. Empty: that of the aim where
        `fitness` is the Sortino ratio, and `fitness` itself otherwise.
    minimum_trades : a trial that keeps fewer has failed.
    folds, n_folds : the splitter and its number of folds.
    embargo_days : rows decided within so many days after a test block are not trained on.
    path_groups : groups of time by which the winner is measured on the paths of combinatorial purged cross-validation,
        see `models.protocol.paths`; at least 3, or 0 for none.
    holdout_fraction : the last part of the period, sealed until the winner is fixed.
    gate : the limits of the export gate.
    seed : of every random draw.

    Raises
    ------
    BadInput : if a value is out of its range.
    Unknown : if a name is not registered.
    """

    aim: str = "smooth"
    label: str | tuple[str, ...] = "scaled_return"
    factor_sets: tuple[str, ...] = ()
    selections: tuple[str, ...] = ()
    weights: str | tuple[str, ...] = UNIFORM
    calibration: str | tuple[str, ...] = NONE
    scope: str | tuple[str, ...] = POOLED
    budget: str = ""
    halving: int = 0
    engines: Mapping[str, int] = field(default_factory=lambda: {"lightgbm": 3})
    applications: tuple[str, ...] = ()
    fitness: str = "sortino"
    selected_by: str = ""
    minimum_trades: int = MINIMUM_TRADES
    folds: str = "purged"
    n_folds: int = 5
    embargo_days: float = 1.0
    path_groups: int = 0
    holdout_fraction: float = 0.2
    gate: GateLimits = field(default_factory=GateLimits)
    seed: int = 7

    def __post_init__(self) -> None:
        aim_named(self.aim)
        self._check_lists()
        fitness_named(self.fitness)
        fitness_named(self.selection)
        folds_named(self.folds)
        self._check_applications()
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
        if self.path_groups and self.path_groups < 3:
            raise BadInput(f"path_groups is {self.path_groups}, but must be at least 3, or 0 for no paths")
        parse_budget(self.budget)
        if self.halving < 0 or self.halving == 1:
            raise BadInput(f"halving is {self.halving}, but must be at least 2, or 0 for all candidates on all folds")
        if self.minimum_trades < 1:
            raise BadInput(f"minimum_trades is {self.minimum_trades}, but must be at least 1")
        if not 0 < self.holdout_fraction < 1:
            raise BadInput(f"holdout_fraction is {self.holdout_fraction}, but must lie between 0 and 1")
        if not (math.isfinite(self.embargo_days) and self.embargo_days >= 0):
            raise BadInput(f"embargo_days is {self.embargo_days}, but must be zero or positive")

    def _check_lists(self) -> None:
        lists = {
            "label": self.labels,
            "factor_sets": self.factor_sets,
            "selections": self.selections,
            "weights": self.all_weights,
            "calibration": self.calibrations,
            "scope": self.scopes,
        }
        for key, values in lists.items():
            if len(set(values)) != len(values):
                raise BadInput(f"{key} is {', '.join(values)}: name each one once")
            if not values and key in ("label", "weights", "scope"):
                raise BadInput(f"{key} is empty: name at least one")
        for name in self.labels:
            label_named(name)
        for name in self.selections:
            check_selection(name)
        for name in self.all_weights:
            lookup("weights", name, WEIGHTS)
        for name in self.calibrations:
            check_calibration(name)
        for name in self.scopes:
            scope_named(name)
        classes = [label for label in self.labels if label_named(label).task == CLASSIFICATION]
        if self.calibrations != (NONE,) and not classes:
            raise BadInput(
                f"calibration is {', '.join(self.calibrations)}, but {', '.join(self.labels)} is a regression: "
                "only the scores of a classification become probabilities"
            )

    def _check_applications(self) -> None:
        tasks = {label_named(name).task: name for name in reversed(self.labels)}
        for name in self.applications:
            if tasks.keys().isdisjoint(application_named(name).tasks):
                task, label = next(iter(tasks.items()))
                raise BadInput(
                    f"applications: {name} does not read the scores of a {task}, which the label {label} is: "
                    f"choose among {self._fitting(task)}, or another label"
                )
        for task, label in tasks.items():
            if not self.applications_of(task):
                raise BadInput(
                    f"applications: none of {', '.join(self.applications)} reads the scores of a {task}, which the "
                    f"label {label} is: add one of {self._fitting(task)}, or leave out the label"
                )

    @staticmethod
    def _fitting(task: str) -> str:
        return ", ".join(name for name, kind in APPLICATIONS.items() if task in kind.tasks)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that are tried."""
        return (self.label,) if isinstance(self.label, str) else self.label

    @property
    def all_weights(self) -> tuple[str, ...]:
        """The weights that are tried."""
        return (self.weights,) if isinstance(self.weights, str) else self.weights

    @property
    def calibrations(self) -> tuple[str, ...]:
        """The calibrations that are tried."""
        return (self.calibration,) if isinstance(self.calibration, str) else self.calibration

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that are tried."""
        return (self.scope,) if isinstance(self.scope, str) else self.scope

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The fields of candidates that a budget searches one after another, see `models.protocol.search_order`."""
        return DIMENSIONS if self.selections else tuple(name for name in DIMENSIONS if name != "selection")

    @property
    def application_names(self) -> tuple[str, ...]:
        """The applications that are tried."""
        tasks = dict.fromkeys(label_named(name).task for name in self.labels)
        return tuple(dict.fromkeys(name for task in tasks for name in self.applications_of(task)))

    def applications_of(self, task: str) -> tuple[str, ...]:
        """Return the applications that are tried with the scores of a task, see `models.labels.base.TASKS`."""
        aim = aim_named(self.aim)
        usual = (aim.application if task == REGRESSION else aim.of_classes,)
        return tuple(name for name in self.applications or usual if task in application_named(name).tasks)

    @property
    def selection(self) -> str:
        """The measure that ranks trials and chooses the parameters of applications."""
        by_aim = aim_named(self.aim).selected_by if self.fitness == "sortino" else self.fitness
        return self.selected_by or by_aim

    def candidates(
        self, feature_names: Sequence[str] = (), factor_sets: Mapping[str, Sequence[str]] | None = None
    ) -> list[Candidate]:
        """List every candidate: each of every engine, for each label, factor set, selection, weights and the rest.

        What differs less from the first of every list comes first, so that of two equals the plainer one wins. Where
        features read symbols beside the decision's, the first candidate of each engine is tried without them too.

        Parameters
        ----------
        feature_names : what the candidates read.
        factor_sets : what they read of it, by factor set.

        Raises
        ------
        Unknown : if `factor_sets` lacks one of the plan's.
        """
        sets = {name: lookup("factor set", name, factor_sets or {}) for name in self.factor_sets}
        lists = (self.labels, self.factor_sets or ("",), self.all_weights, self.calibrations, self.scopes)
        places = product(*(range(len(values)) for values in lists))
        found: dict[str, Candidate] = {}
        for place in sorted(places, key=lambda place: sum(map(bool, place))):
            label, factors, weights, calibration, scope = (values[at] for values, at in zip(lists, place, strict=True))
            task = label_named(label).task
            fitted_to: dict[str, Any] = {
                "label": label if len(self.labels) > 1 else "",
                "factors": factors,
                "weights": weights,
                "calibration": calibration if task == CLASSIFICATION else NONE,
                "scope": scope,
            }
            for candidate in self._of_engines(task, sets.get(factors, feature_names)):
                one = replace(candidate, **fitted_to)
                found.setdefault(one.key, one)
        return list(found.values())

    def _of_engines(self, task: str, feature_names: Sequence[str]) -> list[Candidate]:
        beside = any(map(is_beside, feature_names))
        without = beside and not all(map(is_beside, feature_names))
        found: list[Candidate] = []
        for name, count in self.engines.items():
            if count:
                own = engine_named(name).candidates(count, seed=self.seed, task=task)
                # Random candidates that differ in their selection alone become one.
                named = {
                    one.key: one
                    for selection in self.selections
                    for one in (replace(candidate, selection=selection) for candidate in own)
                }
                alone = [replace(own[0], selection=OWN_SYMBOL)] if without and OWN_SYMBOL not in self.selections else []
                found += [*(named.values() or own), *alone]
        return found

    def split(self, dataset: Dataset) -> list[Fold]:
        """Split the development part into folds."""
        times = (dataset.decision_time, dataset.span_end)
        return folds_named(self.folds)(*times, n_folds=self.n_folds, embargo=self.embargo)

    @property
    def embargo(self) -> int:
        """The embargo in nanoseconds."""
        return int(self.embargo_days * DAY)
