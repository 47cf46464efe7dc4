"""The contract of an engine: estimators, candidates drawn from their search spaces, and fits."""

from __future__ import annotations

import hashlib
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.extras import require_extra
from tradesieve.models.engines.training_rows import SelectedRows, TrainingRows
from tradesieve.models.feature_selection.registry import SELECTIONS, check_selection
from tradesieve.models.fitted.calibration import NONE, check_calibration
from tradesieve.models.fitted.model import Model
from tradesieve.models.labels.base import CLASSIFICATION, TASKS
from tradesieve.models.scopes.registry import POOLED, scope_named

__all__ = ["Candidate", "Engine", "Model", "single_threaded"]

_LARGEST_SEED = 2**31 - 1
_TRIES = 100


_DIMENSIONS = {"label": "", "factors": "", "weights": "uniform", "calibration": NONE, "scope": POOLED}
"""The dimensions of a search that were added later, with their defaults: keys from before hold without them."""


@dataclass(frozen=True)
class Candidate:
    """An estimator with its parameters and its feature selection, and what it is fitted to: what a search tries.

    Parameters
    ----------
    engine, estimator : names, see `models.engines.registry` and `Engine.estimators`.
    parameters : JSON values, without seeds and threads.
    selection : a method of `models.feature_selection`.
    task : one of `models.labels.base.TASKS`, that of the label which it is fitted to.
    label : the label which it is fitted to, where a search tries several; empty: the only one.
    factors : the factor set that it reads, where a search tries several; empty: every feature of the dataset.
    weights : how its training rows are weighed, see `models.weights`.
    calibration : how the scores of a classification become probabilities, see `models.fitted.calibration`.
    scope : which trades one model is fitted on, see `models.scopes`.
    """

    engine: str
    estimator: str
    parameters: dict[str, Any]
    selection: str = "all"
    task: str = CLASSIFICATION
    label: str = ""
    factors: str = ""
    weights: str = "uniform"
    calibration: str = NONE
    scope: str = POOLED

    def __post_init__(self) -> None:
        check_selection(self.selection)
        scope_named(self.scope)
        check_calibration(self.calibration)
        if self.task not in TASKS:
            raise Unknown("task", self.task, TASKS)
        try:
            json.dumps(self.parameters, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BadInput(f"parameters of a candidate must be JSON values, got {self.parameters}: {error}") from error

    @property
    def key(self) -> str:
        """Hash of the content: equal candidates have equal keys, in every process and on every machine."""
        content = self.as_dict()
        if self.task == CLASSIFICATION:
            del content["task"]  # the ledger holds keys from when there was no other task
        return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """Readable name, for example ``lightgbm/gbdt#3f2a91c0``."""
        return f"{self.engine}/{self.estimator}#{self.key[:8]}"

    @property
    def name_with_dimensions(self) -> str:
        """The name, and what it was fitted to apart from defaults."""
        return " ".join([self.name, *(f"{name}={value}" for name, value in self.dimensions.items())])

    def as_dict(self) -> dict[str, Any]:
        """Return the content as JSON values; ``Candidate(**candidate.as_dict())`` equals the candidate."""
        return {
            "engine": self.engine,
            "estimator": self.estimator,
            "parameters": self.parameters,
            "selection": self.selection,
            "task": self.task,
            **self.dimensions,
        }

    @property
    def dimensions(self) -> dict[str, str]:
        """What it was fitted to, apart from defaults: ``label``, ``factors``, ``weights`` and so on."""
        return {name: getattr(self, name) for name, usual in _DIMENSIONS.items() if getattr(self, name) != usual}

    def __hash__(self) -> int:
        return hash(self.key)


class Engine(ABC):
    """The estimators of one library.

    A subclass names its estimators, their default parameters and search spaces, and fits them. Checks, feature
    selection and the order of candidates are the same for all.
    """

    name: ClassVar[str]
    library: ClassVar[str | None] = None
    """What is imported, where it belongs to an extra that may not be installed."""
    extra: ClassVar[str] = "engines"

    @abstractmethod
    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        """Name every estimator of a task."""

    def default_estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        """Name the estimators that a search tries by default: fast ones that take sample weights."""
        return self.estimators(task)

    def candidates(
        self, n: int, *, seed: int, estimators: Sequence[str] | None = None, task: str = CLASSIFICATION
    ) -> list[Candidate]:
        """List `n` different candidates.

        1. The default parameters of each estimator, on all features.
        2. Then, estimator by estimator in turn, random points of its search space with a random feature selection.

        A shorter list is the beginning of a longer one under the same seed.

        Parameters
        ----------
        n : at least 1.
        estimators : to draw from; `default_estimators` if None.
        task : that of the label, one of `models.labels.base.TASKS`.

        Raises
        ------
        BadInput : if `n` or `seed` is out of range, the search spaces hold fewer than `n` candidates, or the engine's
            library is not installed.
        Unknown : if this engine has no such estimator.
        """
        if n < 1:
            raise BadInput(f"n is {n}, but must be at least 1")
        check_seed(seed)
        names = self.default_estimators(task) if estimators is None else tuple(estimators)
        for name in names:
            self.check_estimator(name, task)
        if not names:
            raise BadInput("estimators is empty: name at least one, or pass None")
        self.check_installed()
        found = [Candidate(self.name, name, self._start(name, task), task=task) for name in names]
        known = {candidate.key for candidate in found}
        for number in range(len(found), n):
            # A generator for each number, so that candidate 7 does not depend on how many are drawn.
            generator = np.random.default_rng((seed, number))
            for _ in range(_TRIES):
                candidate = self._random(names[number % len(names)], task, generator)
                if candidate.key not in known:
                    break
            else:
                raise BadInput(f"{', '.join(names)} of {self.name} give only {number} different candidates, not {n}")
            known.add(candidate.key)
            found.append(candidate)
        return found[:n]

    def _random(self, estimator: str, task: str, generator: np.random.Generator) -> Candidate:
        parameters = self._start(estimator, task) | self._draw(estimator, task, generator)
        selection = list(SELECTIONS)[int(generator.integers(len(SELECTIONS)))]
        return Candidate(self.name, estimator, parameters, selection, task)

    def is_installed(self) -> bool:
        """Whether the engine can fit here."""
        try:
            self.check_installed()
        except BadInput:
            return False
        return True

    def check_installed(self) -> None:
        """Raise BadInput, which says how to install it, where the engine cannot fit here."""
        if self.library is not None:
            require_extra(self.library, self.extra)

    def members(self, candidate: Candidate) -> tuple[Candidate, ...]:
        """Name the candidates whose models this one combines; none for one that is fitted by itself.

        A search often tries them as well, and fits them once for both.
        """
        return ()

    def quick(self, candidate: Candidate, n_rows: int) -> Candidate:
        """Return what is tried instead where many small sets are searched: about as good, and faster to fit.

        Parameters
        ----------
        n_rows : of such a set. Where they are not few, or no time can be saved, it is the candidate itself.
        """
        return candidate

    def n_inner_trials(self, candidate: Candidate) -> int:
        """Return how many parameters each fit of the candidate tries by itself, which count as trials as well."""
        return 0

    def fit(
        self,
        candidate: Candidate,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        *,
        seed: int,
        feature_names: Sequence[str] | None = None,
        spans: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Model:
        """Fit on these rows alone, see `TrainingRows` and `fit_rows`."""
        rows = TrainingRows(X, y, weight, feature_names=feature_names, spans=spans)
        return self.fit_rows(candidate, rows, seed=seed)

    def fit_rows(
        self, candidate: Candidate, rows: TrainingRows, *, seed: int, members: Sequence[Model] | None = None
    ) -> Model:
        """Select features and fit, on these rows alone.

        Parameters
        ----------
        rows : what candidates on the same rows share is made by the first of them.
        members : the models of `members` of the candidate, fitted on these rows with this seed; None fits them here.

        Returns
        -------
        A model that reads the full X. The same arguments give the same model, bit for bit.

        Raises
        ------
        BadInput : if the rows break what `TrainingRows` asks, or the weights differ and the estimator takes none.
        """
        if candidate.engine != self.name:
            raise BadInput(f"{candidate.name} belongs to the engine {candidate.engine!r}, not to {self.name!r}")
        self.check_estimator(candidate.estimator, candidate.task)
        check_seed(seed)
        with single_threaded():
            selected = rows.selected(candidate.selection, candidate.task, seed=seed)
            if members is None:
                members = [self.fit_rows(member, rows, seed=seed) for member in self.members(candidate)]
            return self._combine(members) if members else self._fit(candidate, selected, seed)

    def check_estimator(self, name: str, task: str = CLASSIFICATION) -> None:
        """Raise Unknown if this engine has no such estimator for the task."""
        if name not in self.estimators(task):
            raise Unknown(f"{task} estimator of {self.name}", name, self.estimators(task))

    @abstractmethod
    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        """Return the estimator's default parameters."""

    @abstractmethod
    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        """Draw random parameters from the estimator's search space."""

    @abstractmethod
    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> Model:
        """Fit on checked rows of the selected columns."""

    def _combine(self, members: Sequence[Any]) -> Model:
        """Combine models of this engine that were fitted on the same rows; needed where candidates have members."""
        raise NotImplementedError(f"{self.name} combines no models")


def check_seed(seed: int) -> None:
    """Raise BadInput if not every library takes `seed`."""
    if not 0 <= seed <= _LARGEST_SEED:
        raise BadInput(f"seed is {seed}, but must lie between 0 and {_LARGEST_SEED}")


_threads = threading.Lock()
_inside = 0
_limits: Any = None


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit BLAS to one thread while any caller is inside.

    Fits run side by side, one thread each: nested threads cost tenfold, and a sum split over threads has other last
    bits. BLAS has one limit for the whole process, so the first caller sets it and the last one lifts it; if each
    restored what it found, the end of one fit would lift the limit of another.
    """
    global _inside, _limits
    import scipy.linalg  # noqa: F401  brings scipy's own copy of BLAS, which must be there to be limited
    import threadpoolctl

    with _threads:
        if _inside == 0:
            _take_control(threadpoolctl)
            _limits = threadpoolctl.threadpool_limits(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _threads:
            _inside -= 1
            if _inside == 0:
                _take_control(threadpoolctl)
                _limits.restore_original_limits()
                _take_control(threadpoolctl)


def _take_control(threadpoolctl: Any) -> None:
    """Let this thread set the limit: since 3.8 threadpoolctl silently ignores all threads but the first that did."""
    release = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)
