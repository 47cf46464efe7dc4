"""The laws of scopes: a group knows its own rows alone, alone it is the pooled model, later rows change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.fitted.formats import load_model
from tradesieve.models.protocol.candidate_rows import CandidateRows
from tradesieve.models.protocol.candidate_scores import score_candidates
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.scope_groups import describe_groups
from tradesieve.models.protocol.search import search
from tradesieve.models.scopes.category_columns import category_columns_from, with_category_columns
from tradesieve.models.scopes.registry import SCOPES, category_columns, scope_features
from tradesieve.models.splits import Fold, purged_folds, walk_forward_folds

CANDIDATE = Candidate("lightgbm", "gbdt", {"n_trees": 15})
GROUPED = [name for name, scope in SCOPES.items() if scope.is_grouped]
INSTANCES = ("a(x=1)|S0|1h", "a(x=1)|S1|1h", "a(x=2)|S0|1h", "b(x=1)|S0|1h")
REGIME = scope_features(["regime"])


def scoped(dataset: Dataset, instances: tuple[str, ...] = INSTANCES) -> Dataset:
    """Give trades two features, those of regimes, and the columns of every scope."""
    random = np.random.default_rng(5)
    X = np.column_stack([dataset.X, random.random((len(dataset), 3))])
    X[::50, 2] = np.nan
    names = ("score", "noise", *REGIME)
    named = replace(dataset, X=X, feature_names=names, scope_columns=REGIME, instance_names=instances)
    return with_category_columns(named, category_columns(list(SCOPES), instances))


@pytest.fixture(scope="module")
def dataset(trades: Callable[..., tuple[Dataset, np.ndarray]]) -> Dataset:
    """Trades of four instances of two rules, the last of which has fewer than a model of its own needs."""
    made, _ = trades(1400, edge=0.05)
    return scoped(replace(made, instance=np.where(np.arange(1400) % 15 == 0, 3, made.instance % 3)))


def folds_of(dataset: Dataset) -> list[Fold]:
    return purged_folds(dataset.decision_time, dataset.exit_time, n_folds=3)


def scores_of(dataset: Dataset, *scopes: str, folds: list[Fold] | None = None) -> list[np.ndarray]:
    candidates = [replace(CANDIDATE, scope=scope) for scope in scopes]
    found = score_candidates(dataset, candidates, folds or folds_of(dataset), seed=7)
    assert [one.error for one in found] == [None] * len(scopes)
    return [one.scores for one in found]


def fitted(dataset: Dataset, scope: str):
    return CandidateRows(dataset, [None]).fit_with_members(replace(CANDIDATE, scope=scope), 0, seed=7)


def perturbed(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Change the features and labels of some rows, and leave their times and categories."""
    X, y = dataset.X.copy(), dataset.y.copy()
    X[rows, :4] = np.random.default_rng(9).random((np.count_nonzero(rows), 4))
    y[rows] = 1.0 - y[rows]
    return replace(dataset, X=X, y=y)


def test_the_scope_of_one_instance_is_the_pooled_model_of_that_instance(dataset: Dataset) -> None:
    alone = dataset.take(dataset.instance == 1)
    pooled, own = scores_of(alone, "pooled", "instance")
    assert own.tobytes() == pooled.tobytes()
    assert fitted(alone, "instance").predict(alone.X).tobytes() == fitted(alone, "pooled").predict(alone.X).tobytes()
    # Among the others it is that model too.
    assert fitted(dataset, "instance").predict(alone.X).tobytes() == fitted(alone, "pooled").predict(alone.X).tobytes()


@pytest.mark.parametrize(("scope", "group"), [("rule", [0, 1, 2]), ("instance", [0])])
def test_no_row_of_another_group_changes_a_score(dataset: Dataset, scope: str, group: list[int]) -> None:
    own = np.isin(dataset.instance, group)
    before, after = (scores_of(each, "pooled", scope) for each in (dataset, perturbed(dataset, ~own)))
    assert after[1][own].tobytes() == before[1][own].tobytes()
    assert (after[0][own] != before[0][own]).any(), "the alarm: the pooled model learns from them"
    models = [fitted(each, scope) for each in (dataset, perturbed(dataset, ~own))]
    assert models[0].predict(dataset.X[own]).tobytes() == models[1].predict(dataset.X[own]).tobytes()


def test_no_row_of_another_regime_changes_a_score(dataset: Dataset) -> None:
    """Labels of the others, since their features move the border between regimes."""
    groups = fitted(dataset, "regime").grouping
    model = fitted(dataset, "regime")
    own = groups(dataset.X[:, model.columns]) == 3
    y = np.where(own, dataset.y, 1.0 - dataset.y)
    other = fitted(replace(dataset, y=y), "regime")
    assert other.predict(dataset.X[own]).tobytes() == model.predict(dataset.X[own]).tobytes()
    assert (other.predict(dataset.X[~own]) != model.predict(dataset.X[~own])).any()


@pytest.mark.parametrize("scope", SCOPES)
def test_later_rows_change_nothing(dataset: Dataset, scope: str) -> None:
    """Walking forward, a fold knows its past alone, the classes of regimes too."""
    folds = walk_forward_folds(dataset.decision_time, dataset.exit_time, n_folds=3)
    later = np.arange(len(dataset)) >= folds[1].test[0]
    (before,), (after,) = (scores_of(each, scope, folds=folds) for each in (dataset, perturbed(dataset, later)))
    assert after[folds[0].test].tobytes() == before[folds[0].test].tobytes()
    assert (after[folds[1].test] != before[folds[1].test]).any()


