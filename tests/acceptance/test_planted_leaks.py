"""False input in, closed gate out: each leak that people plant is refused by name, or cannot happen.

Where it cannot happen, what must not be known is changed, and nothing that was fitted or chosen changes with it, bit
for bit. Each such test has its alarm: the same change moves the result where the leak is made by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.models.conftest import make_trades
from tradesieve import factor
from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_sets import MINIMAL
from tradesieve.features.invariants.features import check_features
from tradesieve.market.errors import BadData, Unknown
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.models.applications.threshold import Threshold
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.protocol.candidate_scores import score_candidates
from tradesieve.models.protocol.holdout import HoldoutResult, open_holdout
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.out_of_fold_sizes import out_of_fold_sizes
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import SearchResult, search
from tradesieve.models.splits import purged_folds, split_holdout, walk_forward_folds
from tradesieve.pipelines.experiment import Experiment

PLAN = Plan(label="won", engines={"lightgbm": 1}, applications=("threshold",), n_folds=3, minimum_trades=10)
EARNED = {"causality": True, "parity": True}


def noise(n: int = 900, n_features: int = 4, seed: int = 0) -> Dataset:
    """Trades that no feature tells anything of."""
    dataset, _ = make_trades(n, seed=seed)
    X = np.random.default_rng(seed + 1).standard_normal((n, n_features))
    return replace(dataset, X=X, feature_names=tuple(f"noise_{number}" for number in range(n_features)))


def with_feature(dataset: Dataset, name: str, values: np.ndarray) -> Dataset:
    return replace(dataset, X=np.column_stack([dataset.X, values]), feature_names=(*dataset.feature_names, name))


def opened(result: SearchResult, holdout: Dataset, ledger: Ledger, **changes: bool | str) -> HoldoutResult:
    return open_holdout(
        holdout, result, PLAN, ledger=ledger, experiment="planted", symbols=["S0"], certificates=EARNED | changes
    )


# -- the outcome among the features ------------------------------------------------------------------------------------


@pytest.mark.parametrize("leak", ["the label", "the return", "the loss, with noise", "missing where it won"])
def test_a_feature_that_holds_the_outcome_is_refused_by_name(leak):
    dataset = noise()
    generator = np.random.default_rng(5)
    values = {
        "the label": dataset.y,
        "the return": dataset.net_return,
        "the loss, with noise": -dataset.net_return + 0.005 * generator.standard_normal(len(dataset)),
        "missing where it won": np.where(dataset.y > 0, np.nan, generator.random(len(dataset))),
    }[leak]
    with pytest.raises(BadData, match=r"exit_price .* tells winning trades from losing ones: .* Leave it out"):
        search(with_feature(dataset, "exit_price", values), PLAN)
    search(with_feature(dataset, "exit_price", generator.permutation(values)), PLAN)


def test_features_that_hold_the_outcome_together_fail_every_trial(tmp_path):
    """Neither column tells it; whether both have the same sign does, and trees learn that."""
    dataset = noise(1500)
    first = np.random.default_rng(5).choice([-1.0, 1.0], len(dataset)) * (1 + dataset.X[:, 0] ** 2)
    second = first * np.where(dataset.y > 0, 1.0, -1.0)
    leaking = with_feature(with_feature(dataset, "first", first), "second", second)
    development, holdout = split_holdout(leaking)
    result = search(development, PLAN)
    assert result.winner is None
    assert "some features together hold the outcome" in result.trials[0].error
    gate = opened(result, holdout, Ledger(tmp_path / "ledger.db")).gate
    assert not gate.open
    assert gate.conditions[0].reason == "No trial succeeded, so there is no filter to judge."


def test_a_feature_that_foretells_honestly_is_not_refused():
    """A volatility tells how much a trade wins or loses, and a weak edge which of them win."""
    dataset = noise()
    generator = np.random.default_rng(5)
    size = np.abs(dataset.net_return)
    weak = dataset.net_return + 2 * dataset.net_return.std() * generator.standard_normal(len(dataset))
    search(with_feature(with_feature(dataset, "volatility", size), "edge", weak), PLAN)


@pytest.mark.parametrize("target", ["net_return", "won", "r_multiple", "exit_price"])
def test_a_target_is_no_feature_that_one_can_ask_for(target):
    """Features are factors of bars known at the decision; what a trade became has no name among them."""
    with pytest.raises(Unknown, match=target):
        Experiment(symbols=("AAA",), features=(*MINIMAL, target)).feature_names()


# -- look-ahead --------------------------------------------------------------------------------------------------------


@pytest.fixture
def own_factors() -> Iterator[None]:
    before = dict(FACTORS)
    yield
    FACTORS.clear()
    FACTORS.update(before)


def test_a_factor_that_looks_ahead_costs_the_certificate_and_closes_the_gate(own_factors, tmp_path):
    bars = SyntheticMarket(n_days=40, timeframe=parse_timeframe("15m"), seed=0).generate("AAA")[0]

    @factor(of="frame")
    def next_hour(frame: pd.DataFrame, window: int = 20) -> pd.Series:
        """Return the move of the next four bars."""
        return frame["close"].shift(-4) / frame["close"] - 1

    name = "bars__next_hour__window_20"
    violations = check_features(bars, bars.close_time[200:1200:5], [name], n_samples=8, seed=1)
    lost = next(violation for violation in violations if violation.certificate == "causality")
    dataset, _ = make_trades(900, edge=0.05)
    development, holdout = split_holdout(dataset)
    result = search(development, PLAN)
    honest = opened(result, holdout, Ledger(tmp_path / "ledger.db"))
    caught = opened(result, holdout, Ledger(tmp_path / "ledger.db"), causality=str(lost))
    failed, before = ([one for one in found.gate.conditions if not one.passed] for found in (caught, honest))
    assert {one.name for one in failed} - {one.name for one in before} == {"causality_certificate"}
    assert name in failed[-1].reason
    assert not caught.gate.open


# -- what is fitted, and where -----------------------------------------------------------------------------------------


def scaled_scores(dataset: Dataset, *, outside: bool) -> np.ndarray:
    """Score by a logistic regression, which scales its features; `outside`: they are scaled before, over all rows."""
    if outside:
        dataset = replace(dataset, X=(dataset.X - dataset.X.mean(axis=0)) / dataset.X.std(axis=0))
    folds = purged_folds(dataset.decision_time, dataset.exit_time, n_folds=3)
    candidate = next(one for one in engine_named("pycaret").candidates(1, seed=7, estimators=["lr"]))
    return score_candidates(dataset, [candidate], folds, seed=7, n_jobs=1)[0].scores


def test_a_scaler_sees_no_row_that_its_fold_tests():
    dataset = noise(600)
    tested = purged_folds(dataset.decision_time, dataset.exit_time, n_folds=3)[1].test
    wild = replace(dataset, X=dataset.X.copy(), y=dataset.y.copy())
    wild.X[tested[0]] *= 1e6
    wild.y[tested[::2]] = 1 - wild.y[tested[::2]]
    others = tested[1:]
    before, after = scaled_scores(dataset, outside=False), scaled_scores(wild, outside=False)
    np.testing.assert_array_equal(before[others], after[others])
    before, after = scaled_scores(dataset, outside=True), scaled_scores(wild, outside=True)
    assert not np.array_equal(before[others], after[others]), "the alarm: a scaler outside the folds is seen"


def test_a_threshold_is_chosen_without_the_fold_that_it_sizes():
    dataset, scores = make_trades(900, edge=0.03)
    folds = purged_folds(dataset.decision_time, dataset.exit_time, n_folds=3)
    fitness = fitness_named("sortino")
    tested = folds[1].test
    turned = replace(dataset, net_return=dataset.net_return.copy())
    turned.net_return[tested] *= -1.0
    sizes, turned_sizes = (
        out_of_fold_sizes("threshold", scores, one, folds, fitness=fitness)[0] for one in (dataset, turned)
    )
    np.testing.assert_array_equal(sizes[tested], turned_sizes[tested])
    assert not np.array_equal(sizes, turned_sizes), "the other folds are sized by what happened in this one"
    # The alarm: a threshold chosen on its test fold turns with the outcomes of that fold.
    own, turned_own = (Threshold.fit(scores[tested], one.take(tested), fitness=fitness) for one in (dataset, turned))
    assert own != turned_own


def test_nothing_of_the_holdout_reaches_the_search():
    dataset, _ = make_trades(900, edge=0.03)
    _, holdout = split_holdout(dataset)
    sealed = dataset.decision_time >= holdout.period[0]
    wild = replace(dataset, X=np.where(sealed[:, None], 1e6, dataset.X), y=np.where(sealed, 1 - dataset.y, dataset.y))
    wild = replace(wild, net_return=np.where(sealed, -10 * dataset.net_return, dataset.net_return))
    found = [search(split_holdout(one)[0], PLAN) for one in (dataset, wild)]
    np.testing.assert_array_equal(found[0].scores, found[1].scores)
    assert found[0].application == found[1].application
    assert found[0].trials[0].fitness == found[1].trials[0].fitness


# -- the hold-out read twice -------------------------------------------------------------------------------------------


def test_a_holdout_that_is_read_twice_demands_more(tmp_path):
    dataset, _ = make_trades(900, edge=0.03)
    ledger = Ledger(tmp_path / "ledger.db")
    development, holdout = split_holdout(dataset)
    first, second = (search(development, replace(PLAN, applications=(name,))) for name in ("threshold", "quantile"))
    readings = [opened(result, holdout, ledger) for result in (first, first, second)]
    assert [reading.opening for reading in readings] == [1, 1, 2], "the same winner once more is the same reading"
    limits = [next(c for c in reading.gate.conditions if c.name == "beats_random_filter") for reading in readings]
    assert [condition.threshold for condition in limits] == pytest.approx([0.05, 0.05, 0.0125])
    bounds = [next(c for c in reading.gate.conditions if c.name == "sortino_above_zero") for reading in readings]
    assert "98.8% confidence" in bounds[2].reason
    # A hold-out that begins a day later is the same one, in most of its days.
    start, end = holdout.period[0] + DAY, holdout.period[1]
    later = holdout.take(holdout.decision_time >= start, period=(start, end))
    assert opened(first, later, ledger).opening == 3


# -- duplicated rows ---------------------------------------------------------------------------------------------------


def copied(dataset: Dataset, times: int) -> Dataset:
    """Repeat every row, as that of another instance."""
    rows = np.repeat(np.arange(len(dataset)), times)
    names = tuple(f"copy_{number}|S0|1h" for number in range(times))
    return replace(dataset.take(rows), instance=np.tile(np.arange(times), len(dataset)), instance_names=names)


def test_copies_stand_on_one_side_of_every_border():
    dataset = copied(make_trades(300)[0], 3)
    original = np.repeat(np.arange(300), 3)
    times = dataset.decision_time, dataset.exit_time
    for folds in (purged_folds(*times, n_folds=4), walk_forward_folds(*times, n_folds=4)):
        for fold in folds:
            assert not set(original[fold.train]) & set(original[fold.test])
    development, holdout = split_holdout(dataset)
    spans = [set(zip(part.decision_time, part.exit_time, strict=True)) for part in (development, holdout)]
    assert not spans[0] & spans[1]


def test_copies_of_few_trades_are_few_trades(tmp_path):
    """Ten kept trades in five instances look like fifty."""
    few = copied(make_trades(120, edge=0.05, n_days=200)[0], 5)
    development, holdout = split_holdout(few, fraction=0.4)
    result = search(development, PLAN)
    found = opened(result, holdout, Ledger(tmp_path / "ledger.db"))
    kept = next(condition for condition in found.gate.conditions if condition.name == "trades_kept")
    distinct = len(np.unique(holdout.decision_time[found.sizes > 0]))
    assert np.count_nonzero(found.sizes) > 30 > distinct
    assert kept.value <= distinct
    assert not kept.passed
