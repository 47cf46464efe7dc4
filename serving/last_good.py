"""The last good artifact: a copy of what was verified last, for a start that finds a bad one.

A worker that dies is started again, and by then the pointer may lead to an artifact that is refused, or the artifact
may have been overwritten where it stood.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from tradesieve.market.errors import TradesieveError
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.artifact.artifact import Artifact

_NAME = "last"

logger = logging.getLogger("tradesieve.serving")


class LastGood:
    """Copies of the artifacts that a pointer led to and that were verified. Safe between processes.

    Parameters
    ----------
    state : folder of the service's state.
    pointer : what the service serves; each has copies of its own.
    """

    def __init__(self, state: Path, pointer: Path) -> None:
        self._folder = state / "verified" / hashlib.sha256(os.path.abspath(pointer).encode()).hexdigest()[:16]

    def find(self) -> Path | None:
        """Return the folder of the last copy, to be verified again; None if there is none."""
        try:
            return self._folder / (self._folder / _NAME).read_text(encoding="utf-8")
        except OSError:
            return None

    def keep(self, artifact: Artifact) -> None:
        """Copy a verified artifact, and drop the copies of others but the one before; a warning says if it fails."""
        kept = self._folder / artifact.fingerprint
        try:
            before = self.find()
            if not kept.is_dir():
                self._folder.mkdir(parents=True, exist_ok=True)
                draft = Path(tempfile.mkdtemp(prefix=".", dir=self._folder))
                try:
                    shutil.copytree(
                        artifact.folder, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
                    )
                    with suppress(OSError):  # another worker was quicker
                        draft.rename(kept)
                finally:
                    shutil.rmtree(draft, ignore_errors=True)
            with atomic_write(self._folder / _NAME) as path:
                path.write_text(kept.name, encoding="utf-8")
            for other in self._folder.iterdir():
                if other not in (kept, before) and other.is_dir() and not other.name.startswith("."):
                    shutil.rmtree(other, ignore_errors=True)
        except (OSError, TradesieveError) as error:
            logger.warning("no copy of the verified artifact is kept in %s: %s", self._folder, error)
