"""Training rows: what candidates are fitted on, and what several of them need of it, made once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.feature_selection.registry import select
from tradesieve.models.fitted.model import refuse_infinity
from tradesieve.models.labels.base import CLASSIFICATION

Made = TypeVar("Made")


class TrainingRows:
    """Rows that candidates are fitted on, from several threads at the same time.

    Parameters
    ----------
    X : float64 (n_trades, n_features), NaN where unknown.
    y : float64 (n_trades,), not all the same; 0 or 1 for a classification, finite for a regression.
    weight : float64 (n_trades,), positive; scaled to a mean of 1, so that only their proportions count.
    feature_names : of the columns of `X`, for selections that go by them.
    spans : (decision_time, exit_time), int64 ns UTC (n_trades,), for purged folds of these rows.
    rows : int64, those that are trained on; None for all. They are copied only when they are read.
    """

    def __init__(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        *,
        feature_names: Sequence[str] | None = None,
        spans: tuple[np.ndarray, np.ndarray] | None = None,
        rows: np.ndarray | None = None,
    ) -> None:
        self._X, self._rows, self._feature_names, self._spans = X, rows, feature_names, spans
        self._y, self._weight = y, weight
        self.y = y if rows is None else y[rows]
        self.weight = weight if rows is None else weight[rows]
        self._made: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.y)

    @property
    def n_features(self) -> int:
        """The number of columns of `X`."""
        return int(self._X.shape[1])

    @property
    def X(self) -> np.ndarray:
        """All features: float64 (n_rows, n_features)."""
        return self._X if self._rows is None else self._X[self._rows]

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returned to the first caller of this key; who needs it meanwhile waits."""
        with self._lock:
            own = self._locks.setdefault(key, threading.Lock())
        with own:
            if key not in self._made:
                self._made[key] = make()
            found: Made = self._made[key]
            return found

    def part(self, rows: np.ndarray) -> TrainingRows:
        """Return some of these rows as training rows of their own.

        Parameters
        ----------
        rows : int64, ascending, numbers of these rows.
        """
        chosen = rows if self._rows is None else self._rows[rows]
        return TrainingRows(
            self._X, self._y, self._weight, feature_names=self._feature_names, spans=self._spans, rows=chosen
        )

    def selected(self, selection: str, task: str, *, seed: int) -> SelectedRows:
        """Check the rows for a task and select columns on them.

        Raises
        ------
        BadInput : if shapes, targets or weights are not as above, or a feature is infinite.
        """
        self.once(("checked", task), lambda: self._check(task))
        columns = self.once(
            ("columns", selection, seed),
            lambda: select(selection, self.X, self.y, seed=seed, feature_names=self._feature_names, spans=self.spans),
        )
        return SelectedRows(self, selection, columns)

    @property
    def spans(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Decision and exit times of the rows: int64 ns UTC (n_rows,); None where they were not given."""
        if self._spans is None or self._rows is None:
            return self._spans
        decision_time, exit_time = self._spans
        return decision_time[self._rows], exit_time[self._rows]

    def _check(self, task: str) -> None:
        X, y, weight = self.X, self.y, self.weight
        if X.ndim != 2 or X.dtype != np.float64 or not X.size:
            raise BadInput(f"X must be float64 with rows and columns, got {X.dtype} of shape {X.shape}")
        for name, values in (("y", y), ("weight", weight)):
            if values.shape != (len(X),):
                raise BadInput(f"{name} has shape {values.shape}, X has {len(X)} rows")
        allowed = np.isin(y, (0.0, 1.0)) if task == CLASSIFICATION else np.isfinite(y)
        if not allowed.all():
            kind = "0 or 1" if task == CLASSIFICATION else "finite"
            raise BadInput(f"y must be {kind}, got {y[~allowed][0]}")
        if y.min() == y.max():
            raise BadInput(f"all {len(y)} training rows have the label {y[0]:g}: a model needs trades of several kinds")
        if not (np.isfinite(weight).all() and (weight > 0).all()):
            raise BadInput("weight must be positive and finite on every row")
        refuse_infinity(X)


@dataclass(frozen=True, eq=False)
class SelectedRows:
    """Checked training rows with the columns that a selection kept.

    Parameters
    ----------
    columns : int64, ascending.
    """

    rows: TrainingRows
    selection: str
    columns: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def X(self) -> np.ndarray:
        """The selected columns: float64 (n_rows, n_selected), C order."""
        X = self.rows.X
        return np.ascontiguousarray(X if len(self.columns) == X.shape[1] else X[:, self.columns])

    @property
    def y(self) -> np.ndarray:
        """The targets: float64 (n_rows,)."""
        return self.rows.y

    @property
    def weight(self) -> np.ndarray:
        """The weights, of mean 1: float64 (n_rows,)."""
        return self.rows.weight / self.rows.weight.mean()

    @property
    def n_features(self) -> int:
        """The number of all columns."""
        return self.rows.n_features

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returned to the first caller of this key on these rows and columns."""
        return self.rows.once((self.selection, key), make)
