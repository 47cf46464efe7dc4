"""The factor cache: computed columns on disk, under keys made from code and inputs.

The key of a feature's column hashes the content of the bars, and of other symbols' bars that it reads, the decisions
with the terms that it may read, and its code (`features.engine.code_hash`). So a second run reads what the first one
computed, one more feature in a set is one feature to compute, and a changed kernel is computed again while the others
are read. Files are written whole and end in a digest; a damaged one counts as missing. Several processes may share a
cache, since they write the same values. What cannot be stored is computed all the same, with a warning.
"""

from __future__ import annotations

import hashlib
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
from tradesieve.market.storage.files import mark_as_used, prune, write_cached
from tradesieve.market.symbols import file_name_of

_DIGEST = 32
"""Bytes of the digest at the end of a file; numpy ignores them."""

_HEAD = 256
"""Bytes that hold numpy's header; the digest is checked before they are read."""

_BATCH = 16
"""Features that are computed and written together: what a killed run loses at most."""
_ROWS = 512

_TERMS = {"trade": ("side", "stop", "target"), "results": ("results", "first_result", "end_result")}


def _silent(done: int, total: int, name: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class FactorCache:
    """Columns of features on disk.

    Parameters
    ----------
    folder : of the files.
    limit : bytes; beyond it the least recently used files are deleted.
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
        """Compute features as `features.engine.compute.compute` does, bit for bit, but read those that are cached.

        Parameters
        ----------
        on_progress : called with the number of features computed, the number to compute, and the next one; not called
            if all are read.

        Raises
        ------
        BadInput : as `features.engine.compute.compute`.
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
                self._write(paths[place], columns[place])
        if missing:
            on_progress(len(missing), len(missing), "")
            prune(self.folder, self.limit)
        return _side_by_side(columns)

    def _write(self, path: Path, column: np.ndarray) -> None:
        content = BytesIO()
        np.save(content, column, allow_pickle=False)
        whole = content.getvalue() + hashlib.sha256(content.getvalue()).digest()
        write_cached(path, lambda temporary: temporary.write_bytes(whole), folder=self.folder)

    def _paths(
        self, bars: Bars, decisions: Decisions, features: Sequence[Feature], others: Mapping[str, Bars]
    ) -> list[Path]:
        """Return the file of each feature, named by everything that its column depends on."""

        @cache
        def digest(term: str) -> str:
            values = getattr(decisions, term)
            return "" if values is None else _digest(values)

        group = _short(bars.fingerprint, digest("time"))
        folder = self.folder / file_name_of(bars.symbol) / str(bars.timeframe) / group
        paths = []
        for feature in features:
            factor, symbol = feature.factor, feature.input.symbol
            terms = {*feature.terms, *_TERMS.get(factor.kind, ()), *_TERMS.get(feature.input.column, ())}
            if "results" in terms:
                terms.update(_TERMS["results"])
            other = others[symbol].fingerprint if symbol is not None and symbol in others else ""
            known = [f"{term} {digest(term)}" for term in sorted(terms)]
            name = _short(feature.name, repr(feature.values), str(feature.input), other, *known, code_of(feature))
            paths.append(folder / f"{name}.npy")
        return paths


def _read(path: Path, column: np.ndarray) -> bool:
    """Read a column into its place; return False if there is none or it is damaged."""
    try:
        content = path.read_bytes()
        # A disk may lose data without an error.
        if hashlib.sha256(memoryview(content)[:-_DIGEST]).digest() != content[-_DIGEST:]:
            return False
        head = BytesIO(content[:_HEAD])
        np.lib.format.read_magic(head)
        shape, _, kind = np.lib.format.read_array_header_1_0(head)
        if shape != column.shape or kind != column.dtype:
            return False
        column[:] = np.frombuffer(content, dtype=kind, count=len(column), offset=head.tell())
    except (OSError, ValueError):
        return False
    mark_as_used(path)
    return True


def _side_by_side(columns: np.ndarray) -> np.ndarray:
    """Turn columns (n_features, n) into rows, in blocks that fit into the processor's cache."""
    matrix = np.empty(columns.shape[::-1])
    for first in range(0, len(matrix), _ROWS):
        matrix[first : first + _ROWS] = columns[:, first : first + _ROWS].T
    return matrix


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
