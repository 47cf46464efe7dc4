"""Challengers answer what the champion was asked, from the same bars, and what they answer is logged and no more."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.challengers import Challengers, read_challengers
from tradesieve.serving.decision_log import DecisionLog
from tradesieve.serving.decision_store import Record, open_store
from tradesieve.serving.export import turn_link
from tradesieve.serving.schemas import ScoreRequest
from tradesieve.serving.scoring import Scorer


@pytest.fixture(scope="module")
def other(artifact_builder: Callable[..., Artifact], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return artifact_builder(tmp_path_factory.mktemp("other") / "a", seed=7)


@pytest.fixture
def record(artifact: Artifact, make_request: Callable[..., dict]) -> Record:
    found: list[Record] = []
    Scorer(artifact, on_decision=found.append).score(ScoreRequest(**make_request()), request_id="one")
    return found[0]


def test_an_answer_in_shadow_is_that_of_the_challenger_and_is_stored(
    artifact: Artifact, other: Artifact, record: Record, make_request: Callable[..., dict], tmp_path: Path
) -> None:
    link = tmp_path / "challenger"
    link.symlink_to(other.folder)
    challengers = read_challengers({"TRADESIEVE_CHALLENGERS": os.pathsep.join([str(link), str(tmp_path / "none")])})
    log = DecisionLog(open_store(f"sqlite:///{tmp_path / 'decisions.db'}"), shadow=challengers)
    log.add(record)
    log.close()
    store = open_store(f"sqlite:///{tmp_path / 'decisions.db'}")
    champion, shadow = store.decisions()
    store.close()
    expected = Scorer(other).score(ScoreRequest(**make_request()))
    assert (champion["role"], champion["score"]) == ("champion", record.score)
    assert (shadow["role"], shadow["model"], shadow["request_id"]) == ("challenger", other.fingerprint, "one")
    assert (shadow["score"], shadow["size"], shadow["accept"]) == (expected.score, expected.size, expected.accept)
    link.unlink()
    link.symlink_to(artifact.folder)
    assert list(challengers(record)) == [], "the champion is no challenger of itself"


def test_one_that_needs_more_than_was_sent_is_silent(full_artifact: Artifact, record: Record) -> None:
    assert list(Challengers((full_artifact.folder,))(record)) == []


def test_those_of_the_state_folder_come_and_go(other: Artifact, record: Record, tmp_path: Path) -> None:
    challengers = read_challengers({"TRADESIEVE_HOME": str(tmp_path)})
    assert list(challengers(record)) == []
    link = tmp_path / "serving" / "challengers" / "one"
    turn_link(link, other.folder)
    assert [answer.model for answer in challengers(record)] == [other.fingerprint]
    link.unlink()
    assert list(challengers(record)) == []
