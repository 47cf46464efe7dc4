"""The artifact: a judged model as a folder that scores bars anywhere and proves that it scores as it did.

    manifest.json   versions, fingerprints, features, application, instances, the gate's verdict: `manifest_schema`
    model/          the native model file: `models.fitted.model`
    golden.npz      golden vectors: `golden_vectors`
    modules/        the source of the user's own factors and rules: `bundled_modules`
    signature       of all this: `signatures`

Nothing in it is a pickle; what is in `modules` is Python that runs when it is loaded. Loading it needs numpy, numba,
pydantic, the library of the model's format and what its modules import; no AutoML library, and tsfresh only if a
feature is tsfresh's. A folder is never changed once written: another model is another folder.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import Computation
from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.requirements import Requirements, requirements_of
from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.models.applications.base import Application
from tradesieve.models.applications.registry import from_parameters
from tradesieve.models.artifact.bundled_modules import describe_modules, modules_of, read_features, write_modules
from tradesieve.models.artifact.golden_vectors import (
    GoldenAnswers,
    GoldenVector,
    differs,
    read_golden,
    trimmed,
    write_golden,
)
from tradesieve.models.artifact.manifest import (
    MANIFEST_FILE,
    complete_manifest,
    file_checksum,
    installed_versions,
    manifest_text,
    read_manifest,
    require_release,
)
from tradesieve.models.artifact.signatures import SIGNATURE_FILE, Keys, installation_keys
from tradesieve.models.fitted.formats import load_model
from tradesieve.models.fitted.model import Model
from tradesieve.models.scopes.category_columns import CategoryColumns, category_columns_from
from tradesieve.strategies.instance import Instance

MODEL, GOLDEN = "model", "golden.npz"


@dataclass(frozen=True, eq=False)
class Artifact:
    """A loaded artifact.

    Parameters
    ----------
    folder : its absolute path.
    manifest : plain JSON values, see `models.artifact.manifest_schema.Manifest`.
    model : scores rows of features.
    features : the columns that the model reads, in order.
    application : turns scores into sizes.
    categories : the columns that the model reads after the features.
    """

    folder: Path
    manifest: dict[str, Any]
    model: Model
    features: tuple[Feature, ...]
    application: Application
    categories: CategoryColumns = field(default_factory=CategoryColumns)

    def score(
        self,
        bars: Bars,
        decisions: Decisions,
        *,
        others: Mapping[str, Bars] | None = None,
        instance_names: Sequence[str] = (),
    ) -> np.ndarray:
        """Score decisions.

        Parameters
        ----------
        bars : history of one symbol, as many bars as `requirements` counts before each decision.
        decisions : n of them, with the terms that `requirements` names.
        others : history of the other symbols that `requirements` names.
        instance_names : the strategy instance of each decision; a model without categories needs none.

        Returns
        -------
        float64 (n,), as `models.fitted.model.Model.predict`. Bit for bit the same for one decision as for many, live as
        in research.

        Raises
        ------
        BadInput : if the model reads categories and not every decision has its instance.
        Unknown : if the model was not trained on an instance.
        """
        return self.model.predict(self.columns(bars, decisions, others=others, instance_names=instance_names))

    def columns(
        self,
        bars: Bars,
        decisions: Decisions,
        *,
        others: Mapping[str, Bars] | None = None,
        instance_names: Sequence[str] = (),
    ) -> np.ndarray:
        """Return what the model reads of decisions, features and then categories; as `score`."""
        return self.with_categories(self._computation(bars, decisions, others=others), instance_names)

    def with_categories(self, X: np.ndarray, instance_names: Sequence[str]) -> np.ndarray:
        """Append the columns of categories to features: float64 (n, n_features), of the instance of each row.

        Raises
        ------
        BadInput, Unknown : as `score`.
        """
        if not self.categories.names:
            return X
        if len(instance_names) != len(X):
            read = ", ".join([*self.categories.codes, *self.categories.indicators])
            raise BadInput(
                f"the model reads the {read} of each decision: {len(X)} decisions need as many instance names, got "
                f"{len(instance_names)}"
            )
        self._positions(instance_names)
        same = self.manifest.get("same_trades_as", {})
        return np.hstack([X, self.categories.of([same.get(name, name) for name in instance_names])])

    def sizes(self, scores: np.ndarray, instance_names: Sequence[str]) -> np.ndarray:
        """Turn scores into sizes, the multiple of each rule's own stake; 0 refuses the trade.

        Raises
        ------
        Unknown : if the model was not trained on an instance.
        """
        return self.application.sizes(np.asarray(scores, dtype=np.float64), self._positions(instance_names))

    def _positions(self, instance_names: Sequence[str]) -> np.ndarray:
        try:
            return np.array([self._index[name] for name in instance_names], dtype=np.int64)
        except KeyError as error:
            raise Unknown("strategy instance", error.args[0], self._index) from None

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
    def _computation(self) -> Computation:
        return Computation(self.features)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.manifest["instances"])}

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the manifest, which itself holds the hash of every other file."""
        return hashlib.sha256(manifest_text(self.manifest).encode()).hexdigest()[:16]

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
    categories: CategoryColumns | None = None,
) -> Artifact:
    """Write an artifact completely or not at all, then load and verify it.

    Parameters
    ----------
    folder : must not exist.
    model : fitted on `features`, in their order, and then on the columns of `categories`.
    application : with the parameters that were judged.
    manifest : plain JSON values, see `models.artifact.manifest_schema.GivenManifest`; further keys are kept.
    golden : at least one; each is cut to what its decision requires. The answers are computed here.
    categories : the columns that the model reads after the features; None: none.

    Raises
    ------
    BadInput : if the folder exists, or model, features, manifest and golden vectors do not fit each other.
    Refused : if the written artifact computes other answers.
    """
    folder = Path(folder)
    if folder.exists():
        raise BadInput(f"{folder} exists: an artifact is never rewritten, choose another folder")
    parsed = tuple(parse_feature(name) for name in features)
    modules = modules_of(parsed, manifest.get("instances", ()))
    if modules:
        manifest = {**manifest, "modules": describe_modules(modules)}
    read = categories or CategoryColumns()
    if read.names:
        manifest = {**manifest, "categories": read.as_dict()}
    whole = complete_manifest(manifest, model=model, features=features, application=application, n_read=len(read.names))
    with _drafted(folder) as draft:
        unwritten = Artifact(draft, whole, model, parsed, application, read)
        vectors = trimmed(golden, unwritten.requirements)
        model.save(draft / MODEL)
        write_modules(draft, modules)
        write_golden(draft / GOLDEN, vectors, _answers(unwritten, vectors))
        whole["files"] = {
            path.relative_to(draft).as_posix(): file_checksum(path)
            for path in sorted(draft.rglob("*"))
            if path.is_file()
        }
        _write_signed(draft, whole)
    return load_artifact(folder)


