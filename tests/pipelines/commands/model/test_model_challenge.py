"""Challengers from the command line, and what an export says before it drops a strategy that is served."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.pipelines.command_runs import Command
from tests.pipelines.conftest import Finished, settings_in
from tests.signed import read, sign
from tradesieve.models.artifact.artifact import Artifact, release
from tradesieve.pipelines.runs.release import release_run
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.export import point_to

pytestmark = pytest.mark.slow

GONE = "dip_buying(drop_threshold=-0.5)|AAA|15m"


@pytest.fixture
def copy(finished: Finished, tmp_path: Path) -> Settings:
    shutil.copytree(finished.settings.home, tmp_path / "copied")
    return settings_in(tmp_path / "copied")


def test_a_run_challenges_and_gives_up(run: Command, copy: Settings, finished: Finished, trained: Artifact) -> None:
    run_id = finished.result["run_id"]
    roles = [row["role"] for row in run("model", "list", "--json", home=copy.home).json()["runs"]]
    assert roles == [""]
    assert run("model", "challenge", run_id, "--json", home=copy.home).json() == {"challengers": [run_id]}
    link = copy.challengers / run_id
    assert read(link.resolve()) == read(trained.folder)
    (row,) = run("model", "list", "--json", home=copy.home).json()["runs"]
    assert row["role"] == "challenger"
    assert "challenger" in run("model", "list", home=copy.home).out
    released = release(trained, copy.home / "released" / "one", run_id=run_id, override="a test")
    point_to(copy.champion, released.folder)
    (row,) = run("model", "list", "--json", home=copy.home).json()["runs"]
    assert row["role"] == "champion"
    assert run("model", "challenge", run_id, "--remove", "--json", home=copy.home).json() == {"challengers": []}
    for wrong in ((run_id, "--remove"), ("0" * 32,), (), ("--list", "--remove")):
        assert run("model", "challenge", *wrong, home=copy.home).code == 2
    assert run("model", "challenge", "--list", home=copy.home).code == 0


def test_a_strategy_that_would_no_longer_be_served_is_named_first(
    copy: Settings, finished: Finished, trained: Artifact
) -> None:
    run_id = finished.result["run_id"]
    served = release(trained, copy.home / "released" / "one", run_id=run_id, override="a test")
    manifest = read(served.folder)
    sign(served.folder, manifest | {"instances": [*manifest["instances"], GONE]})
    point_to(copy.champion, served.folder)
    told: list[tuple[str, Path]] = []
    released, _ = release_run(
        copy, run_id, override="another", say=lambda text: told.append((text, copy.champion.resolve()))
    )
    ((text, answering),) = told
    assert text == f"1 that are served now are not in this model, and will be refused as unknown: {GONE}"
    assert answering == served.folder.resolve(), "said before the service switches"
    assert copy.champion.resolve() == released.folder.resolve()
