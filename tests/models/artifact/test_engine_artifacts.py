"""Artifacts of the engines' models: each decision alone is scored as in the batch, by what a service loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import Bars
from tradesieve.models.artifact.artifact import Artifact, load_artifact, verify
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.registry import engine_named


@pytest.mark.parametrize(
    ("engine", "estimator", "parameters"),
    [
        ("sklearn", "nearest", {"n_neighbors": 20}),
        ("sklearn", "histogram_boosting", {"max_iter": 10}),
        ("neural_network", "perceptron", {"epochs": 3}),
    ],
)
def test_a_decision_alone_is_scored_as_in_the_batch(
    engine: str,
    estimator: str,
    parameters: dict[str, Any],
    artifact_builder: Callable[..., Artifact],
    bars_maker: Callable[..., Bars],
    tmp_path: Path,
) -> None:
    candidate = Candidate(engine, estimator, parameters)
    built = artifact_builder(tmp_path / "a", engine=engine_named(engine), candidate=candidate)
    loaded = load_artifact(tmp_path / "a")
    assert verify(loaded) == 6
    bars = bars_maker("BTC-USD")
    times = bars.close_time[400:2000:40]
    sides = np.where(np.arange(len(times)) % 2, 1.0, -1.0)
    batch = built.score(bars, Decisions(times, sides))
    assert len(np.unique(batch)) > 10
    alone = [loaded.score(bars, Decisions(times[row : row + 1], sides[row : row + 1]))[0] for row in range(len(times))]
    np.testing.assert_array_equal(alone, batch)
