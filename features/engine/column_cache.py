"""The factor cache: columns that were computed, kept under the name of everything that they follow from.

A feature's column follows from the content of the bars, of other symbols' where it looks at them, from the decisions
with those of their terms that it may look at, and from its own code (`features.engine.code_hash`). All of it is in the
name under which the column is kept, so a second run reads, one more feature in a set is one feature to compute, and a
changed kernel is computed anew while the others are read. Files are written whole and carry a digest of their values;
one that is damaged counts as absent. Several processes may share a cache: they write the same.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.code_hash import code_of
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_features
from tradesieve.market.bars import Bars
from tradesieve.market.storage.files import atomic_write, prune

_DIGEST = 32
"""Bytes of the digest that follows a column in its file, which numpy reads as any other of its own."""

_HEAD = 256
"""Bytes that hold numpy's header; what is not as it was written is found by the digest before it is read."""

_BATCH = 16
"""Features that are computed together and then kept: what a run that is killed loses at most."""
_ROWS = 512

_TERMS = {"trade": ("side", "stop", "target"), "results": ("results", "first_result", "end_result")}


def _silent(done: int, total: int, name: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class FactorCache:
    """Kept columns of features.

    Parameters
    ----------
    folder : where they are.
    limit : bytes that they may take; beyond it those that were not used for longest are deleted.
    """

    folder: Path
    limit: int

    def compute(
        self,
        bars: Bars,
        at: np.ndarray | Decisions,
        features: Sequence[str | Feature],
        *,
        others: Mapping[str, Bars] | None = None,
        on_progress: Callable[[int, int, str], None] = _silent,
    ) -> np.ndarray:
        """Compute features as `features.engine.compute.compute` does, bit for bit, but read those that are kept.

        Parameters
        ----------
        on_progress : called with the number of features that were computed, how many have to be, and what is next;
            never when all are read.

        Raises
        ------
        BadInput : as `features.engine.compute.compute`, and if the folder cannot be written.
        """
        decisions = at if isinstance(at, Decisions) else Decisions(at)
        parsed = parse_features(features)
        if len(decisions) == 0:
            return compute(bars, decisions, parsed, others=others)
        paths = self._paths(bars, decisions, parsed, others or {})
        columns = np.empty((len(parsed), len(decisions)))
        missing = [place for place, path in enumerate(paths) if not _read(path, columns[place])]
        for first in range(0, len(missing), _BATCH):
            places = missing[first : first + _BATCH]
            on_progress(first, len(missing), parsed[places[0]].name)
            columns[places] = compute(bars, decisions, [parsed[place] for place in places], others=others).T
            for place in places:
                _write(paths[place], columns[place])
        if missing:
            on_progress(len(missing), len(missing), "")
            prune(self.folder, self.limit)
        return _side_by_side(columns)

    def _paths(
        self, bars: Bars, decisions: Decisions, features: Sequence[Feature], others: Mapping[str, Bars]
    ) -> list[Path]:
        """Name the file of each feature by all that its column follows from."""

        @cache
        def digest(term: str) -> str:
            values = getattr(decisions, term)
            return "" if values is None else _digest(values)

        group = _short(bars.fingerprint, digest("time"))
        folder = self.folder / bars.symbol / str(bars.timeframe) / group
        paths = []
        for feature in features:
            factor, symbol = feature.factor, feature.input.symbol
            terms = {*factor.terms, *_TERMS.get(factor.kind, ()), *_TERMS.get(feature.input.column, ())}
            if "results" in terms:
                terms.update(_TERMS["results"])
            other = others[symbol].fingerprint if symbol is not None and symbol in others else ""
            known = [f"{term} {digest(term)}" for term in sorted(terms)]
            name = _short(feature.name, repr(feature.values), str(feature.input), other, *known, code_of(feature))
            paths.append(folder / f"{name}.npy")
        return paths


def _read(path: Path, column: np.ndarray) -> bool:
    """Read a column into its place; False when there is none, or when it is damaged and has to be computed again."""
    try:
        content = path.read_bytes()
        # Whatever a disk loses: what is read is what was written.
        if hashlib.sha256(memoryview(content)[:-_DIGEST]).digest() != content[-_DIGEST:]:
            return False
        head = BytesIO(content[:_HEAD])
        np.lib.format.read_magic(head)
        shape, _, kind = np.lib.format.read_array_header_1_0(head)
        if shape != column.shape or kind != column.dtype:
            return False
        column[:] = np.frombuffer(content, dtype=kind, count=len(column), offset=head.tell())
        os.utime(path)  # what was used last is deleted last
        return True
    except (OSError, ValueError):
        return False


def _write(path: Path, column: np.ndarray) -> None:
    content = BytesIO()
    np.save(content, column, allow_pickle=False)
    whole = content.getvalue()
    with atomic_write(path) as temporary:
        temporary.write_bytes(whole + hashlib.sha256(whole).digest())


def _side_by_side(columns: np.ndarray) -> np.ndarray:
    """Turn columns (n_features, n) into rows, some at a time, which the processor remembers."""
    matrix = np.empty(columns.shape[::-1])
    for first in range(0, len(matrix), _ROWS):
        matrix[first : first + _ROWS] = columns[:, first : first + _ROWS].T
    return matrix


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
