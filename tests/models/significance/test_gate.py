from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.fitness.filtered_returns import daily_returns, improvement_returns
from tradesieve.models.fitness.measures import measure
from tradesieve.models.protocol.holdout import open_holdout
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search
from tradesieve.models.significance.bootstrap import lower_bound
from tradesieve.models.significance.deflated_sharpe import days_needed
from tradesieve.models.significance.gate import Condition, Development, Gate, GateLimits, judge
from tradesieve.models.significance.overfitting import probability_of_loss, probability_of_overfitting
from tradesieve.models.splits import split_holdout
from tradesieve.strategies.statistics.daily_returns import sharpe

EARNED = {"causality": True, "parity": True}
NAMES = [
    "trades_kept",
    "days_traded",
    "beats_random_filter",
    "sortino_above_zero",
    "improvement_above_zero",
    "deflated_sharpe",
    "probability_of_loss",
    "causality_certificate",
    "parity_certificate",
]


def developed(dataset, sizes, others, n_trials=20):
    """What the development part knows of a winner, the best of these trials."""
    improvements = [improvement_returns(dataset, one) for one in (sizes, *others)]
    return Development(
        improvement=improvements[0],
        returns=np.column_stack([daily_returns(dataset, one) for one in (sizes, *others)]),
        n_trials=n_trials,
        trial_sharpes=np.array([sharpe(one, days_per_year=1.0) for one in improvements]),
    )


def verdict(trades, *, edge, seed=0, keep=0.6, n=1000, **changes):
    """Judge a filter on a hold-out, with a development of which it is the best of twenty trials."""
    holdout, scores = trades(n, seed=2 * seed, edge=edge)
    development, development_scores = trades(n, seed=2 * seed + 1, edge=edge)
    generator = np.random.default_rng(seed)
    others = [(generator.random(n) > keep).astype(float) for _ in range(19)]
    arguments = {
        "holdout": holdout,
        "sizes": (scores > keep).astype(float),
        "development": developed(development, (development_scores > keep).astype(float), others),
        "certificates": EARNED,
        "seed": seed,
    }
    return judge(**(arguments | changes))


def failed(gate: Gate) -> list[str]:
    return [condition.name for condition in gate.conditions if not condition.passed]


def test_a_planted_edge_opens_the_gate(trades):
    gate = verdict(trades, edge=0.05)
    assert [condition.name for condition in gate.conditions] == NAMES
    assert gate.open, failed(gate)


def test_noise_opens_the_gate_no_more_often_than_its_level(trades):
    opened = sum(verdict(trades, edge=0.0, seed=seed, n=300).open for seed in range(40))
    assert opened <= 0.05 * 40


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"limits": GateLimits(minimum_trades=1000)}, ["trades_kept"]),
        ({"certificates": EARNED | {"causality": False}}, ["causality_certificate"]),
        ({"certificates": {"causality": True}}, ["parity_certificate"]),
        ({"certificates": EARNED | {"golden": "two rows differ"}}, ["golden_certificate"]),
    ],
)
def test_one_condition_that_fails_closes_the_gate_and_says_why(trades, changes, expected):
    gate = verdict(trades, edge=0.05, **changes)
    assert failed(gate) == expected
    assert not gate.open


def test_taking_every_trade_of_a_good_strategy_is_no_filter(trades):
    holdout, _ = trades(1000, edge=0.0, drift=0.01)
    gate = verdict(trades, edge=0.05, holdout=holdout, sizes=np.ones(1000))
    assert failed(gate) == ["beats_random_filter", "improvement_above_zero"]


def test_trading_less_of_a_losing_strategy_is_no_filter(trades):
    holdout, _ = trades(1000, edge=0.0, drift=-0.01)
    few = np.random.default_rng(0).random(1000) > 0.8
    assert {"beats_random_filter", "sortino_above_zero", "improvement_above_zero"} <= set(
        failed(verdict(trades, edge=0.05, holdout=holdout, sizes=few))
    )


