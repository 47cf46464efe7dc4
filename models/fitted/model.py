"""Fitted models and their files.

This drawer is all that a service needs: a saved model loads with LightGBM, with scikit-learn and skops, or with the
library of an extra, never with an AutoML library. Live equals research bit for bit, so the score of a row must not
depend on the rows beside it. Matrix products break that rule, because BLAS sums a single row in another order than a
block of rows; no model here predicts through BLAS.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from tradesieve.market.errors import BadInput, Refused
from tradesieve.market.extras import import_extra
from tradesieve.models.fitted.calibration import Calibration
from tradesieve.models.fitted.single_row import SingleRow
from tradesieve.models.fitted.sklearn_scoring import scorer

MANIFEST = "model.json"

_TRUSTED_TYPES = [
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]
"""Types that skops does not trust by default and trees need. They hold numbers only."""

_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


class Model(ABC):
    """A fitted model and the columns that it reads.

    Parameters
    ----------
    columns : int64, ascending; the columns of the full X that the model reads.
    n_features : number of columns of the full X.

    A subclass names its `format`, the file that holds it and the packages that load and score it.
    """

    format: ClassVar[str]
    file_name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    exportable: ClassVar[bool] = True
    """Whether it can be saved, and served from its file."""

    def __init__(self, columns: np.ndarray, n_features: int) -> None:
        columns = np.asarray(columns, dtype=np.int64)
        if not len(columns) or columns[0] < 0 or columns[-1] >= n_features or np.any(np.diff(columns) <= 0):
            raise BadInput(f"columns must ascend within 0 to {n_features - 1}, got {columns.tolist()}")
        self.columns = columns
        self.n_features = n_features
        self.calibration: Calibration | None = None

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Score rows.

        Parameters
        ----------
        X : float64 (n_rows, n_features), all features, also those that the model does not read. NaN where unknown.

        Returns
        -------
        float64 (n_rows,), finite, higher for a better trade: probabilities from a classification, and from a
        regression numbers above zero where a gain is expected. A row's score has the same bits, however many rows
        are scored at once.

        Raises
        ------
        BadInput : if `X` has another shape or holds an infinity.
        """
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != self.n_features:
            raise BadInput(f"X has shape {X.shape}, the model was fitted on {self.n_features} features")
        refuse_infinity(X)
        if not len(X):
            return np.empty(0)
        # Indexing columns gives Fortran order; `_score` takes C order, for one row as for many.
        scores = self._score(np.ascontiguousarray(X[:, self.columns]))
        return scores if self.calibration is None else self.calibration(scores)

    def calibrated(self, calibration: Calibration) -> Self:
        """Return the same model with its scores mapped by a calibration."""
        model = copy(self)
        model.calibration = calibration
        return model

    def contributions(self, X: np.ndarray) -> np.ndarray | None:
        """Split scores into what each feature adds to them: SHAP values.

        Parameters
        ----------
        X : as `predict`.

        Returns
        -------
        float64 (n_rows, n_columns) of `columns`, in the unit of the raw score: log odds from a classification of
        boosted trees. None for a model that has none.
        """
        return None

    def narrowed(self, kept: np.ndarray) -> Self:
        """Return the same model of a narrower X: the columns `kept`, ascending, which hold all that the model reads.

        Raises
        ------
        BadInput : if the model reads a column that is not kept.
        """
        kept = np.asarray(kept, dtype=np.int64)
        places = np.searchsorted(kept, self.columns)
        if not np.isin(self.columns, kept).all():
            raise BadInput(f"the model reads columns {self.columns.tolist()}, of which not all are kept")
        model = copy(self)
        model.columns, model.n_features = places, len(kept)
        return model

    def widened(self, columns: np.ndarray, n_features: int) -> Self:
        """Return the same model of a wider X: `columns` are those of the wider one that make up the X of this one."""
        model = copy(self)
        model.columns, model.n_features = np.asarray(columns, dtype=np.int64)[self.columns], n_features
        return model

    def save(self, folder: Path) -> None:
        """Write the native model file and its manifest into `folder`, which is created if missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.file_name
        library = self._write(path)
        manifest = {
            "format": self.format,
            "library": library,
            "n_features": self.n_features,
            "columns": self.columns.tolist(),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            **({} if self.calibration is None else {"calibration": self.calibration.as_dict()}),
        }
        # Last, so that a folder with a manifest is complete.
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")

    @abstractmethod
    def _score(self, X: np.ndarray) -> np.ndarray:
        """Score C-ordered rows of the model's own columns."""

    @abstractmethod
    def _write(self, path: Path) -> str:
        """Write the native file; return the library and version that wrote it."""

    @classmethod
    @abstractmethod
    def _read(cls, path: Path, columns: np.ndarray, n_features: int) -> Model:
        """Read the native file."""


