"""Settings: from the environment and mlflow.yml, once, and a wrong one is named before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.pipelines import settings as module
from tradesieve.pipelines.settings import ROOT, project_folder, read_settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder without an mlflow.yml, and a home that does not exist yet."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.setattr(module, "project_folder", lambda: folder)
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


def test_a_checkout_has_its_own_file_and_an_installed_package_that_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_folder() == ROOT
    monkeypatch.setattr(module, "ROOT", tmp_path / "site-packages" / "tradesieve")
    assert project_folder() == tmp_path


def test_without_anything_the_state_is_in_var(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADESIEVE_HOME")
    monkeypatch.chdir(project)
    settings = read_settings()
    assert settings.home == project / "var"
    assert not settings.home.exists(), "it is created once something is written"
    assert settings.tracking_uri == f"sqlite:///{project}/var/mlflow/mlflow.db"
    assert settings.port == 5000


def test_an_empty_home_is_no_home(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADESIEVE_HOME", "")
    monkeypatch.chdir(project)
    assert read_settings().home == project / "var"


def test_everything_lies_below_the_home(project: Path, tmp_path: Path) -> None:
    settings = read_settings()
    home = tmp_path / "home"
    places = [settings.bars.folder, settings.ledger.path, settings.bentoml, settings.champion]
    places += [settings.tracking.database, Path(settings.tracking.artifact_root or "")]
    assert all(place is not None and home in place.parents for place in places)


def test_a_relative_home_is_made_absolute(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADESIEVE_HOME", "here")
    monkeypatch.chdir(project)
    settings = read_settings()
    assert settings.home == project / "here"
    assert settings.tracking.database == project / "here" / "mlflow" / "mlflow.db"


def test_the_file_and_then_the_environment_win(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "mlflow.yml").write_text(
        "tracking: {tracking_uri: 'http://one:5000', experiment: mine}\nserver: {port: 5001, host: null}\n"
    )
    settings = read_settings()
    assert (settings.tracking_uri, settings.experiment) == ("http://one:5000", "mine")
    assert (settings.host, settings.port) == ("127.0.0.1", 5001)
    assert settings.tracking.artifact_root is None, "a server has artifacts of its own"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://two:5000")
    assert read_settings().tracking_uri == "http://two:5000"


def test_the_pages_of_mlflow_are_those_of_its_server(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADESIEVE_MLFLOW_PAGES", raising=False)
    assert read_settings().mlflow_pages is None, "nothing serves the database"
    monkeypatch.setenv("TRADESIEVE_MLFLOW_PAGES", "http://127.0.0.1:5001")
    assert read_settings().mlflow_pages == "http://127.0.0.1:5001"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/mlflow.db")
    assert read_settings().mlflow_pages is None, "`tradesieve up` serves the home's own database"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://two:5000")
    assert read_settings().mlflow_pages == "http://two:5000"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("traking: {}", Unknown, "unknown section in mlflow.yml: 'traking': did you mean 'tracking'?"),
        ("server: {prot: 1}", Unknown, "unknown key in mlflow.yml, server: 'prot': did you mean 'port'?"),
        ("tracking: {port: 1}", Unknown, "unknown key in mlflow.yml, tracking: 'port'"),
        ("1: 2", Unknown, "unknown section in mlflow.yml: 1"),
        ("a: b: c", BadInput, "is not valid YAML"),
        ("\x00", BadInput, "is not valid YAML"),
        ("[1, 2]", BadInput, "expected keys with their values, got [1, 2]"),
        ("text", BadInput, "expected keys with their values, got 'text'"),
        ("tracking: 5", BadInput, "mlflow.yml, tracking: expected keys with their values, got 5"),
        ("server: {port: abc}", BadInput, "port is 'abc'"),
        ("server: {port: 70000}", BadInput, "port is 70000"),
        ("server: {port: 5.5}", BadInput, "port is 5.5"),
        ("server: {port: true}", BadInput, "port is True"),
        ("tracking: {experiment: ''}", BadInput, "experiment is ''"),
        ("tracking: {tracking_uri: 5}", BadInput, "tracking_uri is 5"),
    ],
)
def test_a_wrong_file_is_named(project: Path, tmp_path: Path, text: str, kind: type[Exception], said: str) -> None:
    (project / "mlflow.yml").write_text(text)
    with pytest.raises(kind) as caught:
        read_settings()
    assert type(caught.value) is kind
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "home").exists(), "nothing is made for settings that are refused"


def test_a_file_that_is_no_text_is_named(project: Path) -> None:
    (project / "mlflow.yml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(BadInput, match="not valid YAML"):
        read_settings()


@pytest.mark.parametrize("text", ["", "server:", "tracking: {tracking_uri: null}", "# nothing"])
def test_what_is_left_out_has_its_default(project: Path, tmp_path: Path, text: str) -> None:
    (project / "mlflow.yml").write_text(text)
    assert read_settings().tracking_uri == f"sqlite:///{tmp_path / 'home'}/mlflow/mlflow.db"


def test_a_home_below_a_file_is_refused(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file" / "home", tmp_path / "file"):
        monkeypatch.setenv("TRADESIEVE_HOME", str(home))
        with pytest.raises(BadInput, match=r"the state folder .*file.* cannot be created.*set TRADESIEVE_HOME"):
            read_settings()


def test_the_projects_own_file_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (ROOT / "mlflow.yml").is_file()
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert read_settings().tracking.database == tmp_path / "mlflow" / "mlflow.db"
