"""Plans: what an aim fills in, and that the default one finds money rather than winners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.measures import measure
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search


@pytest.mark.parametrize(
    ("given", "applications", "selection"),
    [
        ({}, ("positive_score",), "expectancy_by_coverage"),
        ({"label": "won"}, ("proportional",), "expectancy_by_coverage"),
        ({"aim": "money"}, ("per_strategy_threshold",), "total_return"),
        ({"fitness": "sharpe"}, ("positive_score",), "sharpe"),
        ({"aim": "money", "fitness": "sharpe", "selected_by": "sortino"}, ("per_strategy_threshold",), "sortino"),
        ({"applications": ("threshold", "quantile")}, ("threshold", "quantile"), "expectancy_by_coverage"),
    ],
)
def test_an_aim_fills_in_what_is_not_given(given, applications, selection) -> None:
    plan = Plan(**given)
    assert plan.application_names == applications
    assert plan.selection == selection
    assert replace(plan, aim="money").selection != "expectancy_by_coverage"


def two_rules(n: int = 6000, seed: int = 0) -> Dataset:
    """Trades of a rule that wins often and little, and of one that wins seldom and much, under one condition.

    Both lose on average; both earn where the condition, seen through noise, is above zero.
    """
    generator = np.random.default_rng(seed)
    decision_time = np.sort(generator.integers(20_000 * DAY, 20_400 * DAY, n))
    rule, condition = generator.integers(0, 2, n), generator.standard_normal(n)
    wins_seldom = rule == 1
    chance = np.where(wins_seldom, 0.22, 0.56) + 0.2 * np.tanh(condition)
    won = generator.random(n) < chance
    net_return = np.where(won, np.where(wins_seldom, 0.03, 0.006), -0.01)
    X = np.column_stack([rule, condition + generator.standard_normal(n), generator.standard_normal((n, 3))])
    return Dataset(
        X=X,
        feature_names=("rule", "condition", "a", "b", "c"),
        y=np.clip(net_return / 0.012, -3.0, 3.0),
        weight=np.ones(n),
        decision_time=decision_time,
        exit_time=decision_time + DAY // 8,
        net_return=net_return,
        stake=np.ones(n),
        instance=rule,
        instance_names=("often|S|1h", "seldom|S|1h"),
        period=(20_000 * DAY, 20_401 * DAY - 1),
        calendar=ALWAYS,
    )


def test_the_default_plan_filters_trades_by_money_and_not_rules_by_their_win_rate() -> None:
    dataset = two_rules()
    classes = replace(dataset, y=(dataset.net_return > 0).astype(np.float64))
    winners = Plan(label="won", engines={"lightgbm": 1}, applications=("threshold",), selected_by="sortino", n_folds=3)
    by_won, by_money = search(classes, winners).winner, search(dataset, Plan(n_folds=3)).winner
    assert by_won is not None
    assert by_money is not None

    def kept(sizes: np.ndarray) -> np.ndarray:
        """The share of each rule's capital that is used."""
        return np.array([sizes[dataset.instance == rule].mean() for rule in (0, 1)])

    assert kept(by_won.sizes)[1] < 0.05 < kept(by_won.sizes)[0], "a pooled win rate leaves one rule out"
    assert kept(by_money.sizes).min() > 0.1
    every = measure(dataset, np.ones(len(dataset)))
    assert by_money.measures.expectancy > max(0.0, by_won.measures.expectancy) > every.expectancy
