"""AutoGluon, mljar-supervised and TPOT themselves, where `make test-engines` made their environments."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.models.engines.base import Candidate, Model
from tradesieve.models.engines.registry import engine_named, installed_engines
from tradesieve.models.labels.base import CLASSIFICATION, TASKS

HOUR = 3_600_000_000_000
N = 320
SPANS = (np.arange(N) * HOUR, (np.arange(N) + 3) * HOUR)
VENDORS = ("autogluon", "mljar", "tpot")
every_vendor = pytest.mark.parametrize("vendor", VENDORS)
pytestmark = pytest.mark.skipif(
    not set(VENDORS) & set(installed_engines()), reason="no environment in var/engines: make test-engines makes them"
)


@cache
def rows(task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    X = generator.standard_normal((N, 8))
    y = X[:, 0] - X[:, 1] + generator.standard_normal(N)
    X[generator.random(N) < 0.3, 2] = np.nan
    X[:, 3], X[:, 4] = np.nan, 7.0
    return X, ((y > 0) * 1.0 if task == CLASSIFICATION else y), generator.uniform(0.2, 3.0, N)


@cache
def fitted(vendor: str, task: str) -> Model:
    X, y, weight = rows(task)
    if vendor not in installed_engines():
        pytest.skip(f"no environment in var/engines/{vendor}: make test-engines makes it")
    weight = np.ones(N) if vendor == "tpot" else weight
    candidate = Candidate(vendor, "automl", {"n_trials": 3, "n_inner_folds": 2}, task=task)
    return engine_named(vendor).fit(candidate, X, y, weight, seed=1, spans=SPANS)


@every_vendor
@pytest.mark.parametrize("task", TASKS)
def test_it_learns_what_was_planted_and_scores_any_rows(vendor: str, task: str) -> None:
    model, (X, y, _) = fitted(vendor, task), rows(task)
    scores = model.predict(X)
    assert scores[y > 0].mean() > scores[y <= 0].mean() + 0.05
    strange = X[:20].copy()
    strange[0], strange[1] = np.nan, 1e6
    assert np.isfinite(model.predict(strange)).all()
    np.testing.assert_allclose(model.predict(X[:1]), scores[:1], rtol=1e-6)


@every_vendor
def test_the_same_seed_gives_the_same_scores(vendor: str) -> None:
    first = fitted(vendor, CLASSIFICATION).predict(rows(CLASSIFICATION)[0])
    again = fitted.__wrapped__(vendor, CLASSIFICATION).predict(rows(CLASSIFICATION)[0])
    np.testing.assert_array_equal(first, again)


def test_tpot_refuses_weights() -> None:
    fitted("tpot", CLASSIFICATION)
    X, y, weight = rows(CLASSIFICATION)
    with pytest.raises(BadInput, match="tpot takes no weights"):
        engine_named("tpot").fit(Candidate("tpot", "automl", {}), X, y, weight, seed=1, spans=SPANS)
