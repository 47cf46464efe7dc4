"""Grouped models: a model for each group of rows, and a pooled one for the groups that have none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.fitted.grouping import Grouping, grouping_from
from tradesieve.models.fitted.model import MANIFEST, Model

_POOLED = "pooled"


class GroupedModel(Model):
    """Scores each row by the model of its group, or by the pooled model if its group has none.

    Each model is saved in a folder of its own, in its library's format.

    Parameters
    ----------
    pooled : fitted on the rows of all groups.
    own : fitted on the rows of one group, by the group's number.
    grouping : of the X that the models read.
    """

    format = "grouped"
    file_name = "groups.json"
    packages = ()

    def __init__(self, pooled: Model, own: Mapping[int, Model], grouping: Grouping) -> None:
        read = [pooled.columns, np.array(grouping.columns), *(model.columns for model in own.values())]
        columns = np.unique(np.concatenate(read)).astype(np.int64)
        super().__init__(columns, pooled.n_features)
        self.pooled = pooled.narrowed(columns)
        self.own = {group: model.narrowed(columns) for group, model in sorted(own.items())}
        self.grouping = grouping.narrowed(columns)

    def _score(self, X: np.ndarray) -> np.ndarray:
        scores = np.empty(len(X))
        for model, rows in self._parts(X):
            scores[rows] = model.predict(X[rows])
        return scores

    def contributions(self, X: np.ndarray) -> np.ndarray | None:
        own = np.ascontiguousarray(X[:, self.columns])
        shares = np.zeros(own.shape)
        for model, rows in self._parts(own):
            found = model.contributions(own[rows])
            if found is None:
                return None
            shares[np.ix_(rows, model.columns)] = found
        return shares

    def _parts(self, X: np.ndarray) -> list[tuple[Model, np.ndarray]]:
        """Return each model that scores some row, with the numbers of its rows."""
        groups = self.grouping(X)
        parts = [(model, np.flatnonzero(groups == group)) for group, model in self.own.items()]
        parts.append((self.pooled, np.flatnonzero(~np.isin(groups, list(self.own)))))
        return [(model, rows) for model, rows in parts if len(rows)]

    def _write(self, path: Path) -> str:
        folders = {_POOLED: self.pooled} | {str(group): model for group, model in self.own.items()}
        for name, model in folders.items():
            model.save(path.parent / name)
        content = {
            "grouping": self.grouping.as_dict(),
            "models": {name: _checksum(path.parent / name) for name in folders},
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return str(json.loads((path.parent / _POOLED / MANIFEST).read_text(encoding="utf-8"))["library"])

    @classmethod
    def _read(cls, path: Path, columns: np.ndarray, n_features: int) -> GroupedModel:
        from tradesieve.models.fitted.formats import load_model  # which lists this format among the others

        content = json.loads(path.read_text(encoding="utf-8"))
        models = {}
        for name, checksum in content["models"].items():
            folder = path.parent / name
            if _checksum(folder) != checksum:
                raise BadInput(f"{folder} is not the model that was saved: its checksum differs from {path.name}")
            models[name] = load_model(folder)
        pooled = models.pop(_POOLED)
        found = cls(pooled, {int(name): model for name, model in models.items()}, grouping_from(content["grouping"]))
        found.columns, found.n_features = columns, n_features
        return found


def _checksum(folder: Path) -> str:
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
