"""FLAML: learners whose parameters FLAML's cost-frugal search chooses, on purged inner folds.

FLAML (MIT) gives its learners' search spaces, the cheap models they start from, and the search that moves on from there
(CFO; Wu, Wang and Huang, 2021). Nothing else of it is used: its `AutoML` takes the next learner by the seconds that the
others took, so that one seed gives other models on another machine. Here the search counts no seconds, and the learners
of ``auto`` take turns.

Learners are named as FLAML names them: ``lgbm``, ``rf``, ``xgb_limitdepth``, ``extra_tree``. Their models are those of
the engines `lightgbm`, `sklearn` and `xgboost`, and load without FLAML. `log_max_bin` is not searched, because features
are sorted into bins once for all trials, and no model has more than 300 trees, as with the other engines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.lightgbm import BINNING, OBJECTIVES, train_booster
from tradesieve.models.engines.scikit_pipeline import fit_pipeline, set_controls
from tradesieve.models.engines.search_spaces import Range, Space, draw
from tradesieve.models.engines.training_rows import SelectedRows, TrainingRows
from tradesieve.models.engines.tuning import InnerFolds, TuningEngine
from tradesieve.models.engines.xgboost import SETTINGS, train_xgboost
from tradesieve.models.fitted.model import LightGBMModel, Model, installed
from tradesieve.models.labels.base import CLASSIFICATION

_AUTO = "auto"
_LEARNERS = {
    "lgbm": "LGBMEstimator",
    "rf": "RandomForestEstimator",
    "xgb_limitdepth": "XGBoostLimitDepthEstimator",
    "extra_tree": "ExtraTreesEstimator",
}
"""Name to FLAML's class, in the order in which `auto` tries them."""
_START: dict[str, Any] = {"n_trials": 20, "n_inner_folds": 3}
_SPACE: Space = {"n_trials": Range(10, 40, whole=True), "n_inner_folds": [3, 4, 5]}
_MOST_TREES = 300
_NOT_SEARCHED = ("log_max_bin",)


class FLAMLEngine(TuningEngine):
    """FLAML's learners, one of them or the best of all, each on one thread."""

    name: ClassVar[str] = "flaml"
    library: ClassVar[str] = "flaml"

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return (_AUTO, *_LEARNERS)

    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        return dict(_START)

    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        return draw(_SPACE, generator)

    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> Model:
        """Tune and fit.

        1. Split the training rows into purged folds; each selects its own features.
        2. Fit and score what FLAML proposes on each fold, beginning with its cheapest models; learners take turns.
        3. Fit the learner and parameters of the least loss on all training rows.
        """
        settings = self._settings(candidate)
        n_trials, folds = settings["n_trials"], InnerFolds(rows.rows, settings["n_inner_folds"])
        names = tuple(_LEARNERS) if candidate.estimator == _AUTO else (candidate.estimator,)
        searches = [_Search(name, rows, candidate.task, seed, n_trials) for name in names]
        tried: list[tuple[float, str, dict[str, Any]]] = []
        for number in range(n_trials):
            search = searches[number % len(searches)]
            parameters = search.propose()
            if parameters is None:  # FLAML has nothing new
                continue

            def fit(part: TrainingRows, name: str = search.name, parameters: dict[str, Any] = parameters) -> Model:
                selected = part.selected(candidate.selection, candidate.task, seed=seed)
                return _fit_learner(name, parameters, selected, candidate.task, seed)

            loss = folds.loss(folds.scores(fit), candidate.task)
            search.take(loss)
            tried.append((loss, search.name, parameters))
        _, name, parameters = min(tried, key=lambda one: one[0])
        return _fit_learner(name, parameters, rows, candidate.task, seed)


class _Search:
    """FLAML's search over the parameters of one learner."""

    def __init__(self, name: str, rows: SelectedRows, task: str, seed: int, n_trials: int) -> None:
        self.name, self._n_proposed = name, 0
        space = _flaml_space(name, task, len(rows), len(rows.columns))
        whole = installed("flaml.tune.sample").Integer
        self._whole = {name for name, one in space.items() if isinstance(one.domain, whole)}
        starts = {name: one.start for name, one in space.items() if one.start is not None}
        self._search = installed("flaml.tune.searcher.blendsearch").CFO(
            metric="loss",
            mode="min",
            space={name: one.domain for name, one in space.items()},
            low_cost_partial_config={name: one.cheapest for name, one in space.items() if one.cheapest is not None},
            points_to_evaluate=[starts],
            num_samples=n_trials,
            seed=seed,
            cost_attr=None,
        )

    def propose(self) -> dict[str, Any] | None:
        """Return parameters to try as plain values; None if FLAML has none."""
        self._number = str(self._n_proposed)
        self._proposed = self._search.suggest(self._number)
        self._n_proposed += 1
        if self._proposed is None:
            return None
        return {name: self._plain(name, value) for name, value in self._proposed.items()}

    def take(self, loss: float) -> None:
        """Tell the search the loss of what it proposed last."""
        self._search.on_trial_complete(self._number, {"loss": loss, "config": self._proposed})

    def _plain(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return value
        return int(value) if name in self._whole else float(f"{value:.4g}")


@dataclass(frozen=True)
class _Dimension:
    """A parameter: FLAML's domain, the value to start from and the cheapest one, None where FLAML names none."""

    domain: Any
    start: Any
    cheapest: Any


def _flaml_space(learner: str, task: str, n_rows: int, n_columns: int) -> dict[str, _Dimension]:
    found = _learner_class(learner).search_space((n_rows, n_columns), task=_flaml_task(task))
    if found["n_estimators"]["domain"].upper > _MOST_TREES:
        lograndint = installed("flaml.tune").lograndint
        found["n_estimators"]["domain"] = lograndint(lower=found["n_estimators"]["domain"].lower, upper=_MOST_TREES)
    return {
        name: _Dimension(one["domain"], one.get("init_value"), one.get("low_cost_init_value"))
        for name, one in found.items()
        if name not in _NOT_SEARCHED
    }


def _learner_class(name: str) -> Any:
    installed("flaml")
    return getattr(installed("flaml.automl.model"), _LEARNERS[name])


@cache
def _flaml_task(task: str) -> Any:
    names = {CLASSIFICATION: "binary"}
    return installed("flaml.automl.task.factory").task_factory(names.get(task, task))


def _fit_learner(name: str, parameters: dict[str, Any], rows: SelectedRows, task: str, seed: int) -> Model:
    """Fit a learner with FLAML's parameters, which LightGBM and XGBoost know by the same names."""
    given = dict(parameters)
    n_trees = given.pop("n_estimators")
    if name == "lgbm":
        booster = train_booster(rows, BINNING | {"objective": OBJECTIVES[task], "seed": seed} | given, n_trees)
        return LightGBMModel(booster.model_to_string(), rows.columns, rows.n_features)
    if name == "xgb_limitdepth":
        return train_xgboost(rows, SETTINGS[task] | {"seed": seed} | given, n_trees)
    from sklearn import ensemble

    forests = {"rf": "RandomForest", "extra_tree": "ExtraTrees"}
    kind = "Classifier" if task == CLASSIFICATION else "Regressor"
    given["max_leaf_nodes"] = given.pop("max_leaves")
    estimator = getattr(ensemble, forests[name] + kind)(n_estimators=n_trees, **given)
    set_controls(estimator, seed)
    return fit_pipeline(lambda Z: estimator.fit(Z, rows.y, sample_weight=rows.weight), rows)
