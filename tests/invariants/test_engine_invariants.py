"""The invariants of an engine, on every estimator of every registered engine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.engines.base import Candidate, Model
from tradesieve.models.engines.external import ExternalEngine
from tradesieve.models.engines.registry import engine_named, installed_engines
from tradesieve.models.fitted.formats import load_model
from tradesieve.models.labels.base import CLASSIFICATION, TASKS

ROOT = Path(__file__).parents[2]
N_ROWS, N_FEATURES = 320, 12
HOUR = 3_600_000_000_000
SPANS = (np.arange(N_ROWS) * HOUR, (np.arange(N_ROWS) + 3) * HOUR)
ENGINES = [name for name in installed_engines() if not isinstance(engine_named(name), ExternalEngine)]
"""Those of an environment of their own have tests of their own, where they are installed."""
EVERY = [
    (engine, estimator, task)
    for engine in ENGINES
    for task in TASKS
    for estimator in engine_named(engine).estimators(task)
]
IDS = [f"{engine}-{estimator}-{task}" for engine, estimator, task in EVERY]
every_estimator = pytest.mark.parametrize(("engine", "estimator", "task"), EVERY, ids=IDS)
every_engine = pytest.mark.parametrize("engine", ENGINES)
every_task = pytest.mark.parametrize("task", TASKS)
FEW = {"n_trials": 2, "n_inner_folds": 2, "n_trees": 30, "n_estimators": 20, "max_iter": 20, "epochs": 5}
"""Enough of what a fit repeats, where its number does not matter."""


@cache
def rows(task: str = CLASSIFICATION) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trades with gaps: one feature often unknown, one never known, one constant, one of another scale."""
    generator = np.random.default_rng(5)
    X = generator.standard_normal((N_ROWS, N_FEATURES))
    y = X[:, 0] - X[:, 1] + generator.standard_normal(N_ROWS)
    y = (y > 0).astype(np.float64) if task == CLASSIFICATION else y
    X[generator.random(N_ROWS) < 0.3, 2] = np.nan
    X[:, 3] = np.nan
    X[:, 4] = 7.0
    X[:, 5] *= 1e6
    return X, y, generator.uniform(0.2, 3.0, N_ROWS)


def equal_weights(engine: str, estimator: str) -> np.ndarray:
    return np.ones(N_ROWS) if (engine, estimator) == ("pycaret", "lda") else rows()[2]


@cache
def candidates(engine: str, estimator: str, task: str) -> tuple[Candidate, ...]:
    """The start, small fits of it with other selections, and of two points of the search space."""
    drawn = engine_named(engine).candidates(3, seed=11, estimators=[estimator], task=task)
    selected = [replace(drawn[0], selection=name) for name in ("univariate", "correlation")]
    start = small(drawn[0]) if "n_trials" in drawn[0].parameters else drawn[0]
    return (start, *map(small, (*selected, *drawn[1:])))


def small(candidate: Candidate) -> Candidate:
    """Limit what a fit repeats."""
    limited = {name: min(value, FEW.get(name, value)) for name, value in candidate.parameters.items() if name in FEW}
    return replace(candidate, parameters=candidate.parameters | limited)


@cache
def fitted(engine: str, estimator: str, task: str) -> tuple[Model, ...]:
    X, y, _ = rows(task)
    weight = equal_weights(engine, estimator)
    return tuple(
        engine_named(engine).fit(candidate, X, y, weight, seed=1, spans=SPANS)
        for candidate in candidates(engine, estimator, task)
    )


def live_rows(n: int) -> np.ndarray:
    generator = np.random.default_rng(6)
    X = generator.standard_normal((n, N_FEATURES)) * 3
    X[generator.random(X.shape) < 0.2] = np.nan
    return X


@every_estimator
def test_the_same_seed_gives_the_same_bits(engine: str, estimator: str, task: str) -> None:
    X, y, _ = rows(task)
    for candidate, model in zip(candidates(engine, estimator, task), fitted(engine, estimator, task), strict=True):
        again = engine_named(engine).fit(candidate, X, y, equal_weights(engine, estimator), seed=1, spans=SPANS)
        np.testing.assert_array_equal(model.predict(live_rows(50)), again.predict(live_rows(50)))


