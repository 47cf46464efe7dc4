"""A small real experiment, run once, and homes of their own for the tests that change something."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.command_runs import Command, Ended, exit_code
from tradesieve.market.bars import Bars
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.artifact.artifact import Artifact, load_artifact
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.settings import Settings

QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
}


def settings_in(home: Path) -> Settings:
    """Give the settings that `read_settings` reads by default, with another home."""
    uri = f"sqlite:///{home}/mlflow/mlflow.db"
    return Settings(home, uri, "tradesieve", "tradesieve", "127.0.0.1", 5000)


def state_of(folder: Path) -> dict[str, str]:
    """Hash every file below a folder and name every folder."""
    return {
        str(path.relative_to(folder)): "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
    }


@dataclass(frozen=True)
class Finished:
    """An experiment that ran to its end; what it left is not to be changed."""

    experiment: Experiment
    settings: Settings
    result: dict[str, Any]
    steps: list[tuple[str, int, int, str]]


@pytest.fixture(scope="session")
def folder_state() -> Callable[[Path], dict[str, str]]:
    """The function `state_of`."""
    return state_of


@pytest.fixture(scope="session")
def small_bars() -> Bars:
    """A hundred and twenty days of 15-minute bars with a planted edge."""
    market = SyntheticMarket(edge=0.2, reversion=0.06, n_days=120, timeframe=parse_timeframe("15m"))
    return market.generate("AAA")[0]


@pytest.fixture(scope="session")
def small_experiment() -> Experiment:
    """Three strategies, four candidates, three folds: too little for the gate to open."""
    return Experiment(
        symbols=("AAA",),
        timeframes=("15m",),
        num_strategies=3,
        features="minimal",
        plan=Plan(label="won", engines={"lightgbm": 4}, applications=("threshold",), selected_by="sortino", n_folds=3),
    )


@pytest.fixture(scope="session")
def empty_tracking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of MLflow without a run, since making one takes seconds."""
    from tradesieve.models.tracking.connection import connect

    home = tmp_path_factory.mktemp("tracking")
    connect(settings_in(home).tracking)
    return home / "mlflow"


@pytest.fixture(scope="session")
def make_home(
    small_bars: Bars, empty_tracking: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Settings]:
    """A function that makes a home with the bars and nothing else in it."""

    def make(*, bars: Bars | None = small_bars) -> Settings:
        home = tmp_path_factory.mktemp("home")
        shutil.copytree(empty_tracking, home / "mlflow")
        settings = settings_in(home)
        if bars is not None:
            settings.bars.append(bars)
        return settings

    return make


@pytest.fixture(scope="session")
def finished(make_home: Callable[..., Settings], small_experiment: Experiment) -> Finished:
    """The small experiment, run to its end once."""
    settings, steps = make_home(), []
    result = run_experiment(small_experiment, settings, progress=lambda *step: steps.append(step))
    return Finished(small_experiment, settings, result, steps)


@pytest.fixture(scope="session")
def trained(finished: Finished) -> Artifact:
    """The artifact of the small experiment."""
    return load_artifact(Path(finished.result["artifact"]))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """A function that runs a command in this process, with a home of its own unless one is given."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))

    def call(*arguments: object, home: Path | None = None) -> Ended:
        if home is not None:
            monkeypatch.setenv("TRADESIEVE_HOME", str(home))
        capsys.readouterr()
        code = exit_code(monkeypatch, *arguments)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return call


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Settings], small_bars: Bars) -> Path:
    """A home with a few bars and nothing else, which bad input must not change."""
    return make_home(bars=small_bars[:1000]).home


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, small_experiment: Any) -> Path:
    path = tmp_path_factory.mktemp("config") / "experiment.yaml"
    path.write_text(small_experiment.to_yaml())
    return path


@pytest.fixture(scope="module")
def ran(make_home: Callable[..., Settings], finished: Any) -> Settings:
    """A home in which the small experiment ran."""
    from tradesieve.pipelines.runs.experiment_run import run_experiment

    settings = make_home()
    run_experiment(finished.experiment, settings)
    return settings