def test_a_group_with_too_few_rows_has_the_pooled_scores_and_that_is_said(dataset: Dataset) -> None:
    few = dataset.instance == 3
    assert few.sum() < 100
    pooled, instance, rule = scores_of(dataset, "pooled", "instance", "rule")
    assert instance[few].tobytes() == pooled[few].tobytes() == rule[few].tobytes()
    assert (instance[~few] != pooled[~few]).any()
    found = describe_groups(replace(CANDIDATE, scope="instance"), dataset, folds_of(dataset))
    assert (found["scope"], found["minimum_rows"]) == ("instance", 100)
    assert [(row["group"], row["own_model"]) for row in found["groups"]] == [(n, n[0] == "a") for n in INSTANCES]
    assert found["groups"][3] == {
        "group": INSTANCES[3], "n_rows": int(few.sum()), "own_model": False, "n_folds_pooled": 3,
    }  # fmt: skip
    assert describe_groups(CANDIDATE, dataset, folds_of(dataset)) is None


def test_rows_without_history_have_no_regime_and_the_pooled_score(dataset: Dataset) -> None:
    unknown = np.isnan(dataset.X[:, 2])
    assert unknown.any()
    regime, pooled = (fitted(dataset, scope).predict(dataset.X) for scope in ("regime", "pooled"))
    assert regime[unknown].tobytes() == pooled[unknown].tobytes()
    assert (regime[~unknown] != pooled[~unknown]).any()
    groups = describe_groups(replace(CANDIDATE, scope="regime"), dataset, folds_of(dataset))["groups"]
    assert [row["group"] for row in groups] == [
        "calm, ranging",
        "lively, ranging",
        "calm, trending",
        "lively, trending",
    ]
    assert sum(row["n_rows"] for row in groups) == int((~unknown).sum())
    assert all(row["own_model"] for row in groups)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_saved_model_scores_the_same_bits_row_by_row(dataset: Dataset, scope: str, tmp_path: Path) -> None:
    model = fitted(dataset, scope)
    model.save(tmp_path)
    scores, loaded = model.predict(dataset.X), load_model(tmp_path)
    assert loaded.predict(dataset.X).tobytes() == scores.tobytes()
    assert (
        np.concatenate([loaded.predict(dataset.X[row : row + 1]) for row in range(40)]).tolist() == scores[:40].tolist()
    )
    narrow = loaded.narrowed(loaded.columns)
    assert narrow.predict(dataset.X[:, loaded.columns]).tobytes() == scores.tobytes()
    shares = loaded.contributions(dataset.X)
    assert shares.shape == (len(dataset), len(loaded.columns))
    assert (np.abs(shares).sum(axis=1) > 0.0).all()


def test_a_model_of_another_group_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    for name, made in (("one", dataset), ("two", perturbed(dataset, dataset.instance == 0))):
        fitted(made, "instance").save(tmp_path / name)
    (tmp_path / "two" / "0").rename(tmp_path / "two" / "was")
    (tmp_path / "one" / "0").rename(tmp_path / "two" / "0")
    with pytest.raises(
        BadInput, match=r"two/0 is not the model that was saved: its checksum differs from groups\.json"
    ):
        load_model(tmp_path / "two")


def test_scopes_are_searched_together_and_leave_the_pooled_candidate_as_it_was(dataset: Dataset) -> None:
    plan = Plan(label="won", scope=tuple(SCOPES), engines={"lightgbm": 1}, n_folds=3)
    result = search(dataset, plan)
    found = {trial.candidate.scope: trial for trial in result.trials}
    assert set(found) == set(SCOPES)
    assert all(trial.error is None for trial in found.values())
    columns = [name not in dataset.scope_columns for name in dataset.feature_names]
    names = tuple(np.array(dataset.feature_names)[columns])
    plain = replace(dataset, X=dataset.X[:, columns].copy(), feature_names=names, scope_columns=())
    (alone,) = search(plain, replace(plan, scope="pooled")).trials
    assert alone.candidate.key == found["pooled"].candidate.key
    assert alone.sizes.tobytes() == found["pooled"].sizes.tobytes()
    assert (result.groups is None) == (result.winner.candidate.scope not in GROUPED)


def test_a_calibration_maps_the_scores_of_all_groups(dataset: Dataset) -> None:
    plan = Plan(label="won", scope="rule", calibration=("none", "isotonic"), engines={"lightgbm": 1}, n_folds=3)
    plain, isotonic = score_candidates(dataset, plan.candidates(), folds_of(dataset), seed=7)
    for fold in folds_of(dataset):
        by_score = np.argsort(plain.scores[fold.test], kind="stable")
        assert (np.diff(isotonic.scores[fold.test][by_score]) >= 0.0).all()


def test_categories_are_columns_of_what_an_instance_is() -> None:
    columns = category_columns(["instance", "categories"], INSTANCES)
    assert columns.names == ("instance", "rule=a", "rule=b", "symbol=S0", "symbol=S1")
    assert columns.of(INSTANCES[1:3]).tolist() == [[1.0, 1.0, 0.0, 0.0, 1.0], [2.0, 1.0, 0.0, 1.0, 0.0]]
    assert columns.of([]).shape == (0, 5)
    assert category_columns_from(columns.as_dict()) == columns
    with pytest.raises(Unknown, match="unknown rule of this model: 'c'"):
        category_columns(["categories"], INSTANCES).of(["c(x=1)|S0|1h"])
    with pytest.raises(Unknown, match="unknown instance of this model: 'b"):
        columns.of(["b(x=9)|S0|1h"])


def test_a_scope_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Unknown, match="unknown scope 'instances': did you mean 'instance'"):
        Plan(scope=("pooled", "instances"))
    with pytest.raises(BadInput, match="scope is rule, rule: name each one once"):
        Plan(scope=("rule", "rule"))
    with pytest.raises(BadInput, match="scope is empty"):
        Plan(scope=())