def test_trading_less_of_losing_strategies_adds_nothing(trades):
    """Less the baseline, it would: then the bound passed 8 of 10 random walks with costs."""
    passed, unequal = 0, 0
    for seed in range(40):
        holdout, _ = trades(400, seed=seed, n_days=100, drift=-0.005)
        few = (np.random.default_rng(seed).random(400) > 0.8).astype(float)
        added = improvement_returns(holdout, few)
        passed += lower_bound(added, ratio="sharpe", days_per_year=365.0, n_resamples=200, seed=seed) > 0
        less = daily_returns(holdout, few) - daily_returns(holdout, np.ones(400))
        unequal += lower_bound(less, ratio="sharpe", days_per_year=365.0, n_resamples=200, seed=seed) > 0
    assert passed <= 5
    assert unequal > 30


def test_overfitting_is_measured_over_models_not_over_sizings_of_one(trades, tmp_path):
    """Which sizing of a good model wins says nothing against it, and is above the limit of what may be luck."""
    dataset, scores = trades(900, edge=0.04)
    development, holdout = split_holdout(replace(dataset, X=scores[:, None]))
    names = ("threshold", "quantile", "proportional", "kelly")
    plan = Plan(label="won", engines={"lightgbm": 1}, applications=names, n_folds=3, minimum_trades=10)
    result = search(development, plan)
    found = open_holdout(
        holdout, result, plan, ledger=Ledger(tmp_path / "ledger.db"), experiment="sizings", symbols=["S0"],
        certificates=EARNED,
    )  # fmt: skip
    condition = next(one for one in found.gate.conditions if one.name == "probability_of_loss")
    assert result.trial_returns().shape[1] == 4
    assert condition.value == probability_of_loss(result.trial_returns()[:, :1])
    assert condition.value < condition.threshold < probability_of_overfitting(result.trial_returns())


def test_one_winner_among_crumbs_is_one_trade(trades):
    """Thirty sizes above zero, of which one carries the money: its Sortino ratio is in the billions."""
    holdout, scores = trades(1000, edge=0.05)
    kept = np.argsort(-scores)[:30]
    sizes = np.zeros(1000)
    sizes[kept] = 1e-9
    sizes[kept[np.argmax(holdout.net_return[kept])]] = 1.0
    gate = verdict(trades, edge=0.05, holdout=holdout, sizes=sizes)
    assert {"trades_kept", "days_traded"} <= set(failed(gate))
    assert gate.conditions[0].value == pytest.approx(1.0)


def test_trades_of_one_day_are_one_day(trades):
    holdout, _ = trades(1000, edge=0.05)
    day = holdout.exit_time // DAY
    busiest = np.bincount(day - day.min()).argmax() + day.min()
    sizes = (day == busiest).astype(float)
    gate = verdict(trades, edge=0.05, holdout=holdout, sizes=sizes, limits=GateLimits(minimum_trades=2))
    assert "days_traded" in failed(gate)
    assert gate.conditions[1].value == pytest.approx(1.0)


def test_what_is_good_for_one_trial_is_luck_after_a_million(trades):
    development, scores = trades(1000, seed=1, edge=0.015)
    generator = np.random.default_rng(0)
    others = [(generator.random(1000) > 0.6).astype(float) for _ in range(19)]
    sizes = (scores > 0.6).astype(float)
    few, many = (
        verdict(trades, edge=0.05, development=developed(development, sizes, others, n_trials=n)) for n in (20, 10**12)
    )
    assert "deflated_sharpe" not in failed(few)
    assert failed(many) == ["deflated_sharpe"]
    assert few.conditions[5].value > many.conditions[5].value


def test_the_deflated_sharpe_asks_what_the_filter_adds_not_whether_the_rules_earn(trades):
    """Rules that earn, and filters that know nothing of it: the filtered trades have a high Sharpe ratio."""
    passed = 0
    for seed in range(20):
        development, _ = trades(1000, seed=seed, drift=0.01)
        generator = np.random.default_rng(seed)
        sizes = [(generator.random(1000) > 0.6).astype(float) for _ in range(20)]
        sizes.sort(key=lambda one: -sharpe(daily_returns(development, one), days_per_year=1.0))
        assert sharpe(daily_returns(development, sizes[0]), days_per_year=365.0) > 3
        gate = verdict(trades, edge=0.05, development=developed(development, sizes[0], sizes[1:]))
        passed += "deflated_sharpe" not in failed(gate)
    assert passed <= 2


