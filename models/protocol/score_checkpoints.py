"""Checkpoints: the out-of-fold scores of finished candidates, so that an interrupted search goes on where it was."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tradesieve.market.storage.files import atomic_write
from tradesieve.models.engines.base import Candidate
from tradesieve.models.protocol.candidate_scores import Searched

_DAMAGED = (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile)
"""What reading a cut or altered file raises, NotImplementedError (a RuntimeError) included."""


@dataclass(frozen=True)
class ScoreStore:
    """Scores on disk, one file a candidate.

    Parameters
    ----------
    folder : belongs to one dataset, one set of folds and one version of the code; the caller names it after them.
    """

    folder: Path

    def get(self, candidate: Candidate) -> Searched | None:
        """Find a finished candidate; None when it is not there or its file is damaged."""
        try:
            # Opened here, because numpy leaves a file open that it cannot read.
            with open(self._path(candidate), "rb") as kept, np.load(kept, allow_pickle=False) as file:
                error = str(file["error"]) or None
                return Searched(candidate, file["scores"], error, float(file["seconds"]))
        except _DAMAGED:
            return None

    def put(self, found: Searched) -> None:
        """Keep a finished candidate.

        Raises
        ------
        BadInput : if the folder cannot be written.
        """
        path = self._path(found.candidate)
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, scores=found.scores, error=found.error or "", seconds=found.seconds)

    def _path(self, candidate: Candidate) -> Path:
        return self.folder / f"{candidate.key}.npz"
