"""Plans of a study: the default, and changes that each take one thing of it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import numpy as np

from tests.studies.market_kinds import SYMBOLS
from tradesieve.features.feature_sets import expand
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines import lightgbm
from tradesieve.models.labels.base import REGRESSION
from tradesieve.models.labels.registry import LABELS
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.experiment import Experiment

FEATURES = Experiment(symbols=SYMBOLS).feature_names()
STANDARD = expand(["standard"])
WITHOUT_SIDES = tuple(dict.fromkeys(name.replace("_aligned_", "_", 1) for name in FEATURES))
"""The same factors, but none from the side of the trade."""
SHORT = tuple(name for name in FEATURES if not name.endswith(("window_150", "window_200", "window_300")))
ALONE = tuple(name for name in FEATURES if not name.partition("__")[0].endswith(SYMBOLS))
"""No factor of the other symbol."""
BESIDE = Experiment(symbols=SYMBOLS, features=("aligned", "other_symbols")).feature_names()
"""Those of the other symbol too."""
EVERY_FEATURE = tuple(dict.fromkeys((*FEATURES, *WITHOUT_SIDES, *STANDARD, *BESIDE)))

ONE = Plan(engines={"lightgbm": 1})
"""The default without a choice among models: the mean alone, so that a change takes back one thing only."""


@dataclass(frozen=True)
class Planned:
    """A plan of the study.

    Parameters
    ----------
    plan, features : of the search.
    start : parameters of LightGBM instead of the engine's own for the plan's task.
    estimators : of LightGBM instead of the engine's own; empty: those.
    """

    plan: Plan = ONE
    features: tuple[str, ...] = FEATURES
    start: Mapping[str, Any] = field(default_factory=dict)
    estimators: tuple[str, ...] = ()

    def dataset(self, made: Dataset) -> Dataset:
        """Choose the label and the features out of a dataset with the default label and `EVERY_FEATURE`."""
        columns = [made.feature_names.index(name) for name in self.features]
        y = (made.net_return > 0.0).astype(np.float64) if self.plan.label == "won" else made.y
        return replace(made, X=np.ascontiguousarray(made.X[:, columns]), feature_names=self.features, y=y)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the engine the parameters and estimators."""
        task = LABELS[self.plan.label].task
        with ExitStack() as stack:
            stack.enter_context(patch.dict(lightgbm._START[task], self.start))
            if self.estimators:
                stack.enter_context(
                    patch.object(lightgbm.LightGBMEngine, "default_estimators", lambda *_: self.estimators)
                )
            yield


DEFAULT = "default"
BEFORE = "before"
REFERENCE = "the mean alone"

CHANGES = {
    REFERENCE: Planned(),
    "choice among three models": Planned(Plan()),
    "label won": Planned(
        replace(ONE, label="won", applications=("proportional",)),
        start=dict(lightgbm._START[REGRESSION]),
        estimators=("gbdt",),
    ),
    "features without sides": Planned(features=WITHOUT_SIDES),
    "no long windows": Planned(features=SHORT),
    "no other symbol": Planned(features=ALONE),
    "the other symbol too": Planned(features=BESIDE),
    "15 leaves": Planned(start={"num_leaves": 15}),
    "a threshold for sizes": Planned(replace(ONE, applications=("threshold",))),
    "boosting alone": Planned(estimators=("gbdt",)),
    "aim money": Planned(replace(ONE, aim="money")),
}
"""Name to plan. The first one is what the others are compared with."""
for same in [name for name, planned in CHANGES.items() if name != REFERENCE and planned == CHANGES[REFERENCE]]:
    del CHANGES[same]

PLANS = {
    DEFAULT: Planned(Plan()),
    BEFORE: Planned(
        Plan(label="won", engines={"lightgbm": 4}, applications=("threshold", "proportional"), selected_by="sortino"),
        STANDARD,
    ),
    **CHANGES,
}