@every_estimator
def test_fitting_leaves_the_global_generator_and_the_arguments_alone(engine: str, estimator: str, task: str) -> None:
    X, y, _ = rows(task)
    weight = equal_weights(engine, estimator)
    copies = X.copy(), y.copy(), weight.copy()
    np.random.seed(123)
    expected = np.random.random()
    np.random.seed(123)
    engine_named(engine).fit(candidates(engine, estimator, task)[1], X, y, weight, seed=1, spans=SPANS)
    assert np.random.random() == expected
    for given, copy in zip((X, y, weight), copies, strict=True):
        np.testing.assert_array_equal(given, copy)


@every_estimator
def test_scores_are_finite_and_probabilities_lie_within_zero_and_one(engine: str, estimator: str, task: str) -> None:
    X = live_rows(200)
    X[0] = np.nan
    X[1], X[2] = 1e300, -1e300
    for model in fitted(engine, estimator, task):
        scores = model.predict(X)
        assert scores.dtype == np.float64
        assert scores.shape == (200,)
        assert np.isfinite(scores).all()
        if task == CLASSIFICATION:
            assert scores.min() >= 0
            assert scores.max() <= 1


@every_estimator
def test_the_start_learns_what_was_planted(engine: str, estimator: str, task: str) -> None:
    X, y, _ = rows(task)
    scores = fitted(engine, estimator, task)[0].predict(X)
    assert scores[y > 0].mean() > scores[y <= 0].mean() + 0.05


