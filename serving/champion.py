"""The champion: the artifact that answers now, and the watch for the one that takes over.

A deployment turns a pointer (a symbolic link, or the folder itself) to another artifact. Every worker sees it within
half a second, loads and verifies the newcomer beside the champion, and only then changes one reference: requests under
way keep the scorer that they began with, none is dropped. A newcomer that fails is refused, said in the log, and the
champion goes on.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.models.artifact import manifest as manifests
from tradesieve.models.artifact.artifact import Artifact, load_artifact, verify
from tradesieve.serving.bar_windows import Windows
from tradesieve.serving.scoring import Scorer

POLL_SECONDS = 0.5

logger = logging.getLogger("tradesieve.serving")


class Champion:
    """Holds the scorer that answers.

    Parameters
    ----------
    poll_seconds : how often the pointer is looked at.
    """

    def __init__(self, *, poll_seconds: float = POLL_SECONDS) -> None:
        self.windows = Windows()
        self.n_swaps = 0
        self.n_refused = 0
        self._scorer: Scorer | None = None
        self._pointer = Path()
        self._seen: object = None
        self._poll_seconds = poll_seconds
        self._stop = threading.Event()

    @property
    def scorer(self) -> Scorer:
        """The scorer of the moment; a request takes it once and keeps it.

        Raises
        ------
        BadInput : before `start`.
        """
        if self._scorer is None:
            raise BadInput("no artifact is loaded yet")
        return self._scorer

    def start(self, pointer: Path) -> None:
        """Load and verify the artifact at `pointer`, and begin to watch it.

        Raises
        ------
        BadInput, Refused : as `load_artifact` and `verify`. A service without a verified model does not start.
        """
        self._pointer = Path(pointer)
        self._seen = _identity(self._pointer)
        self._scorer = Scorer(load_verified(self._pointer), self.windows)
        # What is loaded by now lives as long as the process: left out of every later collection, whose stalls it is.
        gc.collect()
        gc.freeze()
        threading.Thread(target=self._watch, args=(os.getppid(),), name="champion", daemon=True).start()

    def stop(self) -> None:
        """End the watch."""
        self._stop.set()

    def look(self) -> bool:
        """Look at the pointer once; return whether another artifact took over."""
        identity = _identity(self._pointer)
        if identity == self._seen:
            return False
        try:
            newcomer = Scorer(load_verified(self._pointer), self.windows)
        except TradesieveError as error:
            self.n_refused += 1
            logger.error("refused the artifact at %s, %s goes on: %s", self._pointer, self._name(), error)
            return False
        except Exception:
            # Whatever is wrong with the newcomer is no reason to stop answering.
            self.n_refused += 1
            logger.exception("could not load the artifact at %s, %s goes on", self._pointer, self._name())
            return False
        finally:
            self._seen = identity
        if newcomer.artifact.fingerprint == self.scorer.artifact.fingerprint:
            return False
        self.n_swaps += 1
        logger.info("%s took over from %s", newcomer.artifact.fingerprint, self._name())
        self._scorer = newcomer
        return True

    def _watch(self, parent: int) -> None:
        while not self._stop.wait(self._poll_seconds):
            if os.getppid() != parent:
                # The supervisor was killed: a worker that stays behind would hold the port with an old model.
                logger.error("the supervisor is gone, so this worker ends")
                os.kill(os.getpid(), signal.SIGTERM)
                return
            self.look()

    def _name(self) -> str:
        return self.scorer.artifact.fingerprint


def load_verified(pointer: Path) -> Artifact:
    """Load an artifact and replay its golden vectors, with as few libraries as the model allows.

    Raises
    ------
    BadInput, Refused : as `load_artifact` and `verify`, and if the model was not released (see
        `models.artifact.manifest`).
    """
    manifest = manifests.read(Path(pointer).resolve())
    manifests.require_release(manifest)
    if manifest["model"].get("format") == "lightgbm":
        _import_lightgbm_alone()
    artifact = load_artifact(pointer)
    n_vectors = verify(artifact)
    logger.info("verified %s: %d golden vectors equal bit for bit", artifact.fingerprint, n_vectors)
    return artifact


def _import_lightgbm_alone() -> None:
    """Import LightGBM without scikit-learn and pandas, which it takes along where they are installed.

    A booster needs neither, and they cost 2.5 s and 130 MB.
    """
    if "lightgbm" in sys.modules or "sklearn" in sys.modules:
        return
    hidden = [name for name in ("sklearn", "pandas", "matplotlib", "dask", "pyarrow") if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment] # Python's own mark for: not to be found
    try:
        import lightgbm  # noqa: F401
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def _identity(pointer: Path) -> object:
    """Tell artifacts apart without reading them: where the pointer leads, and each file's size and time."""
    try:
        folder = pointer.resolve()
        found = [(path, path.stat()) for path in sorted(folder.rglob("*"))]
        return folder, tuple((str(path), status.st_size, status.st_mtime_ns) for path, status in found)
    except (OSError, RuntimeError) as error:  # a RuntimeError is a link that leads back to itself
        return str(error)
