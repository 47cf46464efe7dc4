"""The artifact: a judged model as a folder that scores bars anywhere, and proves on arrival that it scores as it did.

    manifest.json   what it is: versions, fingerprints, features, application, instances, the gate's verdict
    model/          the native model file, see `models.fitted.model`
    golden.npz      golden vectors, see `models.artifact.golden_vectors`
    modules/        the source of factors of the user's own, see `models.artifact.bundled_modules`

Nothing in it is a pickle; what is in `modules` is Python that runs when it is loaded. Loading it needs numpy, numba and
the library of the model's own format, no AutoML library, tsfresh only if a feature is tsfresh's, and what its modules
import. A folder is never changed once written: another model is another folder.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.requirements import Requirements, requirements_of
from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.models.applications.base import Application
from tradesieve.models.applications.registry import from_parameters
from tradesieve.models.artifact import manifest as manifests
from tradesieve.models.artifact.bundled_modules import described, modules_of, read_features, write_modules
from tradesieve.models.artifact.golden_vectors import (
    GoldenAnswers,
    GoldenVector,
    differs,
    read_golden,
    trimmed,
    write_golden,
)
from tradesieve.models.fitted.model import Model, load_model
from tradesieve.strategies.instance import Instance

MODEL, GOLDEN = "model", "golden.npz"


@dataclass(frozen=True, eq=False)
class Artifact:
    """A loaded artifact.

    Parameters
    ----------
    folder : where it lies.
    manifest : its manifest, plain JSON values.
    model : scores rows of features.
    features : the columns that the model reads, in order.
    application : turns scores into sizes.
    """

    folder: Path
    manifest: dict[str, Any]
    model: Model
    features: tuple[Feature, ...]
    application: Application

    def score(self, bars: Bars, decisions: Decisions, *, others: Mapping[str, Bars] | None = None) -> np.ndarray:
        """Score decisions.

        Parameters
        ----------
        bars : history of one symbol, with the bars that `requirements` counts before each decision.
        decisions : n of them, with the terms that `requirements` names.
        others : history of the other symbols that `requirements` names.

        Returns
        -------
        float64 (n,), in [0, 1]. Bit for bit the same for one decision as for many, here as in research.
        """
        return self.model.predict(compute(bars, decisions, self.features, others=others))

    def sizes(self, scores: np.ndarray, instance_names: Sequence[str]) -> np.ndarray:
        """Turn scores into sizes, the multiple of each rule's own stake; 0 refuses the trade.

        Raises
        ------
        Unknown : if the model was not trained on an instance.
        """
        try:
            index = np.array([self._index[name] for name in instance_names], dtype=np.int64)
        except KeyError as error:
            raise Unknown("strategy instance", error.args[0], self._index) from None
        return self.application.sizes(np.asarray(scores, dtype=np.float64), index)

    def requirements(self, timeframe: Timeframe | str, symbol: str | None = None) -> Requirements:
        """Return what a decision requires, at least the bar that closes at the decision.

        Parameters
        ----------
        symbol : the decision's own; None: what suffices for any of the model's symbols.
        """
        if isinstance(timeframe, str):
            timeframe = parse_timeframe(timeframe)
        symbols = self.manifest["symbols"] if symbol is None else [symbol]
        own = [requirements_of(self.features, timeframe, symbol=each).bars for each in symbols]
        return replace(requirements_of(self.features, timeframe, symbol=symbol), bars=max(1, *own))

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """The strategy instances that the model was trained on, in the order of the manifest."""
        return tuple(map(Instance.parse, self.manifest["instances"]))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.manifest["instances"])}

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the manifest, which itself holds the hash of every other file."""
        return hashlib.sha256(manifests.text(self.manifest).encode()).hexdigest()[:16]

    @cached_property
    def golden(self) -> tuple[list[GoldenVector], GoldenAnswers]:
        """The golden vectors and their answers."""
        return read_golden(self.folder / GOLDEN)


def write_artifact(
    folder: Path,
    *,
    model: Model,
    features: Sequence[str],
    application: Application,
    manifest: Mapping[str, Any],
    golden: Sequence[GoldenVector],
) -> Artifact:
    """Write an artifact, all of it or nothing, then load and verify it.

    Parameters
    ----------
    folder : where to; must not exist.
    model : fitted on `features`, in their order.
    application : with the parameter that was judged.
    manifest : the keys in `models.artifact.manifest.GIVEN`, plain JSON values; further keys are kept. ``instances`` in
        the order of the dataset's ``instance_names``; ``gate`` as `Gate.as_dict` gives it; ``override`` None,
        or why a closed gate is passed by.
    golden : at least one; each is cut to what its decision needs. The answers are computed here.

    Raises
    ------
    BadInput : if the folder exists, or model, features, manifest and golden vectors do not fit each other.
    Refused : if the written artifact answers differently.
    """
    folder = Path(folder)
    if folder.exists():
        raise BadInput(f"{folder} exists: an artifact is never rewritten, give another folder")
    parsed = tuple(parse_feature(name) for name in features)
    modules = modules_of(parsed)
    if modules:
        manifest = {**manifest, "modules": described(modules)}
    whole = manifests.completed(manifest, model=model, features=features, application=application)
    with _drafted(folder) as draft:
        unwritten = Artifact(draft, whole, model, parsed, application)
        vectors = trimmed(golden, unwritten.requirements)
        model.save(draft / MODEL)
        write_modules(draft, modules)
        write_golden(draft / GOLDEN, vectors, _answer(unwritten, vectors))
        whole["files"] = {
            path.relative_to(draft).as_posix(): manifests.checksum(path)
            for path in sorted(draft.rglob("*"))
            if path.is_file()
        }
        (draft / manifests.FILE).write_text(manifests.text(whole), encoding="utf-8")
    return load_artifact(folder)


