"""Checkpoints come back as they were; one that cannot be read or saved is no checkpoint, and nothing worse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tradesieve.market.caches import CacheWarning
from tradesieve.models.engines.base import Candidate
from tradesieve.models.protocol.candidate_scores import CandidateScores
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints

GOOD, FAILED, MISSING = (Candidate("lightgbm", "gbdt", {"n_trees": n}) for n in (1, 2, 3))
SCORED = (
    CandidateScores(GOOD, np.array([0.5, np.nan, -1.0]), None, 1.5),
    CandidateScores(FAILED, np.full(3, np.nan), "no fit", 0.5),
)


def test_finished_candidates_come_back(tmp_path: Path) -> None:
    checkpoints = ScoreCheckpoints(tmp_path / "scores")
    for scored in SCORED:
        checkpoints.save(scored)
    loaded = checkpoints.load([GOOD, FAILED, MISSING])
    assert list(loaded) == [GOOD.key, FAILED.key]
    for scored in SCORED:
        found = loaded[scored.candidate.key]
        assert (found.candidate, found.error, found.seconds) == (scored.candidate, scored.error, scored.seconds)
        np.testing.assert_array_equal(found.scores, scored.scores)


def test_a_folder_that_cannot_be_used_is_said_and_fails_nothing(tmp_path: Path) -> None:
    (tmp_path / "scores").write_text("in the way")
    checkpoints = ScoreCheckpoints(tmp_path / "scores")
    with pytest.warns(CacheWarning, match=f"the cache {tmp_path}/scores cannot be used: a file is where"):
        checkpoints.save(SCORED[0])
    assert checkpoints.load([GOOD]) == {}
