"""A linear combination of scikit-learn models: what blending, stacking and calibration make of several models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.models.fitted.calibration import Calibration, calibration_from
from tradesieve.models.fitted.model import Model, ScikitModel, load_trusted


class ScikitCombinationModel(Model):
    """The weighted sum of the scores of scikit-learn models, mapped by a calibration where there is one.

    A mean has equal weights; a stack of classifiers has those of a logistic regression, and the sigmoid as its link.

    Parameters
    ----------
    members : which read the same columns.
    weights : one for each.
    intercept : added to the sum.
    link : maps the sum to the score; None leaves it.
    """

    format = "scikit_combination"
    file_name = "models.skops"
    packages = ScikitModel.packages

    def __init__(
        self,
        members: Sequence[ScikitModel],
        weights: Sequence[float],
        *,
        intercept: float = 0.0,
        link: Calibration | None = None,
    ) -> None:
        super().__init__(members[0].columns, members[0].n_features)
        self._members, self._weights, self._intercept, self._link = list(members), list(weights), intercept, link

    def _score(self, X: np.ndarray) -> np.ndarray:
        total = np.full(len(X), self._intercept)
        for member, weight in zip(self._members, self._weights, strict=True):
            total += weight * member._score(X)
        return total if self._link is None else self._link(total)

    def _write(self, path: Path) -> str:
        import sklearn
        import skops.io

        content: dict[str, Any] = {
            "pipelines": [member.pipeline for member in self._members],
            "weights": self._weights,
            "intercept": self._intercept,
            "link": None if self._link is None else self._link.as_dict(),
        }
        skops.io.dump(content, path)
        return f"scikit-learn {sklearn.__version__}"

    @classmethod
    def _read(cls, path: Path, columns: np.ndarray, n_features: int) -> ScikitCombinationModel:
        content = load_trusted(path)
        members = [ScikitModel(pipeline, columns, n_features) for pipeline in content["pipelines"]]
        link = None if content["link"] is None else calibration_from(content["link"])
        return cls(members, content["weights"], intercept=content["intercept"], link=link)