class LightGBMModel(Model):
    """A LightGBM booster, saved as LightGBM's own text.

    Parameters
    ----------
    text : from `Booster.model_to_string`. A model is always built from its text, also right after the fit, so that
        research measures what a service loads.
    deviation : of the scores on the training rows; None once it was saved and read.
    """

    format = "lightgbm"
    file_name = "model.txt"
    packages = ("lightgbm",)

    def __init__(self, text: str, columns: np.ndarray, n_features: int, *, deviation: float | None = None) -> None:
        import lightgbm

        super().__init__(columns, n_features)
        self.deviation = deviation
        self._text = text
        self._booster = lightgbm.Booster(model_str=text)
        if self._booster.num_feature() != len(self.columns):
            raise BadInput(
                f"the booster reads {self._booster.num_feature()} columns, not the {len(self.columns)} given"
            )
        self._single_row = SingleRow(self._booster)

    def _score(self, X: np.ndarray) -> np.ndarray:
        if len(X) == 1:
            return self._single_row(X)
        return np.asarray(self._booster.predict(X, num_threads=1), dtype=np.float64)

    def contributions(self, X: np.ndarray) -> np.ndarray:
        shares = self._booster.predict(np.ascontiguousarray(X[:, self.columns]), pred_contrib=True, num_threads=1)
        return np.asarray(shares, dtype=np.float64)[:, :-1]  # the last column is the mean score

    def _write(self, path: Path) -> str:
        import lightgbm

        path.write_bytes(self._text.encode())
        return f"lightgbm {lightgbm.__version__}"

    @classmethod
    def _read(cls, path: Path, columns: np.ndarray, n_features: int) -> LightGBMModel:
        return cls(path.read_bytes().decode(), columns, n_features)


class LightGBMMeanModel(Model):
    """The mean of the scores of LightGBM boosters, each divided by a scale of its own.

    Parameters
    ----------
    members : the boosters, which read the same columns.
    scales : positive, one for each.
    """

    format = "lightgbm_mean"
    file_name = "boosters.json"
    packages = ("lightgbm",)

    def __init__(self, members: Sequence[LightGBMModel], scales: Sequence[float]) -> None:
        super().__init__(members[0].columns, members[0].n_features)
        self._members, self._scales = list(members), list(scales)

    def _score(self, X: np.ndarray) -> np.ndarray:
        total = np.zeros(len(X))
        for member, scale in zip(self._members, self._scales, strict=True):
            total += member._score(X) / scale
        return total / len(self._members)

    def contributions(self, X: np.ndarray) -> np.ndarray:
        parts = [member.contributions(X) / scale for member, scale in zip(self._members, self._scales, strict=True)]
        return np.asarray(np.mean(parts, axis=0), dtype=np.float64)

    def _write(self, path: Path) -> str:
        import lightgbm

        content = {"scales": self._scales, "boosters": [member._text for member in self._members]}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return f"lightgbm {lightgbm.__version__}"

    @classmethod
    def _read(cls, path: Path, columns: np.ndarray, n_features: int) -> LightGBMMeanModel:
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls([LightGBMModel(text, columns, n_features) for text in content["boosters"]], content["scales"])


