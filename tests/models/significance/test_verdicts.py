"""Verdicts: what earns is called so, and what does not is almost never, also of correlated and skewed strategies."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import norm

from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.models.significance.bootstrap import resampled_days
from tradesieve.models.significance.verdicts import (
    NOT_WORTH,
    UNTOLD,
    WORTH_ALONE,
    WORTH_FILTERED,
    Outcomes,
    describe_control,
    error_rate_of,
    estimate_expectancy,
    judge_instances,
    judge_outcomes,
)

N_DAYS = 300
SHAPES = {
    "normal": lambda u: norm.ppf(u),
    "rare gains": lambda u: np.where(u > 0.8, 2.0, -0.5),
    "rare losses": lambda u: np.where(u < 0.1, -3.0, 1 / 3),
}
"""Outcomes of one trade with mean zero and a deviation of one, from a uniform number."""


def market(shape, effects, *, seed, n_trades=150):
    """Simulate strategies that share half of their luck each day; an effect is (of all trades, of those kept)."""
    random = np.random.default_rng(seed)
    luck, alone, filtered = random.standard_normal(N_DAYS), [], []
    for mean, of_kept in effects:
        day = np.sort(random.integers(0, N_DAYS, n_trades))
        own = np.sqrt(0.5) * (luck[day] + random.standard_normal(n_trades))
        kept = random.random(n_trades) < 0.5
        net_return = 0.01 * (SHAPES[shape](norm.cdf(own)) + mean + np.where(kept, of_kept, -of_kept))
        alone.append(Outcomes.of(day, N_DAYS, net_return, np.ones(n_trades)))
        filtered.append(Outcomes.of(day, N_DAYS, net_return, kept * 1.0))
    return alone, filtered


@pytest.mark.parametrize("shape", SHAPES)
def test_what_earns_is_told_from_what_does_not(shape):
    kinds = {"earns": (0.6, 0.0), "loses": (-0.6, 0.0), "earns filtered": (-0.2, 0.8), "worthless": (0.0, 0.0)}
    names = ["earns"] * 2 + ["loses"] * 2 + ["earns filtered"] * 2 + ["worthless"] * 6
    found: dict[str, Counter] = {name: Counter() for name in kinds}
    for seed in range(8):
        judged = judge_outcomes(names, *market(shape, [kinds[name] for name in names], seed=seed), seed=seed)
        for row in judged["rows"]:
            found[row["name"]][row["verdict"]] += 1
    assert found["earns"][WORTH_ALONE] >= 13, "of 16"
    assert found["loses"][NOT_WORTH] >= 13
    assert found["earns filtered"][WORTH_FILTERED] >= 10
    assert found["worthless"][WORTH_ALONE] + found["worthless"][WORTH_FILTERED] <= 2, "of 48"
    assert found["loses"][WORTH_ALONE] == found["earns"][NOT_WORTH] == 0


def test_where_all_are_worthless_no_table_says_otherwise_more_often_than_stated():
    wrong = 0
    for seed in range(18):
        shape = list(SHAPES)[seed % 3]
        judged = judge_outcomes(list("abcdefgh"), *market(shape, [(0.0, 0.0)] * 8, seed=seed), seed=seed)
        wrong += any(row["verdict"] != UNTOLD for row in judged["rows"])
    assert wrong <= 3, "5 % of 18 tables, and what chance adds to it in one of a hundred studies"


def test_verdicts_agree_with_their_intervals_and_the_number_of_tests():
    """An interval excludes zero exactly where the table of all tests discovers something (Benjamini and Hochberg)."""
    from scipy.stats import false_discovery_control

    effects = [(effect, 0.0) for effect in (0.0, 0.15, 0.25, 0.35, 0.6, -0.5)]
    alone, filtered = market("normal", effects, seed=3)
    judged = judge_outcomes(list("abcdef"), alone, filtered, seed=3)
    resamples = list(resampled_days(N_DAYS, n_resamples=500, seed=3))
    p_values = np.array([estimate_expectancy(one, resamples).p_value for one in (*alone, *filtered)])
    adjusted = false_discovery_control(p_values, method="bh") <= 0.05
    excludes = [row["low"] > 0 or row["high"] < 0 for row in judged["rows"] if row["basis"] == "alone"]
    assert excludes == [known for row, known in zip(judged["rows"], adjusted, strict=False) if row["basis"] == "alone"]
    assert judged["n_discoveries"] == adjusted.sum() > 0
    assert judged["error_rate"] == error_rate_of(p_values) == pytest.approx(0.05 * adjusted.sum() / len(p_values))
    assert "12 tests" in describe_control(judged)


def dataset_of(net_return, *, instance, per_day=1):
    n = len(net_return)
    time = np.arange(n) // per_day * DAY + np.arange(n) % per_day + 1
    return Dataset(
        X=np.zeros((n, 1)), feature_names=("nothing",), y=np.zeros(n), weight=np.ones(n), decision_time=time,
        exit_time=time + DAY // 2, net_return=np.asarray(net_return), stake=np.full(n, 0.5), instance=instance,
        instance_names=("earns|A|1h", "few|A|1h", "idle|A|1h"), period=(0, (n // per_day + 1) * DAY), calendar=ALWAYS,
    )  # fmt: skip


def test_what_rests_on_too_little_is_not_judged():
    random, n = np.random.default_rng(0), 200
    instance = np.where(np.arange(n) % 10 == 0, 1, 0)
    earned = random.normal(0.01, 0.01, n)
    judged = judge_instances(dataset_of(earned, instance=instance), None, seed=1)
    earns, few, idle = judged["rows"]
    assert (earns["verdict"], earns["basis"], earns["n_trades"], earns["n_days"]) == (WORTH_ALONE, "alone", 180, 180)
    assert earns["low"] < earns["expectancy"] < earns["high"]
    assert earns["expectancy"] == pytest.approx(earned[instance == 0].mean())
    assert (few["verdict"], few["low"], few["n_trades"]) == (UNTOLD, None, 20)
    assert few["reason"] == "too few: trades 20, days 20; 30 on 10 days are judged"
    assert (idle["verdict"], idle["expectancy"], idle["reason"]) == (UNTOLD, None, "no trade")
    assert judged["n_tests"] == 1
    assert "filtered_low" not in earns
    # A hundred and eighty trades on two days are two days.
    crowded = judge_instances(dataset_of(earned, instance=instance, per_day=100), None, seed=1)["rows"][0]
    assert crowded["reason"].startswith("too few: trades 180, days 2;")


def test_a_filter_that_keeps_nothing_leaves_a_loser_not_worth_it():
    lost = np.random.default_rng(0).normal(-0.01, 0.01, 200)
    dataset = dataset_of(lost, instance=np.zeros(200, dtype=np.int64))
    row = judge_instances(dataset, np.zeros(200), seed=1)["rows"][0]
    assert (row["verdict"], row["filtered_n_trades"]) == (NOT_WORTH, 0)
    assert row["reason"] == "it loses; filtered: no trade"
