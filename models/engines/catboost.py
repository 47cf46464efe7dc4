"""CatBoost: boosted symmetric trees that handle NaN natively; of the extra ``engines``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tradesieve.models.engines.base import Candidate, Engine
from tradesieve.models.engines.scikit_pipeline import check_parameters
from tradesieve.models.engines.search_spaces import Range, Space, draw
from tradesieve.models.engines.training_rows import SelectedRows
from tradesieve.models.fitted.model import CatBoostModel, installed, within_float32
from tradesieve.models.labels.base import CLASSIFICATION

_START: dict[str, Any] = {
    "n_trees": 150,
    "learning_rate": 0.05,
    "depth": 4,
    "l2_leaf_reg": 20.0,
    "rsm": 0.3,
    "subsample": 0.7,
}
_SPACE: Space = {
    "n_trees": Range(40, 300, whole=True),
    "learning_rate": Range(0.01, 0.2, logarithmic=True),
    "depth": Range(2, 6, whole=True),
    "l2_leaf_reg": Range(0.1, 100.0, logarithmic=True),
    "rsm": Range(0.2, 1.0),
    "subsample": Range(0.4, 0.95),
}


class CatBoostEngine(Engine):
    """CatBoost's boosted trees, on one thread."""

    name: ClassVar[str] = "catboost"
    library: ClassVar[str] = "catboost"

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return ("symmetric",)

    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        return dict(_START)

    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        return draw(_SPACE, generator)

    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> CatBoostModel:
        check_parameters(candidate, _SPACE)
        catboost = installed("catboost")
        parameters = _START | candidate.parameters
        booster = catboost.CatBoost(
            {
                "iterations": parameters.pop("n_trees"),
                "loss_function": "Logloss" if candidate.task == CLASSIFICATION else "RMSE",
                # Ordered boosting, the default on few rows, takes several times as long.
                "boosting_type": "Plain",
                "bootstrap_type": "Bernoulli",
                "thread_count": 1,
                "random_seed": seed,
                "allow_writing_files": False,
                "logging_level": "Silent",
                **parameters,
            }
        )
        booster.fit(catboost.Pool(within_float32(rows.X), rows.y, weight=rows.weight))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / CatBoostModel.file_name
            booster.save_model(str(path))
            return CatBoostModel(path.read_bytes(), rows.columns, rows.n_features)