def release(
    source: Artifact, folder: Path, *, run_id: str, override: str | None = None, life_days: float | None = None
) -> Artifact:
    """Copy an experiment's artifact for release, with its run and the override written into its manifest.

    Parameters
    ----------
    source : the artifact of an experiment.
    folder : new, or holding the same release already, which is returned as it is.
    override : why a closed gate is overridden; None when the gate opened.
    life_days : how long after its creation the model may be relied on; None: nobody says.

    Raises
    ------
    Refused : if the gate is closed and there is no override.
    BadInput : if `folder` holds something else, or the override is empty.
    """
    if override is not None and not override.strip():
        raise BadInput("the override is empty: say in words why the closed gate is overridden")
    # An override is recorded only where there is something to override.
    override = None if source.manifest["gate"]["open"] else override
    manifest = {**source.manifest, "run_id": run_id, "override": override}
    if life_days is not None:
        manifest["life_days"] = life_days
    require_release(manifest)
    folder = Path(folder)
    if folder.exists():
        if load_artifact(folder).manifest != manifest:
            raise BadInput(f"{folder} holds another artifact: choose another folder")
        return load_artifact(folder)
    with _drafted(folder) as draft:
        shutil.copytree(source.folder, draft, dirs_exist_ok=True)
        _write_signed(draft, manifest)
    return load_artifact(folder)


