"""Selections in a plan: searched as alternatives, each a trial of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.models.feature_selection.test_planted_factors import TRUE, planted
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search


def test_each_candidate_is_tried_with_each_selection() -> None:
    plan = Plan(engines={"lightgbm": 2}, selections=("stability", "all"))
    assert [(one.estimator, one.selection) for one in plan.candidates()] == [
        ("mean", "stability"), ("gbdt", "stability"), ("mean", "all"), ("gbdt", "all"),
    ]  # fmt: skip
    assert plan.candidates()[2:] == Plan(engines={"lightgbm": 2}).candidates(), "what was tried before keeps its key"
    beside = plan.candidates(["close__slope__window_5", "close_beside_AAA__slope__window_5"])
    assert [one.selection for one in beside] == ["stability", "stability", "all", "all", "own_symbol"]


def test_random_candidates_that_differ_in_their_selection_alone_are_one() -> None:
    many = Plan(engines={"lightgbm": 40}, selections=("all",)).candidates()
    assert {one.selection for one in many} == {"all"}
    assert len({one.key for one in many}) == len(many) <= 40


def test_a_name_that_is_unknown_or_given_twice_is_refused() -> None:
    with pytest.raises(Unknown, match="selection 'borutta': did you mean 'boruta'"):
        Plan(selections=("borutta",))
    with pytest.raises(BadInput, match="selections is all, all: name each one once"):
        Plan(selections=("all", "all"))


def test_a_search_finds_the_factors_with_the_spans_of_its_rows(trades) -> None:
    dataset, _ = trades(1200)
    X, y, _ = planted(1200, strength=0.4)
    dataset = replace(dataset, X=X, feature_names=tuple(f"f{n}" for n in range(43)), y=y, net_return=0.01 * y)
    plan = Plan(engines={"lightgbm": 1}, selections=("permutation", "stability"), n_folds=2)
    result = search(dataset, plan)
    assert {trial.candidate.selection for trial in result.trials} == {"permutation", "stability"}
    assert all(trial.error is None for trial in result.trials)
    assert result.model is not None
    read = set(result.model.columns.tolist())
    assert read >= TRUE
    assert len(read) < 20