def release(source: Artifact, folder: Path, *, run_id: str, override: str | None = None) -> Artifact:
    """Copy an artifact out of research, with the run that it came from and the override written into its manifest.

    Parameters
    ----------
    source : the artifact of an experiment.
    folder : where to; one that holds the same release already is taken as it is.
    override : why a closed gate is passed by; None when the gate opened.

    Raises
    ------
    Refused : if the gate is closed and there is no override.
    BadInput : if `folder` holds something else, or the override is empty.
    """
    if override is not None and not override.strip():
        raise BadInput("the override is empty: say in words why the closed gate is passed by")
    # An override is written down only where there is something to override.
    override = None if source.manifest["gate"]["open"] else override
    manifest = {**source.manifest, "run_id": run_id, "override": override}
    manifests.require_release(manifest)
    folder = Path(folder)
    if folder.exists():
        if load_artifact(folder).manifest != manifest:
            raise BadInput(f"{folder} holds another artifact; give another folder")
        return load_artifact(folder)
    with _drafted(folder) as draft:
        shutil.copytree(source.folder, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        (draft / manifests.FILE).write_text(manifests.text(manifest), encoding="utf-8")
    return load_artifact(folder)


@contextmanager
def _drafted(folder: Path) -> Iterator[Path]:
    """Give a draft beside `folder`; when the block ends well it is verified and takes its name, else it vanishes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield draft
        draft.chmod(0o755)
        verify(load_artifact(draft))
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def load_artifact(folder: Path) -> Artifact:
    """Read an artifact. Its golden vectors are not replayed: see `verify`.

    Raises
    ------
    BadInput : if it is missing, cut short, altered, or of a format version that this code does not read.
    """
    # A pointer may be turned to another artifact while this one is read.
    folder = Path(folder).resolve()
    manifest = manifests.read(folder)
    try:
        features = read_features(folder, manifest)
        application = from_parameters(manifest["application"]["name"], manifest["application"]["parameters"])
    except (AttributeError, KeyError, TypeError) as error:
        raise BadInput(f"{folder / manifests.FILE} is not understood: {type(error).__name__} {error}") from error
    return Artifact(folder, manifest, load_model(folder / MODEL), features, application)


def verify(artifact: Artifact) -> int:
    """Replay the golden vectors, one by one as they would come live, and all at once.

    Returns
    -------
    The number of vectors, every answer equal bit for bit.

    Raises
    ------
    Refused : at the first other answer; names the feature, the score or the size, and both values.
    BadInput : if the golden vectors cannot be read.
    """
    vectors, then = artifact.golden
    here = _answer(artifact, vectors)
    if then.X.shape != here.X.shape:
        raise Refused(f"{artifact.folder}: golden answers have shape {then.X.shape}, here it is {here.X.shape}")
    together = artifact.model.predict(here.X)
    for row, vector in enumerate(vectors):
        pairs = [
            *((f"feature {f.name}", here.X[row, i], then.X[row, i]) for i, f in enumerate(artifact.features)),
            ("score", here.scores[row], then.scores[row]),
            ("score among others", together[row], then.scores[row]),
            ("size", here.sizes[row], then.sizes[row]),
        ]
        for name, now, before in pairs:
            if differs(now, before):
                raise Refused(
                    f"{artifact.folder}: golden vector {row} ({vector.instance_name} at "
                    f"{format_time(vector.decision_time)}): {name} is {float(now)!r} here and was {float(before)!r} "
                    f"when the model was exported{_moved(artifact.manifest)}"
                )
    return len(vectors)


def _answer(artifact: Artifact, vectors: Sequence[GoldenVector]) -> GoldenAnswers:
    X = np.empty((len(vectors), len(artifact.features)))
    scores, sizes = np.empty(len(vectors)), np.empty(len(vectors))
    for row, vector in enumerate(vectors):
        X[row] = compute(vector.bars, vector.decision, artifact.features, others=vector.others)[0]
        scores[row] = artifact.score(vector.bars, vector.decision, others=vector.others)[0]
        sizes[row] = artifact.sizes(scores[row : row + 1], [vector.instance_name])[0]
    return GoldenAnswers(X, scores, sizes)


def _moved(manifest: Mapping[str, Any]) -> str:
    """Say which versions are not those of the export: the likeliest reason for another bit."""
    now = manifests.versions(manifest)
    moved = [f"{name} {now[name]} (was {was})" for name, was in manifest["versions"].items() if now.get(name) != was]
    return f"; versions here: {', '.join(moved)}" if moved else "; the code or the processor differs"
