"""Challengers: models that are asked what the champion was asked, in shadow, after it has answered.

Their answers are stored beside the champion's and change nothing. They are computed from the same bars by the thread
that stores decisions, so no answer waits for them. ``TRADESIEVE_CHALLENGERS`` names their folders, or links to them,
which may be turned, or a folder of such links, separated as in ``PATH``; unless it is given, those count that
`tradesieve model challenge` keeps in the state folder.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tradesieve.market.errors import TradesieveError
from tradesieve.models.artifact.artifact import Artifact, load_artifact, verify
from tradesieve.models.artifact.manifest import MANIFEST_FILE
from tradesieve.models.artifact.signatures import Keys
from tradesieve.serving.decision_store import Record, decisions_of
from tradesieve.strategies.instance import Instance

CHALLENGERS_VARIABLE = "TRADESIEVE_CHALLENGERS"

logger = logging.getLogger("tradesieve.serving")


class Challengers:
    """Answers decisions in shadow. Not thread-safe.

    Parameters
    ----------
    pointers : folders of artifacts, links to them, or folders of such links.
    keys : whose signatures count; None: those of this installation.
    """

    def __init__(self, pointers: tuple[Path, ...], keys: Keys | None = None) -> None:
        self._pointers, self._keys = pointers, keys
        self._loaded: dict[Path, tuple[Path, Artifact | None]] = {}

    def __call__(self, record: Record) -> Iterator[Record]:
        """Yield what each challenger answers; silent is one that does not know the strategy, or needs more bars."""
        for pointer in self._entries():
            artifact = self._current(pointer)
            if artifact is None or artifact.fingerprint == record.model:
                continue
            try:
                answer = _answer(artifact, record)
            except Exception as error:  # what fails in shadow costs nobody an answer
                logger.error("challenger %s fails: %s", artifact.fingerprint, error)
                continue
            if answer is not None:
                yield answer

    def _entries(self) -> Iterator[Path]:
        for pointer in self._pointers:
            if (pointer / MANIFEST_FILE).exists() or not pointer.is_dir():
                yield pointer
            else:  # a link that is being made has a name with a dot
                yield from sorted(path for path in pointer.iterdir() if not path.name.startswith("."))

    def _current(self, pointer: Path) -> Artifact | None:
        folder = Path(os.path.realpath(pointer))
        known = self._loaded.get(pointer)
        if known is None or known[0] != folder:
            artifact = None
            try:
                artifact = load_artifact(folder, self._keys)
                verify(artifact)
                logger.info("%s answers in shadow", artifact.fingerprint)
            except TradesieveError as error:
                artifact = None
                logger.error("refused the challenger at %s: %s", pointer, error)
            known = self._loaded[pointer] = folder, artifact
        return known[1]


def read_challengers(environment: Mapping[str, str], keys: Keys | None = None) -> Challengers:
    """Read which models answer in shadow."""
    kept = Path(environment.get("TRADESIEVE_HOME") or "var") / "serving" / "challengers"
    given = environment.get(CHALLENGERS_VARIABLE) or str(kept)
    return Challengers(tuple(Path(part).absolute() for part in given.split(os.pathsep) if part), keys)


def _answer(artifact: Artifact, record: Record) -> Record | None:
    name = str(Instance(record.strategy, record.symbol, record.timeframe))
    if name not in artifact.manifest["instances"]:
        return None
    needed = artifact.requirements(record.timeframe, record.symbol)
    decision = decisions_of(record.decision_time, record.side, record.terms)
    known = {"side", *record.terms}
    if len(record.window) < needed.bars or not needed.terms <= known:
        return None
    if any(symbol not in record.others or len(record.others[symbol]) < n for symbol, n in needed.others.items()):
        return None
    features = artifact.columns(record.window, decision, others=record.others, instance_names=[name])
    score = artifact.model.predict(features)
    size = float(artifact.sizes(np.asarray(score), [name])[0])
    return record._replace(
        role="challenger",
        model=artifact.fingerprint,
        features=features[0],
        score=float(score[0]),
        size=size,
        accept=size > 0.0,
        reasons=["in shadow"],
        stages={},
    )
