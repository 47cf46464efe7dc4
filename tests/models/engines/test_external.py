"""Engines in a process of their own: what passes, what fails and how it is said, with a vendor made for the test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.models.engines import external
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.registry import engine_named, installed_engines
from tradesieve.models.engines.training_rows import TrainingRows
from tradesieve.models.fitted.calibration import Calibration
from tradesieve.models.splits import purged_folds
from tradesieve.pipelines.runs.run_artifact import write_run_artifact

HOUR = 3_600_000_000_000
N = 60
SPANS = (np.arange(N) * HOUR, (np.arange(N) + 2) * HOUR)
X = np.random.default_rng(0).standard_normal((N, 3))
Y = (X[:, 1] > 0) * 1.0
WEIGHT = np.random.default_rng(1).uniform(0.5, 2.0, N)
FAILS, DIES, HANGS = 13, 14, 15
VENDOR = f"""
import json, os, time
import numpy as np, catboost
if not catboost.IS_THE_VENDORS:
    raise ImportError("a module of ours stands in for a library")
class AutoML:
    def __init__(self, random_state, results_path, **settings):
        self.seed, self.path, self.settings = random_state, results_path, settings
    def fit(self, X, y, sample_weight, cv):
        print("a vendor prints what it likes")
        if self.seed == {FAILS}:
            raise ValueError("too few rows for mljar")
        if self.seed == {DIES}:
            os.write(2, b"Segmentation fault\\n")
            os._exit(139)
        if self.seed == {HANGS}:
            time.sleep(600)
        self.cv, self.weight, self.shares = cv, sample_weight, np.average(y, weights=sample_weight)
        os.makedirs(self.path)
    def predict_proba(self, X):
        with open(self.path + "/seen.json", "w") as file:
            json.dump([[a.tolist(), b.tolist()] for a, b in self.cv], file)
        right = 0.5 * (X["f1"] > 0) + 0.4 * self.shares + (X.isna().any(axis=1)) * 0.01
        return np.column_stack([1 - right, right])
"""


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment of mljar whose vendor is the module above."""
    folder = tmp_path_factory.mktemp("engines")
    packages, program = folder / "mljar" / "packages", folder / "mljar" / "bin" / "python"
    (packages / "supervised").mkdir(parents=True)
    program.parent.mkdir()
    (packages / "supervised" / "__init__.py").write_text(VENDOR)
    (packages / "catboost.py").write_text("IS_THE_VENDORS = True\n")
    (packages / "mljar_supervised-1.0.dist-info").mkdir()
    (packages / "mljar_supervised-1.0.dist-info" / "METADATA").write_text("Name: mljar-supervised\nVersion: 1.0\n")
    program.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def used(environments: Path) -> Iterator[None]:
    before = external._environments
    external.use_environments(environments)
    yield
    external.use_environments(before)


def fitted(seed: int = 1, **parameters: Any) -> Any:
    rows = TrainingRows(X, Y, WEIGHT, spans=SPANS)
    candidate = Candidate("mljar", "automl", {"n_inner_folds": 3} | parameters)
    return engine_named("mljar").fit_rows(candidate, rows, seed=seed)


def test_a_model_answers_from_its_process_and_ends_with_it() -> None:
    import json

    model = fitted()
    asked = X.copy()
    asked[0, 0] = np.nan
    expected = 0.5 * (X[:, 1] > 0) + 0.4 * np.average(Y, weights=WEIGHT) + np.eye(1, N)[0] * 0.01
    np.testing.assert_allclose(model.predict(asked), expected, rtol=1e-12)
    np.testing.assert_allclose(model.predict(asked[:1]), expected[:1], rtol=1e-12)
    halved = model.calibrated(Calibration("isotonic", (0.0, 1.0), (0.0, 0.5)))
    np.testing.assert_allclose(halved.predict(asked), expected / 2, rtol=1e-12)
    process, folder = model._process._process, model._process._folder
    seen = json.loads((folder / "mljar" / "seen.json").read_text())
    own = [[fold.train.tolist(), fold.test.tolist()] for fold in purged_folds(*SPANS, n_folds=3)]
    assert seen == own, "the vendor is judged on purged folds"
    del model, halved
    assert process.returncode is not None
    assert not folder.exists()


def test_what_fails_there_is_the_error_of_the_candidate() -> None:
    with pytest.raises(BadInput, match="mljar failed: ValueError: too few rows for mljar"):
        fitted(FAILS)
    with pytest.raises(BadInput, match="the process of mljar ended: Segmentation fault"):
        fitted(DIES)
    with pytest.raises(BadInput, match=r"mljar took longer than 0.3 s: raise `seconds`"):
        fitted(HANGS, seconds=0.3)


def test_a_missing_environment_says_how_it_is_made(tmp_path: Path) -> None:
    assert {"mljar"} == set(installed_engines()) & {"autogluon", "mljar", "tpot"}
    external.use_environments(tmp_path / "engines")
    for name, package in (("autogluon", r"'autogluon.tabular\[lightgbm\]'"), ("tpot", "TPOT 'setuptools<81'")):
        command = f"python3.11 -m venv .*engines/{name} && .*engines/{name}/bin/pip install {package} pyarrow"
        with pytest.raises(BadInput, match=command):
            engine_named(name).candidates(2, seed=0)
    with pytest.raises(BadInput, match="mljar needs an environment of its own"):
        fitted()


def test_what_no_vendor_takes_is_refused() -> None:
    with pytest.raises(Unknown, match="parameter of mljar"):
        fitted(depth=3)
    with pytest.raises(BadInput, match="pass their spans"):
        engine_named("mljar").fit(Candidate("mljar", "automl", {}), X, Y, WEIGHT, seed=1)


def test_it_is_of_this_run_alone(tmp_path: Path) -> None:
    model = external.ExternalModel(SimpleNamespace(vendor="mljar"), "classification", np.array([0]), 1)  # type: ignore
    with pytest.raises(Refused, match="a model of mljar lives in the process that fitted it and cannot be exported"):
        model.save(tmp_path)
    searched = SimpleNamespace(model=model, application=object())
    assert write_run_artifact(tmp_path / "artifact", None, (), searched, {}) is None  # type: ignore


def test_what_it_tries_counts_as_trials() -> None:
    engine = engine_named("mljar")
    assert [engine.n_inner_trials(one) for one in engine.candidates(1, seed=0)] == [6]
