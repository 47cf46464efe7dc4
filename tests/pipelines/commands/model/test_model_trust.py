"""tradesieve model trust: the key of another installation is admitted, listed and removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests import signed
from tests.pipelines.command_runs import exit_code
from tests.signed import sign
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.artifact.signatures import KEYS_VARIABLE, Keys


def test_a_key_is_admitted_by_an_artifact_or_by_itself(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def trust(*arguments: object) -> object:
        assert exit_code(monkeypatch, "model", "trust", *arguments, "--json") == 0
        return json.loads(capsys.readouterr().out)["trusted"]

    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "here"))
    assert trust("--list") == []
    elsewhere = Keys(tmp_path / "elsewhere")
    foreign = Path(shutil.copytree(artifact.folder, tmp_path / "foreign"))
    sign(foreign, signed.read(foreign), elsewhere)
    admitted = [{"key": elsewhere.public, "note": "the research machine"}]
    assert trust(foreign, "--note", "the research machine") == admitted
    assert trust("--list") == admitted
    assert trust(elsewhere.public, "--remove") == []
    assert trust(elsewhere.public) == [{"key": elsewhere.public, "note": ""}]


@pytest.mark.parametrize("arguments", [(), ("--list", "abc"), ("--list", "--remove"), ("abc",), ("--remove", "abc")])
def test_what_names_no_key_is_refused(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "here"))
    assert exit_code(monkeypatch, "model", "trust", *arguments) == 2
    assert not (tmp_path / "here").exists()