class ScikitModel(Model):
    """A scikit-learn pipeline of imputer, scaler and estimator, saved in skops' format.

    The file holds a plain fitted `Pipeline`. Scores are computed from its arrays by `models.fitted.sklearn_scoring`,
    not by `Pipeline.predict_proba`, which goes through BLAS and takes up to ten times as long for a single row.
    """

    format = "skops"
    file_name = "model.skops"
    packages = ("scikit-learn", "scipy", "skops")

    def __init__(self, pipeline: Any, columns: np.ndarray, n_features: int) -> None:
        super().__init__(columns, n_features)
        self.pipeline = pipeline
        self._score_rows = scorer(pipeline)

    def _score(self, X: np.ndarray) -> np.ndarray:
        return self._score_rows(X)

    def _write(self, path: Path) -> str:
        import sklearn
        import skops.io

        skops.io.dump(self.pipeline, path)
        return f"scikit-learn {sklearn.__version__}"

    @classmethod
    def _read(cls, path: Path, columns: np.ndarray, n_features: int) -> ScikitModel:
        return cls(load_trusted(path), columns, n_features)


class XGBoostModel(Model):
    """An XGBoost booster, saved as XGBoost's own binary JSON.

    Parameters
    ----------
    content : from `Booster.save_raw`.
    """

    format = "xgboost"
    file_name = "model.ubj"
    packages = ("xgboost-cpu",)

    def __init__(self, content: bytes, columns: np.ndarray, n_features: int) -> None:
        super().__init__(columns, n_features)
        self._content = content
        self._booster = installed("xgboost").Booster({"nthread": 1}, model_file=bytearray(content))

    def _score(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self._booster.inplace_predict(within_float32(X)), dtype=np.float64)

    def _write(self, path: Path) -> str:
        path.write_bytes(self._content)
        return f"xgboost {installed('xgboost').__version__}"

    @classmethod
    def _read(cls, path: Path, columns: np.ndarray, n_features: int) -> XGBoostModel:
        return cls(path.read_bytes(), columns, n_features)


class CatBoostModel(Model):
    """A CatBoost booster, saved in CatBoost's own format.

    Parameters
    ----------
    content : of a file that `CatBoost.save_model` writes.
    """

    format = "catboost"
    file_name = "model.cbm"
    packages = ("catboost",)

    def __init__(self, content: bytes, columns: np.ndarray, n_features: int) -> None:
        super().__init__(columns, n_features)
        self._content = content
        self._booster = installed("catboost").CatBoost().load_model(blob=content)
        self._is_classifier = len(self._booster.classes_) > 0

    def _score(self, X: np.ndarray) -> np.ndarray:
        kind = "Probability" if self._is_classifier else "RawFormulaVal"
        scores = self._booster.predict(within_float32(X), prediction_type=kind, thread_count=1)
        return np.ascontiguousarray(scores[:, 1] if self._is_classifier else scores)

    def _write(self, path: Path) -> str:
        path.write_bytes(self._content)
        return f"catboost {installed('catboost').__version__}"

    @classmethod
    def _read(cls, path: Path, columns: np.ndarray, n_features: int) -> CatBoostModel:
        return cls(path.read_bytes(), columns, n_features)


def load_trusted(path: Path) -> Any:
    """Read a file of skops that holds nothing but scikit-learn's types, arrays and plain values.

    Raises
    ------
    Refused : if it holds others.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.load(path, trusted=_TRUSTED_TYPES)
    except UntrustedTypesFoundException as error:
        raise Refused(f"{path} holds types that no model here has: {error}") from error


def installed(library: str) -> Any:
    """Import a library of the extra ``engines``.

    Raises
    ------
    BadInput : if it is not installed; says how to install it.
    """
    return import_extra(library, "engines")


def within_float32(X: np.ndarray) -> np.ndarray:
    """Clip what would be infinite in the single precision of a library; NaN stays."""
    return np.clip(X, -_LARGEST_FLOAT32, _LARGEST_FLOAT32)


def refuse_infinity(X: np.ndarray) -> None:
    """Raise BadInput if `X` holds an infinity; unknown values are NaN."""
    if np.isinf(X).any():
        row, column = (int(index[0]) for index in np.nonzero(np.isinf(X)))
        raise BadInput(f"X is infinite at row {row}, column {column}: an unknown factor is NaN")
