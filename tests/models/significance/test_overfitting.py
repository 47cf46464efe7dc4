"""The probability of backtest overfitting: its definition, on noise and on a true winner."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from tradesieve.market.errors import BadInput
from tradesieve.models.significance.overfitting import probability_of_loss, probability_of_overfitting
from tradesieve.strategies.statistics.daily_returns import sharpe, sortino


@pytest.mark.parametrize("ranked_by", ["sortino", "sharpe"])
def test_overfitting_is_a_coin_on_noise_and_never_for_a_true_winner(ranked_by):
    noise = [np.random.default_rng(seed).normal(0, 0.01, (600, 30)) for seed in range(60)]
    values = [probability_of_overfitting(trials, ranked_by=ranked_by) for trials in noise]
    assert np.mean(values) == pytest.approx(0.5, abs=0.08)
    dominated = noise[0].copy()
    dominated[:, 11] += 0.01
    assert probability_of_overfitting(dominated, ranked_by=ranked_by) == 0.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ranked_by", ["sortino", "sharpe"])
def test_overfitting_is_its_definition(ranked_by, seed):
    ratio = sortino if ranked_by == "sortino" else sharpe
    trials = np.random.default_rng(seed).normal(0, 0.01, (83, 7))
    blocks = np.split(np.arange(83), np.arange(1, 6) * 83 // 6)
    logits = []
    for chosen in combinations(range(6), 3):
        inside = np.concatenate([blocks[block] for block in chosen])
        outside = np.setdiff1d(np.arange(83), inside)
        winner = np.argmax([ratio(column[inside], days_per_year=1) for column in trials.T])
        rank = stats.rankdata([ratio(column[outside], days_per_year=1) for column in trials.T])[winner]
        logits.append(math.log(rank / (8 - rank)))
    expected = np.mean(np.array(logits) <= 0)
    assert probability_of_overfitting(trials, n_blocks=6, ranked_by=ranked_by) == pytest.approx(expected)


def test_overfitting_counts_equal_trials_once_and_undefined_ones_last():
    trials = np.random.default_rng(2).normal(0, 0.01, (300, 12))
    value = probability_of_overfitting(trials)
    assert probability_of_overfitting(np.hstack([trials, trials[:, :4], trials[:, :4]])) == value
    idle = np.hstack([np.zeros((300, 1)), trials])
    assert 0 <= probability_of_overfitting(idle) <= 1
    assert math.isnan(probability_of_overfitting(trials[:, [0, 0]]))
    assert math.isnan(probability_of_overfitting(trials[:19]))
    for wrong in ({"n_blocks": 7}, {"n_blocks": 18}, {"ranked_by": "calmar"}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            probability_of_overfitting(trials, **wrong)


@pytest.mark.parametrize("seed", range(4))
def test_the_probability_of_loss_is_its_definition(seed):
    trials = np.random.default_rng(seed).normal(0, 0.01, (83, 7))
    blocks = np.split(np.arange(83), np.arange(1, 6) * 83 // 6)
    lost = []
    for chosen in combinations(range(6), 3):
        inside = np.concatenate([blocks[block] for block in chosen])
        outside = np.setdiff1d(np.arange(83), inside)
        ranks = []
        for column in trials.T:
            total = column[inside].sum()
            ranks.append(sortino(column[inside], days_per_year=1) if total > 0 else total)
        lost.append(trials[outside, int(np.argmax(ranks))].sum() <= 0)
    assert probability_of_loss(trials, n_blocks=6) == pytest.approx(np.mean(lost))


def test_a_choice_that_holds_is_seldom_a_loss_and_one_of_noise_often():
    generator = np.random.default_rng(0)
    noise = [generator.normal(0, 0.01, (300, 12)) for _ in range(40)]
    # Twelve models of one edge: which of them wins is a coin toss, that it earns is not.
    alike = [trials + 0.002 for trials in noise]
    assert np.mean([probability_of_loss(trials) for trials in noise]) > 0.35
    assert np.mean([probability_of_loss(trials) < 0.1 for trials in alike]) > 0.9
    assert np.mean([probability_of_overfitting(trials) < 0.5 for trials in alike]) < 0.8


def test_the_probability_of_loss_of_one_trial_and_of_none():
    days = np.random.default_rng(0).normal(0.002, 0.01, (300, 1))
    assert probability_of_loss(days) == 0.0
    assert probability_of_loss(-days) == 1.0
    assert math.isnan(probability_of_loss(days[:, :0]))
    assert math.isnan(probability_of_loss(days[:19]))
