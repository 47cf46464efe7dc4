from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.models.fitness import daily_returns
from tradesieve.models.significance.gate import Condition, Gate, GateLimits, judge

EARNED = {"causality": True, "parity": True}
NAMES = [
    "trades_kept",
    "beats_random_filter",
    "beats_other_times",
    "sortino_above_zero",
    "improvement_above_zero",
    "deflated_sharpe",
    "overfitting",
    "causality_certificate",
    "parity_certificate",
]


def verdict(trades, *, edge, seed=0, keep=0.6, n=1000, **changes):
    """Judge a filter on a hold-out, with a development of which it is the best of twenty trials."""
    holdout, scores = trades(n, seed=2 * seed, edge=edge)
    development, development_scores = trades(n, seed=2 * seed + 1, edge=edge)
    winner = daily_returns(development, (development_scores > keep).astype(float))
    generator = np.random.default_rng(seed)
    others = [daily_returns(development, generator.random(n) > keep) for _ in range(19)]
    arguments = {
        "holdout": holdout,
        "sizes": (scores > keep).astype(float),
        "winner_returns_development": winner,
        "trial_returns_development": np.column_stack([winner, *others]),
        "n_trials": 20,
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
    assert failed(gate) == ["beats_random_filter", "beats_other_times", "improvement_above_zero"]


def test_trading_less_of_a_losing_strategy_is_no_filter(trades):
    holdout, _ = trades(1000, edge=0.0, drift=-0.01)
    few = np.random.default_rng(0).random(1000) > 0.8
    assert {"beats_random_filter", "beats_other_times", "sortino_above_zero"} <= set(
        failed(verdict(trades, edge=0.05, holdout=holdout, sizes=few))
    )


def test_what_is_good_for_one_trial_is_luck_after_a_million(trades):
    returns = np.random.default_rng(0).normal(0.0012, 0.01, 400)
    few, many = (
        verdict(trades, edge=0.05, winner_returns_development=returns, n_trials=n_trials) for n_trials in (20, 10**6)
    )
    assert failed(many) == ["deflated_sharpe"]
    assert few.conditions[5].value > many.conditions[5].value


def test_a_winner_chosen_among_noise_is_overfitting(trades):
    noise = np.random.default_rng(0).normal(0, 0.01, (400, 20))
    best = noise[:, np.argmax(noise.mean(axis=0))]
    gate = verdict(trades, edge=0.05, winner_returns_development=best, trial_returns_development=noise, n_trials=20)
    assert "deflated_sharpe" in failed(gate)


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
        winner_returns_development=np.zeros(50),
        trial_returns_development=np.zeros((50, 3)),
    )
    undefined = [condition for condition in gate.conditions if math.isnan(condition.value)]
    assert [condition.name for condition in undefined] == NAMES[1:7]
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
    with pytest.raises(BadInput, match="n_trials is 19"):
        verdict(trades, edge=0.05, n_trials=19)
