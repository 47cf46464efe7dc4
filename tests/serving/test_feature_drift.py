"""Drift of features: none on rows like training's, as far as they are shifted else, and in the metrics by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.artifact.training_features import TrainingFeatures
from tradesieve.serving.feature_drift import FEWEST, LAST, FeatureDrift
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.schemas import ScoreRequest
from tradesieve.serving.scoring import Scorer

NAMES = ("a", "b", "constant", "sparse")


def training_rows() -> np.ndarray:
    X = np.random.default_rng(2).standard_t(3, size=(4000, 4))
    X[:, 2] = 7.0
    X[:, 3] = np.nan
    return X


def last_of(rows: np.ndarray) -> dict[str, float]:
    ticks: Iterator[float] = iter(np.arange(0.0, 1e9, 100.0))
    drift, found = FeatureDrift(TrainingFeatures.of(training_rows()), NAMES, now=lambda: next(ticks)), {}
    for row in rows:
        found = drift.add(row)
    return found


def test_rows_of_training_do_not_drift_and_shifted_ones_do() -> None:
    X, measured = training_rows(), TrainingFeatures.of(training_rows())
    still = last_of(X[:LAST])
    assert set(still) == {"a", "b"}, "what is constant or missing in training has no distance"
    assert max(still.values()) < 0.15
    moved = X[:LAST] + np.array([2.0, 0.0, 0.0, 0.0]) * measured.scale
    assert last_of(moved)["a"] == pytest.approx(2.0, abs=0.15)
    assert last_of(moved)["b"] == still["b"]
    wild = X[:LAST].copy()
    wild[:100, 0] = 1e308  # a fifth of nonsense does not move a median far
    assert last_of(wild)["a"] < 0.5
    wild[:, 0] = np.nan
    assert "a" not in last_of(wild)


def test_only_the_last_decisions_count_and_few_say_nothing() -> None:
    X = training_rows()
    assert last_of(X[: FEWEST - 1]) == {}
    assert last_of(np.concatenate([X[:LAST] + 50.0, X[:LAST]])) == last_of(X[:LAST])


def test_it_is_computed_now_and_then() -> None:
    time = 0.0
    drift = FeatureDrift(TrainingFeatures.of(training_rows()), NAMES, now=lambda: time)
    answers = [drift.add(row) for row in training_rows()[:LAST]]
    assert [bool(answer) for answer in answers].count(True) == 1
    time = 6.0
    assert drift.add(training_rows()[0])


def test_the_metrics_name_the_feature_that_drifted(
    artifact_builder: Callable[..., Artifact],
    make_request: Callable[..., dict],
    bars_maker: Callable[..., Bars],
    tmp_path: Path,
) -> None:
    plain = artifact_builder(tmp_path / "plain", n_golden=1)
    names = [feature.name for feature in plain.features]
    measured: dict[str, Any] = {name: {"center": 0.0, "scale": 1e6, "farthest": 9.0, "n_missing": 0} for name in names}
    measured[names[0]] |= {"center": 3e6}
    training = {"n_rows": 10, "features": measured}
    artifact = artifact_builder(tmp_path / "a", training_features=training, n_golden=1)
    metrics = Metrics()
    scorer = Scorer(artifact, on_decision=metrics.observe)
    metrics.watch(artifact.fingerprint, scorer.drift())
    for row in range(400, 400 + FEWEST):
        scorer.score(ScoreRequest(**make_request(row)))
    lines = [line for line in metrics.text().decode().splitlines() if line.startswith("tradesieve_feature_drift{")]
    found = {line.partition('feature="')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}
    assert found[names[0]] == pytest.approx(3.0, abs=0.01)
    assert found[names[1]] < 0.01
    assert all(artifact.fingerprint in line for line in lines)