@every_estimator
@pytest.mark.parametrize("n_rows", [2, 3, 33, 257])
def test_one_row_scores_as_in_the_batch(engine: str, estimator: str, task: str, n_rows: int) -> None:
    X = live_rows(n_rows)
    for model in fitted(engine, estimator, task):
        batch = model.predict(X)
        some = range(0, n_rows, 1 + n_rows // 12)
        single = np.array([model.predict(X[row : row + 1])[0] for row in some])
        np.testing.assert_array_equal(single, batch[list(some)])
        # Nor does the layout of the array in memory matter, or the rows around.
        np.testing.assert_array_equal(model.predict(np.asfortranarray(X)), batch)
        np.testing.assert_array_equal(model.predict(X[::-1])[::-1], batch)


@every_estimator
def test_a_saved_model_gives_the_same_bits(engine: str, estimator: str, task: str, tmp_path: Path) -> None:
    X = live_rows(100)
    for number, model in enumerate(fitted(engine, estimator, task)):
        model.save(tmp_path / str(number))
        loaded = load_model(tmp_path / str(number))
        assert type(loaded) is type(model)
        np.testing.assert_array_equal(loaded.columns, model.columns)
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_a_fresh_process_needs_no_engine_to_load_them(tmp_path: Path) -> None:
    X = live_rows(60)
    np.save(tmp_path / "X.npy", X)
    for (engine, estimator, task), name in zip(EVERY, IDS, strict=True):
        fitted(engine, estimator, task)[0].save(tmp_path / name)
    of_lightgbm = {name: fitted(*one)[0].format.startswith("lightgbm") for one, name in zip(EVERY, IDS, strict=True)}
    # The skops models first: LightGBM must not be there yet when they have answered.
    names = sorted(IDS, key=of_lightgbm.__getitem__)
    script = """
import json, sys
from pathlib import Path
import numpy as np
from tradesieve.models.fitted.formats import load_model
from tradesieve.models.labels.base import CLASSIFICATION, TASKS
folder, names = Path(sys.argv[1]), sys.argv[2:]
X, seen = np.load(folder / "X.npy"), {}
for name in names:
    np.save(folder / f"{name}.npy", load_model(folder / name).predict(X))
    seen[name] = [m for m in ("pycaret", "tradesieve.models.engines", "lightgbm", "mlflow") if m in sys.modules]
print(json.dumps(seen))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), *names], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seen = json.loads(done.stdout)
    for (engine, estimator, task), name in zip(EVERY, IDS, strict=True):
        assert seen[name] == (["lightgbm"] if of_lightgbm[name] else []), name
        scores = fitted(engine, estimator, task)[0].predict(X)
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), scores)


@every_estimator
def test_weights_are_honoured_or_refused(engine: str, estimator: str, task: str) -> None:
    X, y, weight = rows(task)
    one, candidate = engine_named(engine), small(candidates(engine, estimator, task)[0])
    equal = one.fit(candidate, X, y, np.ones(N_ROWS), seed=1, spans=SPANS).predict(X)
    # Only proportions count.
    np.testing.assert_array_equal(one.fit(candidate, X, y, np.full(N_ROWS, 4.0), seed=1, spans=SPANS).predict(X), equal)
    if (engine, estimator) == ("pycaret", "lda"):
        with pytest.raises(BadInput, match="takes no weights"):
            one.fit(candidate, X, y, weight, seed=1, spans=SPANS)
        return
    # Trades of one kind made to weigh more must raise the scores when they are the good ones, and lower them otherwise.
    good = one.fit(candidate, X, y, np.where(y > 0, 5.0, 1.0), seed=1, spans=SPANS).predict(X)
    bad = one.fit(candidate, X, y, np.where(y <= 0, 5.0, 1.0), seed=1, spans=SPANS).predict(X)
    assert good.mean() > equal.mean() > bad.mean()


@every_estimator
def test_the_model_reads_its_own_columns_only(engine: str, estimator: str, task: str) -> None:
    X = live_rows(40)
    model = fitted(engine, estimator, task)[1]
    assert model.n_features == N_FEATURES
    assert len(model.columns) == N_FEATURES // 2
    other = X.copy()
    others = np.setdiff1d(np.arange(N_FEATURES), model.columns)
    other[:, others] = np.random.default_rng(0).standard_normal((40, len(others)))
    np.testing.assert_array_equal(model.predict(other), model.predict(X))


@every_estimator
def test_bad_rows_are_refused_with_a_reason(engine: str, estimator: str, task: str) -> None:
    X, y, weight = rows(task)
    one, candidate = engine_named(engine), candidates(engine, estimator, task)[0]
    infinite = X.copy()
    infinite[3, 1] = np.inf
    for reason, (rows_X, rows_y, rows_weight) in {
        "label 1": (X, np.ones(N_ROWS), weight),
        "0 or 1" if task == CLASSIFICATION else "finite": (X, np.where(y > 0, np.nan, y), weight),
        "infinite at row 3, column 1": (infinite, y, weight),
        "weight must be positive": (X, y, weight - weight.min()),
        "y has shape": (X, y[1:], weight),
        "X must be float64": (X[:0], y[:0], weight[:0]),
    }.items():
        with pytest.raises(BadInput, match=reason):
            one.fit(candidate, rows_X, rows_y, rows_weight, seed=1, spans=SPANS)
    with pytest.raises(BadInput, match="seed"):
        one.fit(candidate, X, y, weight, seed=-1, spans=SPANS)
    with pytest.raises(Unknown, match="parameter"):
        one.fit(replace(candidate, parameters={"depht": 3}), X, y, weight, seed=1, spans=SPANS)


@every_engine
@every_task
def test_candidates_are_different_and_the_beginning_of_more(engine: str, task: str) -> None:
    one = engine_named(engine)
    few, many = one.candidates(9, seed=2, task=task), one.candidates(40, seed=2, task=task)
    assert many[:9] == few
    assert len({candidate.key for candidate in many}) == 40
    defaults = one.default_estimators(task)
    assert [candidate.estimator for candidate in many[: len(defaults)]] == [*defaults]
    assert {candidate.task for candidate in many} == {task}
    assert {candidate.selection for candidate in many} > {"all", "univariate"}
    assert one.candidates(40, seed=3, task=task)[-1] != many[-1]
    assert [Candidate(**json.loads(json.dumps(candidate.as_dict()))) for candidate in many] == many


@every_engine
@every_task
def test_every_candidate_of_a_search_space_can_be_fitted(engine: str, task: str) -> None:
    X, y, _ = rows(task)
    one = engine_named(engine)
    for candidate in one.candidates(30, seed=4, estimators=one.estimators(task), task=task):
        scores = one.fit(
            small(candidate), X, y, equal_weights(engine, candidate.estimator), seed=1, spans=SPANS
        ).predict(X)
        assert np.isfinite(scores).all(), candidate


@every_engine
def test_a_wrong_name_is_refused(engine: str) -> None:
    one = engine_named(engine)
    with pytest.raises(Unknown, match="estimator"):
        one.candidates(2, seed=0, estimators=["no-such"])
    other = replace(one.candidates(1, seed=0)[0], engine="another")
    X, y, weight = rows()
    with pytest.raises(BadInput, match="belongs to the engine 'another'"):
        one.fit(other, X, y, weight, seed=0, spans=SPANS)
