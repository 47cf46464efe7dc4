"""Factors of one's own in an experiment: checked first, part of what it is, and computed anew when they change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.pipelines.command_runs import exit_code
from tradesieve.features.user_modules import isolated_modules
from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.experiment_files import experiment_from_yaml
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_trades import TradedChunk, generate_trades
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import compute_features

MODULE = '''
from tradesieve import factor


@factor
def closing_strength(bars, window=20):
    """Average where each bar closes between its low and its high."""
    return ((bars.close - bars.low) / (bars.high - bars.low)).mean()


@factor(of="frame")
def from_mean(frame, window=20):
    """Stand above the mean."""
    return frame["close"] / frame["close"].rolling(window).mean() - 1
'''
CENTRED = MODULE.replace("rolling(window)", "rolling(window, center=True)")
NAMES = ("bars__closing_strength__window_20", "bars__from_mean__window_10", "close__slope__window_20", "trade__side")


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    with isolated_modules():
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_factors.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own(folder: Path, small_experiment: Experiment) -> Experiment:
    return replace(small_experiment, modules=("my_factors.py",), features=NAMES)


def test_a_yaml_names_modules(own: Experiment, folder: Path) -> None:
    (folder / "mine.yaml").write_text(own.to_yaml())
    assert experiment_from_yaml(folder / "mine.yaml") == own
    with pytest.raises(
        Unknown, match="factor in 'bars__from_means__window_10': 'from_means': did you mean 'from_mean'"
    ):
        replace(own, features=("bars__from_means__window_10",))
    with pytest.raises(BadInput, match="elsewhere not found"):
        replace(own, modules=("elsewhere",))


def test_a_look_ahead_is_refused_before_anything_is_learned(
    own: Experiment, folder: Path, make_home: Callable[..., Settings]
) -> None:
    settings = make_home()
    (folder / "my_factors.py").write_text(CENTRED)
    with pytest.raises(Refused, match=r"AAA 15m: bars__from_mean__window_10 looks at the future: .* at 2023-"):
        run_experiment(own, settings)
    assert not (settings.home / "factors").exists()
    assert not (settings.home / "experiments").exists()


def test_the_source_of_a_module_is_part_of_what_follows_from_it(
    own: Experiment, folder: Path, make_home: Callable[..., Settings], small_experiment: Experiment
) -> None:
    settings = make_home()
    told: list[str] = []

    def computed(experiment: Experiment) -> np.ndarray:
        told.clear()
        (chunk,) = load_chunks(experiment, settings)
        traded = TradedChunk(chunk, generate_trades(chunk, settings))
        return compute_features(
            traded, experiment.feature_names(), settings, progress=lambda *step: told.append(step[3])
        )

    first = computed(own)
    assert np.isfinite(first[:, :2]).mean() > 0.9
    np.testing.assert_array_equal(computed(own), first)
    assert "read" in told[-1]
    (folder / "my_factors.py").write_text(MODULE.replace(" - 1", " - 2"))
    second = computed(replace(own))
    assert "read" not in told[-1]
    np.testing.assert_allclose(second[:, 1], first[:, 1] - 1.0, atol=1e-12)
    np.testing.assert_array_equal(second[:, [0, 2, 3]], first[:, [0, 2, 3]])


def command(monkeypatch: pytest.MonkeyPatch, home: Path, *arguments: str) -> int:
    monkeypatch.setenv("TRADESIEVE_HOME", str(home))
    return exit_code(monkeypatch, *arguments)


def test_the_check_of_a_module_needs_no_bars(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = folder / "home"
    check = ("factors", "check", "--module", "my_factors.py", "--times", "8")
    assert command(monkeypatch, home, *check, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["passed"]
    assert [row["feature"] for row in said["features"]] == [
        "bars__closing_strength__window_20", "bars__from_mean__window_20",
    ]  # fmt: skip
    (folder / "my_factors.py").write_text(CENTRED)
    assert command(monkeypatch, home, *check, "--json") == 2
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert said["culprits"] == ["bars__from_mean__window_20"]
    good, bad = said["features"]
    assert {good[law] for law in ("purity", "truncation", "perturbation", "longer", "last_window")} == {"holds"}
    assert (bad["purity"], bad["neighbours"], bad["last_window"]) == ("holds",) * 3
    assert bad["truncation"].startswith("2023-")
    assert bad["perturbation"].startswith("2023-")
    assert err.splitlines()[-1] == "tradesieve: 1 of 2 features break an invariant: bars__from_mean__window_20"
    assert (
        command(monkeypatch, home, *check, "--features", "bars__closing_strength__window_5,close__slope__window_20")
        == 0
    )


def test_the_list_shows_the_factors_of_a_module(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, folder / "home", "factors", "list", "strength", "--module", "my_factors", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["factors"]
    assert (row["factor"], row["family"], row["formula"]) == (
        "closing_strength", "my_factors", "Average where each bar closes between its low and its high.",
    )  # fmt: skip
