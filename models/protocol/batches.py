"""Batches of a search: candidates are scored out of fold, and each is judged as soon as its scores are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.protocol.candidate_scores import CandidateScores, score_candidates
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints
from tradesieve.models.protocol.search_order import SearchOrder
from tradesieve.models.splits import Fold

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Batches:
    """Scores candidates on the development part, batch by batch.

    Parameters
    ----------
    development : see `models.splits.split_holdout`.
    checkpoints : stores the scores of finished candidates, so that an interrupted search resumes.
    n_jobs : fits that run at the same time.
    on_progress : called with the number of finished fits, the most that there can be, and a candidate's name.
    """

    development: Dataset
    plan: Plan
    checkpoints: ScoreCheckpoints | None
    n_jobs: int
    on_progress: Progress | None

    def score(
        self,
        batch: Sequence[Candidate],
        folds: Sequence[Fold],
        order: SearchOrder,
        judge: Callable[[CandidateScores], None],
        *,
        earlier: Mapping[str, CandidateScores],
    ) -> None:
        """Score a batch and judge each candidate, those first whose scores were stored.

        Parameters
        ----------
        folds : on which the candidates are scored.
        order : is told what was tried, and says when the time is up.
        earlier : scores of these candidates on other folds, by their key, which are joined to those found here.
        """
        finished = {} if self.checkpoints is None else self.checkpoints.load(batch)
        for scored in finished.values():
            known = earlier.get(scored.candidate.key)
            order.add_tried((scored.seconds - (0.0 if known is None else known.seconds)) / self.n_jobs)
            judge(scored)
        missing = [candidate for candidate in batch if candidate.key not in finished]
        total, n_done = order.n_planned * len(folds), len(finished) * len(folds)

        def report(step: int, of_missing: int, name: str) -> None:
            if self.on_progress is not None:
                self.on_progress(n_done + step, total, name)

        def finish(scored: CandidateScores) -> None:
            known = earlier.get(scored.candidate.key)
            joined = scored if known is None else known.joined(scored)
            if self.checkpoints is not None:
                self.checkpoints.save(joined)
            order.add_tried()
            judge(joined)

        if missing and not order.is_over():
            score_candidates(
                self.development, missing, folds,
                seed=self.plan.seed, n_jobs=self.n_jobs, on_progress=report, on_finished=finish, is_over=order.is_over,
            )  # fmt: skip

    def after(self, n_done: int, *, of: int | None = None) -> Batches:
        """Return the same with a progress that begins after so many fits.

        Parameters
        ----------
        of : the most fits that there can be; None: those of the batches.
        """
        report = self.on_progress
        if report is None:
            return self
        return replace(
            self, on_progress=lambda done, total, name: report(n_done + done, total if of is None else of, name)
        )

    def stored_in(self, name: str) -> Batches:
        """Return the same with checkpoints in a folder of this name within its own."""
        if self.checkpoints is None:
            return self
        return replace(self, checkpoints=ScoreCheckpoints(self.checkpoints.folder / name))


def tested_part(development: Dataset, folds: Sequence[Fold]) -> Dataset:
    """Return the rows that a fold tests; what could not be sized is no part of the comparison."""
    tested = np.sort(np.concatenate([fold.test for fold in folds]))
    if len(tested) == len(development):
        return development
    return development.take(tested, period=(int(development.decision_time[tested[0]]), development.period[1]))
