"""Out-of-fold scores: fit every candidate on every fold and score the rows that it was not fitted on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate, Model, check_seed, single_threaded
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.protocol.candidate_rows import CandidateRows, members_of
from tradesieve.models.splits import Fold


@dataclass(frozen=True, eq=False)
class CandidateScores:
    """The out-of-fold scores of one candidate.

    Parameters
    ----------
    scores : float64 (n_trades,), out of fold; NaN on rows that no fold tests, and on all rows of a failed candidate.
    error : why the candidate failed, else None.
    seconds : spent on fitting and predicting, summed over the folds; little where another candidate's fits were used.
    """

    candidate: Candidate
    scores: np.ndarray
    error: str | None
    seconds: float

    def joined(self, other: CandidateScores) -> CandidateScores:
        """Return the scores of the same candidate on the folds of both; it failed where it failed on either."""
        error = self.error or other.error
        scores = np.where(np.isnan(self.scores), other.scores, self.scores)
        if error is not None:
            scores = np.full(len(scores), np.nan)
        return CandidateScores(self.candidate, scores, error, self.seconds + other.seconds)


def score_candidates(
    dataset: Dataset,
    candidates: Sequence[Candidate],
    folds: Sequence[Fold],
    *,
    seed: int,
    n_jobs: int = 2,
    on_progress: Callable[[int, int, str], None] | None = None,
    on_finished: Callable[[CandidateScores], None] | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> list[CandidateScores]:
    """Score the rows of `dataset` out of fold with every candidate.

    1. Fit every candidate on the training rows of every fold, those that combine others last; what several candidates
       need, a fit or binned rows, is made once a fold.
    2. Score the fold's test rows with it.
    3. A candidate fails as a whole when one of its fits fails, or when its scores are constant in every fold. A failure
       is recorded with its reason, never raised, hidden or averaged away.

    Parameters
    ----------
    folds : training and test rows; a row is tested in one fold at most.
    seed : of every fit. The result depends on it, not on `n_jobs`.
    n_jobs : fits that run at the same time, each on one thread.
    on_progress : called after every fit with the number of finished fits, the total, and the candidate's name.
    on_finished : called with the scores of each candidate as soon as its last fold is done.
    is_over : asked before each candidate begins; once it is, no other begins.

    Returns
    -------
    One entry for each candidate that began, in the order given.

    Raises
    ------
    BadInput : if there are no candidates or folds, a candidate is repeated, or a row is tested in two folds.
    Unknown : if a candidate's engine or estimator does not exist.
    """
    _check(dataset, candidates, folds, seed, n_jobs)
    import joblib

    total, done = len(candidates) * len(folds), 0
    fold_scores: dict[int, dict[int, _FoldScores]] = {place: {} for place in range(len(candidates))}
    finished: dict[int, CandidateScores] = {}
    fits = _Fits(dataset, candidates, folds, seed)
    # Threads: fits release the interpreter lock, share the dataset, and start without imports of their own.
    workers = joblib.Parallel(n_jobs=n_jobs, backend="threading", return_as="generator_unordered")
    with single_threaded():
        for one in workers(_tasks(fits, candidates, len(folds), is_over)):
            if one is None:
                continue
            own = fold_scores[one.place]
            own[one.fold] = one
            done += 1
            if on_progress is not None:
                on_progress(done, total, candidates[one.place].name)
            if len(own) == len(folds):
                finished[one.place] = _finished(candidates[one.place], own, folds, len(dataset))
                if on_finished is not None:
                    on_finished(finished[one.place])
    return [finished[place] for place in sorted(finished)]


def _tasks(fits: _Fits, candidates: Sequence[Candidate], n_folds: int, is_over: Callable[[], bool]) -> Iterator[Any]:
    """Order the work: candidates that are fitted by themselves, what only others are made of, and these others."""
    import joblib

    score, prepare = joblib.delayed(_score_fold), joblib.delayed(fits.prepare)
    places = range(len(candidates))
    combined = [place for place in places if members_of(candidates[place])]
    for place in places:
        if place not in combined:
            if is_over():
                return
            yield from (score(fits, candidates[place], place, number) for number in range(n_folds))
    own = {candidate.key for candidate in candidates}
    members = {member.key: member for place in combined for member in members_of(candidates[place])}
    for key, member in members.items():
        if key not in own:
            yield from (prepare(member, number) for number in range(n_folds))
    for place in combined:
        if is_over():
            return
        yield from (score(fits, candidates[place], place, number) for number in range(n_folds))


def _check(dataset: Dataset, candidates: Sequence[Candidate], folds: Sequence[Fold], seed: int, n_jobs: int) -> None:
    if not candidates or not folds:
        raise BadInput(f"scoring needs candidates and folds, got {len(candidates)} and {len(folds)}")
    if n_jobs < 1:
        raise BadInput(f"n_jobs is {n_jobs}: it must be at least 1")
    check_seed(seed)
    seen: set[str] = set()
    for candidate in candidates:
        engine_named(candidate.engine).check_estimator(candidate.estimator, candidate.task)
        if candidate.key in seen:
            raise BadInput(f"{candidate.name} is given twice: it would count as two trials")
        seen.add(candidate.key)
    tested = np.zeros(len(dataset), dtype=np.int64)
    for number, fold in enumerate(folds):
        if not len(fold.test):
            raise BadInput(f"fold {number} tests no row")
        if len(np.intersect1d(fold.train, fold.test)):
            raise BadInput(f"fold {number} trains on rows that it tests")
        tested[fold.test] += 1
    if tested.max() > 1:
        raise BadInput(f"row {int(tested.argmax())} is tested in {tested.max()} folds: a row can have one score only")


class _Fits:
    """Fits on the training rows of folds; one that several tasks need is made once, and then kept."""

    def __init__(self, dataset: Dataset, candidates: Sequence[Candidate], folds: Sequence[Fold], seed: int) -> None:
        self.dataset, self.folds, self._seed = dataset, folds, seed
        self._shared = {member.key for candidate in candidates for member in members_of(candidate)}
        self._rows = CandidateRows(dataset, [fold.train for fold in folds])

    def fit(self, candidate: Candidate, number: int) -> Model:
        """Return the model of this candidate on this fold."""
        if candidate.key not in self._shared:
            return self._fit(candidate, number)
        return self._rows.of(candidate, number).once(candidate.key, lambda: self._fit(candidate, number))

    def prepare(self, candidate: Candidate, number: int) -> None:
        """Fit what others are made of; they fail by its failure when they fit it again."""
        with contextlib.suppress(Exception):
            self.fit(candidate, number)

    def _fit(self, candidate: Candidate, number: int) -> Model:
        members = [self.fit(member, number) for member in members_of(candidate)]
        return self._rows.fit(candidate, number, seed=self._seed, members=members)


@dataclass(frozen=True, eq=False)
class _FoldScores:
    """The scores of the candidate at `place` on the test rows of a fold, or why it failed there."""

    place: int
    fold: int
    scores: np.ndarray
    error: str | None
    seconds: float


def _score_fold(fits: _Fits, candidate: Candidate, place: int, number: int) -> _FoldScores:
    started = time.perf_counter()
    try:
        scores, error = fits.fit(candidate, number).predict(fits.dataset.X[fits.folds[number].test]), None
        if not np.isfinite(scores).all():
            error = f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not finite"
    except Exception as failure:  # any vendor error is this candidate's result, and the others continue
        scores, error = np.empty(0), f"{type(failure).__name__}: {failure}"
    return _FoldScores(place, number, scores, error, time.perf_counter() - started)


def _finished(
    candidate: Candidate, of_folds: dict[int, _FoldScores], folds: Sequence[Fold], n_trades: int
) -> CandidateScores:
    scores = np.full(n_trades, np.nan)
    errors = {number: one.error for number, one in sorted(of_folds.items()) if one.error is not None}
    if errors:
        first = min(errors)
        error = f"{len(errors)} of {len(folds)} folds failed, the first is fold {first}: {errors[first]}"
    elif all(len(fold.test) > 1 and np.ptp(of_folds[number].scores) == 0 for number, fold in enumerate(folds)):
        # Scores of two folds may still differ, but only by the rate of good trades in their training rows.
        error = "the scores are constant in every fold: the model learned nothing"
    else:
        error = None
        for number, fold in enumerate(folds):
            scores[fold.test] = of_folds[number].scores
    return CandidateScores(candidate, scores, error, sum(one.seconds for one in of_folds.values()))