def test_a_choice_among_noise_loses_as_often_as_it_earns(trades):
    noise = np.random.default_rng(0).normal(0, 0.01, (400, 20))
    best = noise[:, np.argmax(noise.mean(axis=0))]
    ratios = noise.mean(axis=0) / noise.std(axis=0)
    gate = verdict(trades, edge=0.05, development=Development(best, noise, 20, ratios))
    assert set(failed(gate)) == {"deflated_sharpe", "probability_of_loss"}


def test_a_filter_without_a_losing_day_may_pass(trades):
    """The best filter of all has no Sortino ratio, and its rotations, which do lose, have one."""
    holdout, _ = trades(1000, edge=0.0)
    sizes = (holdout.net_return > 0).astype(float)
    gate = verdict(trades, edge=0.05, holdout=holdout, sizes=sizes)
    assert measure(holdout, sizes).n_trades > 400
    assert math.isnan(measure(holdout, sizes).sortino)
    assert gate.open, failed(gate)


def test_each_further_opening_costs_some_of_the_allowed_error(trades):
    first, second, tenth = (verdict(trades, edge=0.0, seed=3, opening=number) for number in (1, 2, 10))
    limits = [gate.conditions[2].threshold for gate in (first, second, tenth)]
    assert limits == pytest.approx([0.05, 0.0125, 0.0005])
    assert second.conditions[3].value < first.conditions[3].value, "a bound of more confidence is lower"


@pytest.mark.parametrize("nothing", ["no trade kept", "no trade at all", "no loss"])
def test_what_is_undefined_never_passes(trades, nothing):
    holdout, scores = trades(200, edge=0.05)
    sizes = (scores > 0.5).astype(float)
    if nothing == "no trade kept":
        sizes = np.zeros(200)
    elif nothing == "no trade at all":
        holdout, sizes = holdout.take(np.array([], dtype=np.int64)), np.array([])
    else:
        holdout = replace(holdout, net_return=np.abs(holdout.net_return))
    gate = verdict(
        trades,
        edge=0.05,
        holdout=holdout,
        sizes=sizes,
        development=Development(np.zeros(50), np.zeros((50, 0)), 3, np.full(3, np.nan)),
    )
    undefined = [condition for condition in gate.conditions if math.isnan(condition.value)]
    # Without a loss, what is added is compared all the same, and the bounds are those of Sharpe ratios.
    expected = NAMES[5:7] if nothing == "no loss" else NAMES[2:7]
    assert [condition.name for condition in undefined] == expected
    assert not any(condition.passed for condition in undefined)


def test_every_reason_is_one_sentence_and_the_verdict_is_json(trades):
    for gate in (verdict(trades, edge=0.05), verdict(trades, edge=0.0, sizes=np.zeros(1000), certificates={})):
        for condition in gate.conditions:
            assert condition.reason.endswith(".")
            assert "nan" not in condition.reason
            assert len(condition.reason) > 20
        as_dict = json.loads(json.dumps(gate.as_dict(), allow_nan=False))
        assert as_dict["open"] is gate.open
        assert [line["name"] for line in as_dict["conditions"]] == NAMES


def test_a_bound_below_zero_says_how_many_days_would_be_needed(trades):
    holdout, scores = trades(1000, edge=0.005, n_days=200, drift=0.0005)
    condition = verdict(trades, edge=0.05, holdout=holdout, sizes=(scores > 0.6).astype(float)).conditions[3]
    assert condition.value < 0
    days = re.search(r"about (\d+) days like these 200 would be needed\.$", condition.reason)
    assert days is not None, condition.reason
    assert int(days[1]) == round(days_needed(daily_returns(holdout, (scores > 0.6).astype(float))))
    losing, _ = trades(1000, drift=-0.01)
    assert "days" not in verdict(trades, edge=0.05, holdout=losing).conditions[3].reason


def test_the_gate_is_open_only_if_all_conditions_pass():
    passed, missed = (Condition("one", 1.0, 1.0, passed, "It is one.") for passed in (True, False))
    assert Gate((passed, passed)).open
    assert not Gate((passed, missed)).open
    assert not Gate(()).open, "nothing was asked, so nothing was shown"


def test_wrong_limits_and_counts_are_refused(trades):
    with pytest.raises(BadInput, match="significance is 5"):
        GateLimits(significance=5)
    with pytest.raises(BadInput, match="minimum_trades is 0"):
        GateLimits(minimum_trades=0)
    with pytest.raises(BadInput, match="minimum_days is 0"):
        GateLimits(minimum_days=0)
