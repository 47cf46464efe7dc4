"""Calibrations: their definitions, inside the folds of a search, and bit for bit after a model is saved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.fitted.calibration import calibration_from, fit_calibration
from tradesieve.models.fitted.formats import load_model
from tradesieve.models.protocol.candidate_scores import score_candidates
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search

PLAN = Plan(label="won", engines={"lightgbm": 1}, calibration=("none", "sigmoid", "isotonic"), n_folds=3)


def scored(n: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores that exaggerate, outcomes with the true chances, and weights."""
    generator = np.random.default_rng(seed)
    scores = generator.random(n)
    y = (generator.random(n) < 0.3 + 0.2 * scores).astype(np.float64)
    return scores, y, generator.uniform(0.5, 2.0, n)


def test_a_sigmoid_has_the_highest_likelihood() -> None:
    scores, y, weight = scored()
    found = fit_calibration("sigmoid", scores, y, weight)

    def loss(line: np.ndarray) -> float:
        chance = expit(line[0] * scores + line[1])
        return -float(np.sum(weight * np.where(y == 1.0, np.log(chance), np.log1p(-chance))))

    best = minimize(loss, [0.0, 0.0])
    np.testing.assert_allclose([found.scores[0], found.probabilities[0]], best.x, rtol=1e-3)
    assert np.abs(found(scores) - (0.3 + 0.2 * scores)).max() < 0.06


def test_an_isotonic_map_is_that_of_scikit_learn() -> None:
    scores, y, weight = scored()
    found = fit_calibration("isotonic", scores, y, weight)
    expected = IsotonicRegression(out_of_bounds="clip").fit(scores, y, sample_weight=weight)
    beyond = np.concatenate([[-1.0, 2.0], scores])
    np.testing.assert_allclose(found(beyond), expected.predict(beyond), rtol=1e-12)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_one_score_has_the_same_bits_as_many_and_after_json(method) -> None:
    scores, y, weight = scored()
    found = fit_calibration(method, scores, y, weight)
    many = found(scores)
    assert [found(scores[row : row + 1])[0] for row in range(50)] == many[:50].tolist()
    assert calibration_from(found.as_dict()) == found
    assert (np.diff(many[np.argsort(scores)]) >= 0.0).all()


def test_scores_that_tell_nothing_are_refused() -> None:
    scores, y, weight = scored()
    with pytest.raises(BadInput, match="sigmoid calibration falls"):
        fit_calibration("sigmoid", -scores, y, weight)
    with pytest.raises(BadInput, match="isotonic calibration needs scores and outcomes that vary"):
        fit_calibration("isotonic", np.ones(2000), y, weight)
    with pytest.raises(Unknown, match="unknown calibration 'sigmoyd': did you mean 'sigmoid'"):
        Plan(label="won", calibration="sigmoyd")
    with pytest.raises(BadInput, match="calibration is sigmoid, but scaled_return is a regression"):
        Plan(calibration="sigmoid")


def test_a_search_calibrates_inside_its_folds(trades, tmp_path) -> None:
    """Each calibration is a trial, keeps the order of scores, brings them nearer, and never reads the test fold."""
    dataset, _ = trades(1500, edge=0.03)
    candidates, folds = PLAN.candidates(), PLAN.split(dataset)
    assert [one.calibration for one in candidates] == list(PLAN.calibrations)
    plain, sigmoid, isotonic = (one.scores for one in score_candidates(dataset, candidates, folds, seed=7))
    for fold in folds:
        by_score = np.argsort(plain[fold.test], kind="stable")
        assert (np.diff(sigmoid[fold.test][by_score]) >= 0.0).all()
        assert (np.diff(isotonic[fold.test][by_score]) >= 0.0).all()
    errors = [float(np.mean((scores - dataset.y) ** 2)) for scores in (plain, sigmoid, isotonic)]
    assert errors[1] < errors[0]
    assert errors[2] < errors[0]
    y = dataset.y.copy()
    y[folds[0].test[::4]] = 1.0 - y[folds[0].test[::4]]
    other = score_candidates(replace(dataset, y=y), candidates[1:], folds, seed=7)
    for scores, again in zip((sigmoid, isotonic), other, strict=True):
        np.testing.assert_array_equal(again.scores[folds[0].test], scores[folds[0].test])
    result = search(dataset, replace(PLAN, calibration="isotonic", applications=("kelly",)))
    result.model.save(tmp_path)
    assert result.model.calibration.method == "isotonic"
    np.testing.assert_array_equal(load_model(tmp_path).predict(dataset.X), result.model.predict(dataset.X))
    assert [row.candidate.dimensions for row in result.trials] == [{"calibration": "isotonic"}]


def test_a_regression_is_tried_without(trades) -> None:
    tried = replace(PLAN, label=("scaled_return", "won")).candidates()
    assert [(one.label, one.calibration) for one in tried] == [
        ("scaled_return", "none"), ("won", "none"), ("won", "sigmoid"), ("won", "isotonic"),
    ]  # fmt: skip
