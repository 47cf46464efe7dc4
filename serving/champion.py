"""The champion: the artifact that answers now, and the watch for its replacement.

A deployment turns a pointer (a symbolic link, or the folder itself) to another artifact. Every worker sees it within
half a second, loads and verifies the new artifact beside the champion, and only then swaps one reference: requests in
flight keep the scorer that they began with, none is dropped. An artifact that cannot be loaded or verified is refused
and logged, and the champion stays; so it does at a restart, from a copy that is kept of it.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.models.artifact.artifact import Artifact, load_artifact, verify
from tradesieve.models.artifact.manifest import read_manifest, require_release
from tradesieve.models.artifact.signatures import Keys
from tradesieve.serving.bar_windows import BarWindows
from tradesieve.serving.decision_log import DecisionLog
from tradesieve.serving.decision_store import Record
from tradesieve.serving.last_good import LastGood
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.scoring import Scorer

_POLL_SECONDS = 0.5

logger = logging.getLogger("tradesieve.serving")


class Champion:
    """The scorer of the artifact that a pointer leads to.

    Parameters
    ----------
    metrics : count swaps and refusals, and name the artifact.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._windows = BarWindows()
        self._scorer: Scorer | None = None
        self._pointer = Path()
        self._policies: Mapping[str, str] | None = None
        self._keys: Keys | None = None
        self.log: DecisionLog | None = None
        """Where decisions go."""
        self._clock: Callable[[], int] | None = None
        self._last_good: LastGood | None = None
        self._stamp: Path | None = None
        self._identity: object = None
        self._swapping = threading.Lock()
        self.refused: str | None = None
        """Why the artifact that the pointer leads to does not answer; None if it does."""
        self._stop = threading.Event()

    @property
    def scorer(self) -> Scorer:
        """The current scorer; a request takes it once and keeps it.

        Raises
        ------
        BadInput : before `start`.
        """
        if self._scorer is None:
            raise BadInput("no artifact is loaded yet")
        return self._scorer

    def start(
        self,
        pointer: Path,
        policies: Mapping[str, str] | None = None,
        *,
        keys: Keys | None = None,
        state: Path | None = None,
        log: DecisionLog | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """Load and verify the artifact at `pointer`, or the last good one, and start to watch it.

        Parameters
        ----------
        policies : of the guards, see `serving.guards`; None: all refuse.
        keys : whose signatures count; None: those of this installation.
        state : folder where the windows and the last good artifact are kept; None: nothing is kept.
        log : where decisions go; None: nowhere.
        clock : see `serving.scoring.Scorer`.

        Raises
        ------
        BadInput, Refused : as `load_or_last_good`. A service without a verified model does not start.
        """
        self._pointer, self._policies, self._keys = Path(pointer), policies, keys
        self.log, self._clock = log, clock
        if state is not None:
            self._stamp = state / "reloaded"
            self._windows = BarWindows(state / "windows.sqlite")
            self._last_good = LastGood(state, self._pointer)
        self._identity = self._current_identity()
        artifact, self.refused = load_or_last_good(self._pointer, self._last_good, keys)
        self._use(self._scorer_of(artifact))
        # What is loaded by now lives as long as the process. Frozen, it no longer slows later collections.
        gc.collect()
        gc.freeze()
        threading.Thread(target=self._watch, args=(os.getppid(),), name="champion", daemon=True).start()

    def hold(
        self,
        folder: Path,
        policies: Mapping[str, str] | None = None,
        *,
        keys: Keys | None = None,
        log: DecisionLog | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """Load and verify an artifact that answers until the end: nothing is watched. Parameters as `start`."""
        self._pointer, self._policies, self._keys = Path(folder), policies, keys
        self.log, self._clock = log, clock
        self._identity = self._current_identity()
        self._use(self._scorer_of(load_verified(self._pointer, keys)))

    def reload(self) -> None:
        """Look at once for another artifact, also at one that was refused before; other workers follow."""
        with self._swapping:
            self._identity = None
            if self._stamp is not None:
                self._stamp.touch()
            self._poll()

    def stop(self) -> None:
        """Stop watching, and write the decisions that are not in the store yet."""
        self._stop.set()
        if self.log is not None:
            self.log.close()

    def _watch(self, parent: int) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            if os.getppid() != parent:
                # The supervisor was killed: an orphaned worker would hold the port with an old model.
                logger.error("the supervisor is gone: this worker exits")
                os.kill(os.getpid(), signal.SIGTERM)
                return
            with self._swapping:
                self._poll()

    def _poll(self) -> None:
        identity = self._current_identity()
        if identity == self._identity:
            return
        self._identity = identity
        current = self.scorer.artifact.fingerprint
        try:
            successor = self._scorer_of(load_verified(self._pointer, self._keys))
        except TradesieveError as error:
            self._metrics.refusals.inc()
            self.refused = str(error)
            logger.error("refused the artifact at %s, %s stays: %s", self._pointer, current, error)
            return
        except Exception as error:
            # Whatever is wrong with the successor is no reason to stop answering.
            self._metrics.refusals.inc()
            self.refused = f"{type(error).__name__}: {error}"
            logger.exception("could not load the artifact at %s, %s stays", self._pointer, current)
            return
        self.refused = None
        if successor.artifact.fingerprint != current:
            self._metrics.swaps.inc()
            self._use(successor)
            logger.info("%s replaced %s", successor.artifact.fingerprint, current)

    def _scorer_of(self, artifact: Artifact) -> Scorer:
        return Scorer(artifact, self._windows, policies=self._policies, clock=self._clock, on_decision=self._decided)

    def _decided(self, record: Record) -> None:
        if self.log is not None:
            self.log.add(record)

    def _current_identity(self) -> object:
        try:
            stamp = self._stamp.stat().st_mtime_ns if self._stamp else 0
        except OSError:
            stamp = 0
        return stamp, _identity(self._pointer)

    def _use(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._metrics.model.info({"fingerprint": scorer.artifact.fingerprint})
        self._metrics.watch(scorer.artifact.fingerprint, scorer.drift())
        if self._last_good is not None and self.refused is None:
            self._last_good.keep(scorer.artifact)


def load_or_last_good(
    pointer: Path, last_good: LastGood | None, keys: Keys | None = None
) -> tuple[Artifact, str | None]:
    """Load and verify the artifact at a pointer, or else the last good one.

    Parameters
    ----------
    keys : as `load_verified`.

    Returns
    -------
    The artifact, and why it is not the pointer's, None if it is.

    Raises
    ------
    BadInput, Refused : as `load_verified`, if there is no last good one.
    """
    try:
        return load_verified(pointer, keys), None
    except TradesieveError as error:
        kept = None if last_good is None else last_good.find()
        if kept is None:
            raise
        try:
            artifact = load_verified(kept, keys)
        except TradesieveError:
            raise error from None
        logger.error("refused the artifact at %s, the last good one, %s, answers: %s", pointer, kept.name, error)
        return artifact, str(error)


def load_verified(pointer: Path, keys: Keys | None = None) -> Artifact:
    """Load an artifact and replay its golden vectors, with as few libraries as the model allows.

    Parameters
    ----------
    keys : whose signatures count; None: those of this installation.

    Raises
    ------
    BadInput, Refused : as `load_artifact` and `verify`, and if the model was not released (see
        `models.artifact.manifest`).
    """
    manifest = read_manifest(Path(pointer).resolve(), keys)
    require_release(manifest)
    if manifest["model"].get("format") == "lightgbm":
        _import_lightgbm_alone()
    artifact = load_artifact(pointer, keys)
    n_vectors = verify(artifact)
    logger.info("verified %s: %d golden vectors equal bit for bit", artifact.fingerprint, n_vectors)
    return artifact


def _import_lightgbm_alone() -> None:
    """Import LightGBM without scikit-learn and pandas, which it imports where they are installed.

    A booster needs neither, and they cost 2.5 s and 130 MB.
    """
    if "lightgbm" in sys.modules or "sklearn" in sys.modules:
        return
    hidden = [name for name in ("sklearn", "pandas", "matplotlib", "dask", "pyarrow") if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment] # with None there, Python raises ModuleNotFoundError
    try:
        import lightgbm  # noqa: F401
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def _identity(pointer: Path) -> object:
    """Identify an artifact without reading it: its folder, and each file's size and modification time."""
    try:
        folder = pointer.resolve()
        files = [(path, path.stat()) for path in sorted(folder.rglob("*"))]
        return folder, tuple((str(path), status.st_size, status.st_mtime_ns) for path, status in files)
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads back to itself
        return str(error)
