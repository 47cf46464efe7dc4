from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.applications.base import NoChoice
from tradesieve.models.applications.kelly import Kelly
from tradesieve.models.applications.per_rule_threshold import PerRuleThreshold
from tradesieve.models.applications.per_strategy_threshold import PerStrategyThreshold
from tradesieve.models.applications.proportional import Proportional
from tradesieve.models.applications.quantile import Quantile
from tradesieve.models.applications.registry import APPLICATIONS, application_named, from_parameters
from tradesieve.models.applications.threshold import Threshold
from tradesieve.models.fitness.registry import Fitness, fitness_named

SORTINO, MONEY = fitness_named("sortino"), fitness_named("total_return")
NAMES = sorted(APPLICATIONS)


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_multiples_of_the_stake_that_never_fall_with_the_score(trades, name):
    dataset, scores = trades(1000, edge=0.05, n_instances=2)
    application = application_named(name).fit(scores, dataset, fitness=SORTINO)
    grid = np.linspace(0, 1, 101)
    for instance in (0, 1):
        sizes = application.sizes(grid, np.full(101, instance))
        assert sizes.dtype == np.float64
        assert np.all((sizes >= 0) & (sizes <= 1))
        assert np.all(np.diff(sizes) >= 0)
        assert sizes[-1] > 0
    np.testing.assert_array_equal(application.sizes(np.array([np.nan, 1.0]), np.zeros(2, int))[0], 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_an_application_comes_back_from_json(trades, name):
    dataset, scores = trades(1000, edge=0.05)
    application = application_named(name).fit(scores, dataset, fitness=SORTINO)
    again = from_parameters(name, json.loads(json.dumps(application.parameters())))
    assert again == application
    np.testing.assert_array_equal(again.sizes(scores, dataset.instance), application.sizes(scores, dataset.instance))


@pytest.mark.parametrize("name", NAMES)
def test_the_choice_beats_the_baseline_on_the_data_it_was_made_on(trades, name):
    dataset, scores = trades(2000, edge=0.05)
    application = application_named(name).fit(scores, dataset, fitness=SORTINO)
    assert SORTINO(dataset, application.sizes(scores, dataset.instance)) > SORTINO(dataset, np.ones(len(dataset)))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_qualifies_without_enough_trades(trades, name):
    dataset, scores = trades(100)
    with pytest.raises(NoChoice, match=name):
        application_named(name).fit(scores, dataset, fitness=SORTINO, minimum_trades=101)
    with pytest.raises(NoChoice, match="0 scored trades"):
        application_named(name).fit(np.full(100, np.nan), dataset, fitness=SORTINO)


@pytest.mark.parametrize("name", NAMES)
def test_a_fitness_that_is_nan_never_wins(trades, name):
    dataset, scores = trades()
    winners = replace(dataset, net_return=np.abs(dataset.net_return))
    with pytest.raises(NoChoice):
        application_named(name).fit(scores, winners, fitness=SORTINO)


def test_the_threshold_is_the_best_of_its_quantiles(trades):
    dataset, scores = trades(1000, edge=0.03)
    chosen = Threshold.fit(scores, dataset, fitness=SORTINO, minimum_trades=30)
    tried = [np.quantile(scores, quantile) for quantile in np.arange(0, 0.96, 0.05)]
    values = [SORTINO(dataset, (scores >= threshold).astype(float)) for threshold in tried]
    assert chosen.threshold == tried[int(np.argmax(values))]


def test_of_equal_choices_the_most_permissive_wins(trades):
    dataset, scores = trades(200)
    assert Threshold.fit(np.full(200, 0.4), dataset, fitness=SORTINO) == Threshold(0.4)
    assert Threshold.fit(scores, dataset, fitness=Fitness("flat", lambda *_: 1.0)) == Threshold(scores.min())


def test_a_quantile_keeps_its_fraction(trades):
    _, scores = trades(1000)
    for application in Quantile.candidates(scores, trades(1000)[0]):
        assert application.sizes(scores, None).mean() == pytest.approx(application.fraction, abs=0.002)


def test_proportional_and_kelly_follow_their_formulas():
    scores = np.array([0.2, 0.4, 0.5, 0.6, 0.9])
    np.testing.assert_allclose(Proportional(0.4, 0.8).sizes(scores, None), [0, 0, 0.25, 0.5, 1])
    # At two to one, the break-even is a win in three; the edge at 0.5 is 0.25 and at 0.6 it is 0.4.
    np.testing.assert_allclose(Kelly(2.0, 1.0).sizes(scores, None), [0, 0.1, 0.25, 0.4, 0.85])
    np.testing.assert_allclose(Kelly(2.0, 5.0).sizes(scores, None), [0, 0.5, 1, 1, 1])
    with pytest.raises(BadInput, match="low"):
        Proportional(0.5, 0.5)
    with pytest.raises(BadInput, match="payoff_ratio"):
        Kelly(0.0, 1.0)


def test_kelly_estimates_the_payoff_on_the_rows_it_is_given(trades):
    dataset, scores = trades(500, edge=0.05)
    won, lost = (dataset.net_return[dataset.net_return > 0], dataset.net_return[dataset.net_return < 0])
    fitted = Kelly.fit(scores, dataset, fitness=SORTINO)
    assert fitted.payoff_ratio == pytest.approx(won.mean() / -lost.mean())


@pytest.mark.parametrize("distorted", ["balanced classes", "too sure", "as it is"])
def test_kelly_reads_probabilities_whatever_the_scores_are(trades, distorted):
    """One trade in twenty wins. Balanced classes say so of one in two; naive Bayes is nearly certain of either."""
    dataset, _ = trades(20_000)
    generator = np.random.default_rng(3)
    probability = generator.beta(2, 38, len(dataset))
    won = generator.random(len(dataset)) < probability
    dataset = replace(dataset, net_return=np.where(won, 0.2, -0.01))
    odds = probability / (1 - probability)
    odds = {"balanced classes": 19 * odds, "too sure": (19 * odds) ** 4 / 19, "as it is": odds}[distorted]
    scores = odds / (1 + odds)
    first, second = np.arange(len(dataset)) % 2 == 0, np.arange(len(dataset)) % 2 == 1
    fitted = Kelly.fit(scores[first], dataset.take(first), fitness=SORTINO)
    assert fitted.probability(scores[second]).mean() == pytest.approx(won[second].mean(), abs=0.006)
    np.testing.assert_allclose(fitted.probability(scores), probability, atol=0.03)
    one, every = fitted.probability(scores[:1]), fitted.probability(scores)
    assert one[0] == every[0], "live and research have the same bits"


def test_kelly_does_not_size_by_scores_that_tell_nothing(trades):
    dataset, scores = trades(1000, edge=0.05)
    with pytest.raises(NoChoice, match="kelly"):
        Kelly.fit(1.0 - scores, dataset, fitness=SORTINO)


def test_a_kelly_of_an_older_artifact_is_read_as_it_was_written():
    old = from_parameters("kelly", {"payoff_ratio": 2.0, "fraction": 1.0})
    np.testing.assert_array_equal(old.sizes(np.array([0.5]), None), [0.25])
    with pytest.raises(BadInput, match="parameters of 'kelly'"):
        from_parameters("kelly", {"payoff_ratio": 2.0})


def test_each_strategy_has_its_own_threshold_or_the_pooled_one(trades):
    dataset, scores = trades(3000, n_instances=3, edge=0.0)
    # The first instance pays above 0.3, the second above 0.7, the third has ten trades.
    rows = np.sort(np.concatenate([np.flatnonzero(dataset.instance < 2), np.flatnonzero(dataset.instance == 2)[:10]]))
    dataset, scores = dataset.take(rows), scores[rows]
    border = np.array([0.3, 0.7, 0.5])[dataset.instance]
    dataset = replace(dataset, net_return=dataset.net_return + np.where(scores > border, 0.01, -0.01))
    application = PerStrategyThreshold.fit(scores, dataset, fitness=SORTINO)
    pooled = Threshold.fit(scores, dataset, fitness=SORTINO)
    assert application.thresholds[0] == pytest.approx(0.3, abs=0.1)
    assert application.thresholds[1] == pytest.approx(0.7, abs=0.1)
    assert application.thresholds[2] == application.fallback == pooled.threshold
    unknown = application.sizes(np.array([0.31, 1.0, 1.0]), np.array([0, 99, -1]))
    np.testing.assert_array_equal(unknown[1:], [1.0, 1.0])
    assert application.sizes(np.array([application.fallback - 0.01]), np.array([99]))[0] == 0


def test_each_rule_has_its_own_threshold_on_all_its_instances(trades):
    dataset, scores = trades(3000, n_instances=5)
    names = ("dip(window=5)|A|1h", "break(n=2)|A|1h", "dip(window=9)|B|5m", "break(n=2)|B|1h", "few()|A|1h")
    # One rule pays above 0.3, another above 0.7, and a third has ten trades.
    rows = np.sort(np.concatenate([np.flatnonzero(dataset.instance < 4), np.flatnonzero(dataset.instance == 4)[:10]]))
    dataset, scores = replace(dataset.take(rows), instance_names=names), scores[rows]
    border = np.array([0.3, 0.7, 0.3, 0.7, 0.5])[dataset.instance]
    dataset = replace(dataset, net_return=dataset.net_return + np.where(scores > border, 0.02, -0.02))
    application = PerRuleThreshold.fit(scores, dataset, fitness=MONEY)
    dip, broken, dip_too, broken_too, few = application.thresholds
    of_rule = np.isin(dataset.instance, (0, 2))
    alone = Threshold.fit(scores[of_rule], dataset.take(of_rule), fitness=MONEY)
    assert dip == dip_too == alone.threshold == pytest.approx(0.3, abs=0.1)
    assert broken == broken_too == pytest.approx(0.7, abs=0.1)
    assert few == application.fallback == Threshold.fit(scores, dataset, fitness=MONEY).threshold
    per_row = np.array(application.thresholds)[dataset.instance]
    np.testing.assert_array_equal(application.sizes(scores, dataset.instance), scores >= per_row)
    lowest = [float(scores[np.isin(dataset.instance, group)].min()) for group in ([0, 2], [1, 3])]
    at_edge = PerRuleThreshold((lowest[0], 0.5, lowest[0], 0.5, 0.5), 0.5)
    assert at_edge.edges(scores, dataset) == ["1 of 3 thresholds are the lowest tried for their rule"]


def test_wrong_names_parameters_and_scores_are_refused(trades):
    dataset, scores = trades()
    with pytest.raises(Unknown, match="'threshold'"):
        application_named("treshold")
    with pytest.raises(BadInput, match="cut"):
        from_parameters("quantile", {"fraction": 0.5})
    with pytest.raises(BadInput, match=r"scores\[3\] is inf"):
        Threshold.fit(np.where(np.arange(len(scores)) == 3, np.inf, scores), dataset, fitness=SORTINO)
    with pytest.raises(BadInput, match="one for each trade"):
        Threshold.fit(scores[:-1], dataset, fitness=SORTINO)


def test_a_choice_at_the_edge_of_its_grid_is_said(trades):
    dataset, scores = trades(1000, edge=0.05, n_instances=2)
    tried = [each.threshold for each in Threshold.candidates(scores, dataset)]
    assert Threshold(tried[0]).edges(scores, dataset) == [f"threshold {tried[0]:.4g} is the lowest tried"]
    assert Threshold(tried[-1]).edges(scores, dataset) == [f"threshold {tried[-1]:.4g} is the highest tried"]
    assert Threshold(tried[5]).edges(scores, dataset) == []
    best, *_, least = Quantile.candidates(scores, dataset)
    assert best.edges(scores, dataset) == ["fraction 0.8 is the highest tried"]
    assert least.edges(scores, dataset) == ["fraction 0.1 is the lowest tried"]
    assert [len(each.edges(scores, dataset)) for each in Kelly.candidates(scores, dataset)] == [1, 0, 0, 0, 1]


def test_thresholds_at_the_edge_are_counted_over_strategies(trades):
    dataset, scores = trades(1000, edge=0.05, n_instances=2)
    lowest = [scores[dataset.instance == index].min() for index in (0, 1)]
    middle = float(np.quantile(scores, 0.5))
    assert PerStrategyThreshold((lowest[0], middle), middle).edges(scores, dataset) == [
        "1 of 2 thresholds are the lowest tried for their strategy"
    ]
    assert PerStrategyThreshold((middle, middle), float(scores.min())).edges(scores, dataset) == [
        f"fallback {scores.min():.4g} is the lowest tried"
    ]