def _write_signed(folder: Path, manifest: Mapping[str, Any]) -> None:
    content = manifest_text(manifest).encode()
    (folder / MANIFEST_FILE).write_bytes(content)
    (folder / SIGNATURE_FILE).write_bytes(installation_keys().sign(content))


@contextmanager
def _drafted(folder: Path) -> Iterator[Path]:
    """Yield a draft beside `folder`, verified and renamed to it when the block succeeds, removed when it fails."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield draft
        draft.chmod(0o755)
        verify(load_artifact(draft))
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def load_artifact(folder: Path, keys: Keys | None = None) -> Artifact:
    """Read an artifact. Its golden vectors are not replayed: see `verify`.

    Parameters
    ----------
    keys : whose signatures count; None: those of this installation.

    Raises
    ------
    BadInput : if it is missing, cut short, altered, not valid, not signed, or of another format version.
    Refused : if its signer is not trusted.
    """
    # The pointer may move to another artifact while this one is read.
    folder = Path(folder).resolve()
    manifest = read_manifest(folder, keys)
    features = read_features(folder, manifest)
    try:
        application = from_parameters(manifest["application"]["name"], manifest["application"]["parameters"])
    except TypeError as error:
        raise BadInput(f"{folder / MANIFEST_FILE} is not valid: application: {error}") from error
    categories = category_columns_from(manifest.get("categories") or {})
    return Artifact(folder, manifest, load_model(folder / MODEL), features, application, categories)


def verify(artifact: Artifact) -> int:
    """Replay the golden vectors, one by one as live, and all at once.

    Returns
    -------
    The number of vectors; every answer is equal bit for bit.

    Raises
    ------
    Refused : at the first answer that differs; names the feature, the score or the size, and both values.
    BadInput : if the golden vectors cannot be read.
    """
    vectors, exported = artifact.golden
    here = _answers(artifact, vectors)
    if exported.X.shape != here.X.shape:
        raise Refused(f"{artifact.folder}: golden answers have shape {exported.X.shape}, here they have {here.X.shape}")
    together = artifact.model.predict(here.X)
    names = [*(feature.name for feature in artifact.features), *artifact.categories.names]
    for row, vector in enumerate(vectors):
        pairs = [
            *((f"feature {name}", here.X[row, i], exported.X[row, i]) for i, name in enumerate(names)),
            ("score", here.scores[row], exported.scores[row]),
            ("score among others", together[row], exported.scores[row]),
            ("size", here.sizes[row], exported.sizes[row]),
        ]
        for name, now, before in pairs:
            if differs(now, before):
                raise Refused(
                    f"{artifact.folder}: golden vector {row} ({vector.instance_name} at "
                    f"{format_time(vector.decision_time)}): {name} is {float(now)!r} here and was {float(before)!r} "
                    f"when the model was exported{_changed_versions(artifact.manifest)}"
                )
    return len(vectors)


def _answers(artifact: Artifact, vectors: Sequence[GoldenVector]) -> GoldenAnswers:
    X = np.empty((len(vectors), len(artifact.features) + len(artifact.categories.names)))
    scores, sizes = np.empty(len(vectors)), np.empty(len(vectors))
    for row, vector in enumerate(vectors):
        asked, own = (vector.bars, vector.decision), [vector.instance_name]
        X[row] = artifact.columns(*asked, others=vector.others, instance_names=own)[0]
        scores[row] = artifact.score(*asked, others=vector.others, instance_names=own)[0]
        sizes[row] = artifact.sizes(scores[row : row + 1], own)[0]
    return GoldenAnswers(X, scores, sizes)


def _changed_versions(manifest: Mapping[str, Any]) -> str:
    """Name the versions that are not those of the export: the likeliest reason for a difference."""
    now = installed_versions(manifest)
    changed = [f"{name} {now[name]} (was {was})" for name, was in manifest["versions"].items() if now.get(name) != was]
    return f"; versions here: {', '.join(changed)}" if changed else "; the code or the processor differs"
