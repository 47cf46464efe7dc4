"""Scores are out of fold, failures are told, and threads change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.external import ExternalEngine
from tradesieve.models.engines.registry import engine_named, installed_engines
from tradesieve.models.labels.base import REGRESSION
from tradesieve.models.protocol.candidate_scores import score_candidates
from tradesieve.models.splits import Fold, purged_folds, walk_forward_folds

HOUR = DAY // 24
SMALL = Candidate("lightgbm", "gbdt", {"n_trees": 15, "min_data_in_leaf": 10})
LINEAR = Candidate("pycaret", "lr", {"C": 0.1}, "univariate")
LDA = Candidate("pycaret", "lda", {})
STUMP = Candidate("pycaret", "dt", {"max_depth": 2})


def make_dataset(n: int = 400) -> Dataset:
    generator = np.random.default_rng(12)
    X = generator.standard_normal((n, 6))
    y = (X[:, 0] + 0.5 * generator.standard_normal(n) > 0).astype(np.float64)
    decision = np.arange(n) * HOUR
    return Dataset(
        X=X,
        feature_names=tuple(f"feature_{column}" for column in range(6)),
        y=y,
        weight=generator.uniform(0.5, 1.5, n),
        decision_time=decision,
        exit_time=decision + 3 * HOUR,
        net_return=generator.standard_normal(n) * 0.01,
        stake=np.ones(n),
        instance=np.zeros(n, dtype=np.int64),
        instance_names=("rule|SYMBOL|1h",),
        period=(0, int(decision[-1]) + DAY),
        calendar=ALWAYS,
    )


def folds_of(dataset: Dataset) -> list[Fold]:
    return purged_folds(dataset.decision_time, dataset.exit_time, n_folds=4, embargo=HOUR)


def fold(train: np.ndarray, test: np.ndarray) -> Fold:
    return Fold(np.asarray(train, dtype=np.int64), np.asarray(test, dtype=np.int64), (0, 1))


def test_scores_equal_the_plain_loop() -> None:
    dataset = make_dataset()
    folds = folds_of(dataset)
    found = score_candidates(dataset, [SMALL, LINEAR], folds, seed=3)
    for one, candidate in zip(found, (SMALL, LINEAR), strict=True):
        assert one.candidate == candidate
        assert one.error is None
        assert one.seconds > 0
        for part in folds:
            model = engine_named(candidate.engine).fit(
                candidate, dataset.X[part.train], dataset.y[part.train], dataset.weight[part.train], seed=3
            )
            np.testing.assert_array_equal(one.scores[part.test], model.predict(dataset.X[part.test]))
        assert one.scores[dataset.y == 1].mean() > one.scores[dataset.y == 0].mean() + 0.1


def test_jobs_change_the_time_and_nothing_else() -> None:
    dataset = make_dataset()
    candidates = [*engine_named("lightgbm").candidates(4, seed=0), LINEAR, STUMP]
    one, three = (score_candidates(dataset, candidates, folds_of(dataset), seed=0, n_jobs=n_jobs) for n_jobs in (1, 3))
    for left, right in zip(one, three, strict=True):
        assert left.candidate == right.candidate
        np.testing.assert_array_equal(left.scores, right.scores)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_fit_that_two_candidates_need_is_made_once_a_fold(monkeypatch: pytest.MonkeyPatch, n_jobs: int) -> None:
    dataset = make_dataset()
    dataset = replace(dataset, y=dataset.y - 0.5)
    engine = engine_named("lightgbm")
    small = {"n_trees": 15, "min_data_in_leaf": 10}
    mean = Candidate("lightgbm", "mean", small, task=REGRESSION)
    candidates = [mean, *engine.members(mean)]
    folds = folds_of(dataset)
    expected = [
        [
            engine.fit(one, dataset.X[part.train], dataset.y[part.train], dataset.weight[part.train], seed=3).predict(
                dataset.X[part.test]
            )
            for part in folds
        ]
        for one in candidates
    ]
    fits: list[tuple[str, int]] = []
    fit = type(engine)._fit

    def counted(self, candidate, X, *rest):
        fits.append((candidate.estimator, len(X)))
        return fit(self, candidate, X, *rest)

    monkeypatch.setattr(type(engine), "_fit", counted)
    found = score_candidates(dataset, candidates, folds, seed=3, n_jobs=n_jobs)
    assert [one.candidate for one in found] == candidates
    assert sorted(kind for kind, _ in fits) == ["extra"] * 4 + ["gbdt"] * 4
    for one, own in zip(found, expected, strict=True):
        for part, scores in zip(folds, own, strict=True):
            np.testing.assert_array_equal(one.scores[part.test], scores)


def test_what_is_finished_is_handed_over_before_the_rest_is_done() -> None:
    dataset, events = make_dataset(), []
    other = replace(SMALL, parameters=SMALL.parameters | {"n_trees": 20})
    found = score_candidates(
        dataset, [SMALL, other], folds_of(dataset), seed=0, n_jobs=1,
        on_progress=lambda done, total, name: events.append(done), on_finished=events.append,
    )  # fmt: skip
    assert events == [1, 2, 3, 4, found[0], 5, 6, 7, 8, found[1]]


def test_labels_of_a_fold_do_not_reach_its_scores() -> None:
    """The planted leak: were a row to learn from its own label, turning the labels of a fold would turn its scores."""
    dataset = make_dataset()
    folds = folds_of(dataset)
    turned = dataset.y.copy()
    turned[folds[1].test] = 1 - turned[folds[1].test]
    before = score_candidates(dataset, [SMALL, LINEAR], folds, seed=0)
    after = score_candidates(replace(dataset, y=turned), [SMALL, LINEAR], folds, seed=0)
    for left, right in zip(before, after, strict=True):
        np.testing.assert_array_equal(left.scores[folds[1].test], right.scores[folds[1].test])
        assert np.any(left.scores[folds[0].test] != right.scores[folds[0].test])


def test_rows_that_no_fold_tests_have_no_score() -> None:
    dataset = make_dataset()
    folds = walk_forward_folds(dataset.decision_time, dataset.exit_time, n_folds=3, embargo=0)
    tested = np.zeros(len(dataset), dtype=bool)
    for part in folds:
        tested[part.test] = True
    assert not tested.all()
    (found,) = score_candidates(dataset, [SMALL], folds, seed=0)
    np.testing.assert_array_equal(np.isfinite(found.scores), tested)


def test_one_failing_fold_fails_the_candidate_and_no_other() -> None:
    dataset = make_dataset()
    # Rows 200 to 399 teach in fold 0, and there are only good trades among them.
    dataset = replace(dataset, y=np.where(np.arange(400) >= 200, 1.0, dataset.y))
    halves = [fold(np.arange(200, 400), np.arange(200)), fold(np.arange(200), np.arange(200, 400))]
    (found,) = score_candidates(dataset, [SMALL], halves, seed=0)
    assert found.error is not None
    assert "1 of 2 folds failed, the first is fold 0" in found.error
    assert "label 1" in found.error
    assert np.isnan(found.scores).all()


def test_what_a_vendor_raises_is_the_candidate_s_result() -> None:
    dataset = make_dataset()
    wrong = Candidate("pycaret", "dt", {"max_depth": "deep"})
    unknown = Candidate("lightgbm", "gbdt", {"n_tree": 10})
    found = score_candidates(dataset, [wrong, SMALL, LDA, unknown], folds_of(dataset), seed=0)
    assert [one.error is None for one in found] == [False, True, False, False]
    assert "4 of 4 folds failed" in str(found[0].error)
    assert "max_depth" in str(found[0].error)
    assert "takes no weights" in str(found[2].error)
    assert "did you mean 'n_trees'" in str(found[3].error)


@pytest.mark.parametrize(
    "engine", [name for name in installed_engines() if not isinstance(engine_named(name), ExternalEngine)]
)
def test_a_fit_that_breaks_is_recorded_for_every_engine(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted failure: whatever the engine's own fit raises on one fold is the candidate's error."""
    dataset, one = make_dataset(), engine_named(engine)
    folds, fit = folds_of(dataset), type(one)._fit

    def broken(self, candidate, rows, seed):
        if len(rows) == len(folds[2].train) and candidate.selection == "all":
            raise MemoryError("no room for the rows of fold 2")
        return fit(self, candidate, rows, seed)

    monkeypatch.setattr(type(one), "_fit", broken)
    failing = one.candidates(1, seed=0)[0]
    few = {name: 3 for name in ("n_trials", "n_trees", "epochs") if name in failing.parameters}
    failing = replace(failing, parameters=failing.parameters | few)
    whole = replace(failing, selection="univariate")
    found = score_candidates(dataset, [failing, whole], folds, seed=0)
    assert "folds failed" in str(found[0].error)
    assert "MemoryError: no room for the rows of fold 2" in str(found[0].error)
    assert np.isnan(found[0].scores).all()
    assert found[1].error is None
    assert np.isfinite(found[1].scores).all()


