"""Out-of-fold scores: fit every candidate on every fold and score the rows that it was not fitted on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate, check_seed, single_threaded
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.splits import Fold


@dataclass(frozen=True, eq=False)
class CandidateScores:
    """The out-of-fold scores of one candidate.

    Parameters
    ----------
    scores : float64 (n_trades,), out of fold; NaN on rows that no fold tests, and on all rows of a failed candidate.
    error : why the candidate failed, else None.
    seconds : spent on fitting and predicting, summed over the folds.
    """

    candidate: Candidate
    scores: np.ndarray
    error: str | None
    seconds: float


def score_candidates(
    dataset: Dataset,
    candidates: Sequence[Candidate],
    folds: Sequence[Fold],
    *,
    seed: int,
    n_jobs: int = 2,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> list[CandidateScores]:
    """Score the rows of `dataset` out of fold with every candidate.

    A candidate fails as a whole when one of its fits fails, or when its scores are constant in every fold. A failure is
    recorded with its reason, never raised, hidden or averaged away.

    Parameters
    ----------
    folds : training and test rows; a row is tested in one fold at most.
    seed : of every fit. The result depends on it, not on `n_jobs`.
    n_jobs : fits that run at the same time, each on one thread.
    on_progress : called after every fit with the number of finished fits, the total, and the candidate's name.

    Returns
    -------
    One entry a candidate, in the order given.

    Raises
    ------
    BadInput : if there are no candidates or folds, a candidate is repeated, or a row is tested in two folds.
    Unknown : if a candidate's engine or estimator does not exist.
    """
    _check(dataset, candidates, folds, seed, n_jobs)
    import joblib

    total = len(candidates) * len(folds)
    scores = np.full((len(candidates), len(dataset)), np.nan)
    errors: dict[int, dict[int, str]] = {}
    seconds = np.zeros(len(candidates))
    # Threads: fits release the interpreter lock, share the dataset, and start without imports of their own.
    workers = joblib.Parallel(n_jobs=n_jobs, backend="threading", return_as="generator_unordered")
    tasks = (
        joblib.delayed(_score_fold)(dataset, candidate, fold, seed, (place, number))
        for place, candidate in enumerate(candidates)
        for number, fold in enumerate(folds)
    )
    with single_threaded():
        for done, ((place, number), fold_scores, error, taken) in enumerate(workers(tasks), start=1):
            seconds[place] += taken
            if error is None:
                scores[place, folds[number].test] = fold_scores
            else:
                errors.setdefault(place, {})[number] = error
            if on_progress is not None:
                on_progress(done, total, candidates[place].name)
    return [
        _finished(candidate, scores[place], errors.get(place, {}), folds, float(seconds[place]))
        for place, candidate in enumerate(candidates)
    ]


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


def _score_fold(
    dataset: Dataset, candidate: Candidate, fold: Fold, seed: int, place: tuple[int, int]
) -> tuple[tuple[int, int], np.ndarray, str | None, float]:
    started = time.perf_counter()
    try:
        if not len(fold.train):
            raise BadInput("no training row is left after purging")
        rows = fold.train
        model = engine_named(candidate.engine).fit(
            candidate, dataset.X[rows], dataset.y[rows], dataset.weight[rows], seed=seed
        )
        scores, error = model.predict(dataset.X[fold.test]), None
        if not np.isfinite(scores).all():
            error = f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not finite"
    except Exception as failure:  # any vendor error is this candidate's result, and the others continue
        scores, error = np.empty(0), f"{type(failure).__name__}: {failure}"
    return place, scores, error, time.perf_counter() - started


def _finished(
    candidate: Candidate, scores: np.ndarray, errors: dict[int, str], folds: Sequence[Fold], seconds: float
) -> CandidateScores:
    error = None
    if errors:
        first = min(errors)
        error = f"{len(errors)} of {len(folds)} folds failed, the first is fold {first}: {errors[first]}"
    elif all(len(fold.test) > 1 and np.ptp(scores[fold.test]) == 0 for fold in folds):
        # Scores of two folds may still differ, but only by the rate of good trades in their training rows.
        error = "the scores are constant in every fold: the model learned nothing"
    return CandidateScores(candidate, np.full_like(scores, np.nan) if error else scores, error, seconds)
