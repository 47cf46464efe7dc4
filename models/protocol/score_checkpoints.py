"""Checkpoints: the out-of-fold scores of finished candidates on disk, so that an interrupted search resumes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tradesieve.market.storage.files import write_cached
from tradesieve.models.engines.base import Candidate
from tradesieve.models.protocol.candidate_scores import CandidateScores

_DAMAGED = (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile)
"""What reading a cut or altered file raises, NotImplementedError (a RuntimeError) included."""


@dataclass(frozen=True)
class ScoreCheckpoints:
    """Scores on disk, one file a candidate.

    Parameters
    ----------
    folder : belongs to one dataset, one set of folds and one version of the code; the caller names it after them.
    """

    folder: Path

    def load(self, candidates: Iterable[Candidate]) -> dict[str, CandidateScores]:
        """Return the finished candidates by their key; a damaged file counts as missing."""
        loaded = {candidate.key: self._load(candidate) for candidate in candidates}
        return {key: scores for key, scores in loaded.items() if scores is not None}

    def save(self, scored: CandidateScores) -> None:
        """Save a finished candidate; a warning says why if it cannot be saved."""

        def write(path: Path) -> None:
            with open(path, "wb") as file:
                np.savez(file, scores=scored.scores, error=scored.error or "", seconds=scored.seconds)

        write_cached(self._path(scored.candidate), write, folder=self.folder)

    def _load(self, candidate: Candidate) -> CandidateScores | None:
        try:
            # Opened here, because numpy leaves a file open that it cannot read.
            with open(self._path(candidate), "rb") as stored, np.load(stored, allow_pickle=False) as file:
                return CandidateScores(candidate, file["scores"], str(file["error"]) or None, float(file["seconds"]))
        except _DAMAGED:
            return None

    def _path(self, candidate: Candidate) -> Path:
        return self.folder / f"{candidate.key}.npz"