def test_a_fold_without_training_rows_is_a_failure_with_its_reason() -> None:
    dataset = make_dataset()
    (found,) = score_candidates(dataset, [SMALL], [fold(np.empty(0), np.arange(10))], seed=0)
    assert "after purging" in str(found.error)


def test_a_model_that_learned_nothing_is_a_failure() -> None:
    dataset = make_dataset()
    nothing = Candidate("lightgbm", "gbdt", {"min_data_in_leaf": 5000})
    found = score_candidates(dataset, [nothing, SMALL], folds_of(dataset), seed=0)
    assert "constant in every fold" in str(found[0].error)
    assert np.isnan(found[0].scores).all()
    assert found[1].error is None


def test_a_test_fold_of_one_class_is_no_failure() -> None:
    dataset = make_dataset()
    part = fold(np.arange(200), np.flatnonzero((dataset.y == 1) & (np.arange(400) > 210)))
    (found,) = score_candidates(dataset, [SMALL], [part], seed=0)
    assert found.error is None


def test_progress_counts_every_fit() -> None:
    dataset = make_dataset()
    seen: list[tuple[int, int, str]] = []
    score_candidates(dataset, [SMALL, LINEAR], folds_of(dataset), seed=0, on_progress=lambda *step: seen.append(step))
    assert [step[:2] for step in seen] == [(done, 8) for done in range(1, 9)]
    assert sorted(step[2] for step in seen) == sorted([SMALL.name, LINEAR.name] * 4)


def test_bad_arguments_are_refused_before_any_fit() -> None:
    dataset = make_dataset()
    folds = folds_of(dataset)
    with pytest.raises(BadInput, match="needs candidates and folds"):
        score_candidates(dataset, [], folds, seed=0)
    with pytest.raises(BadInput, match="needs candidates and folds"):
        score_candidates(dataset, [SMALL], [], seed=0)
    with pytest.raises(BadInput, match="n_jobs is 0"):
        score_candidates(dataset, [SMALL], folds, seed=0, n_jobs=0)
    with pytest.raises(BadInput, match="given twice"):
        score_candidates(dataset, [SMALL, SMALL], folds, seed=0)
    with pytest.raises(Unknown, match="engine"):
        score_candidates(dataset, [Candidate("autokeras", "plain", {})], folds, seed=0)
    with pytest.raises(Unknown, match="estimator of lightgbm"):
        score_candidates(dataset, [Candidate("lightgbm", "gdbt", {})], folds, seed=0)
    with pytest.raises(BadInput, match="tested in 2 folds"):
        score_candidates(dataset, [SMALL], [*folds, folds[0]], seed=0)
    with pytest.raises(BadInput, match="trains on rows that it tests"):
        score_candidates(dataset, [SMALL], [fold(np.arange(20), np.arange(10, 30))], seed=0)
    with pytest.raises(BadInput, match="fold 0 tests no row"):
        score_candidates(dataset, [SMALL], [fold(np.arange(20), np.empty(0))], seed=0)
