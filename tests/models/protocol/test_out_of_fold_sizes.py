"""Out-of-fold sizes: no fold chooses its own parameters."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.models.applications.base import NoChoice
from tradesieve.models.applications.registry import APPLICATIONS, from_parameters
from tradesieve.models.applications.threshold import Threshold
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.protocol.out_of_fold_sizes import out_of_fold_sizes
from tradesieve.models.splits import purged_folds, walk_forward_folds

SORTINO = fitness_named("sortino")
NAMES = sorted(APPLICATIONS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("split", [purged_folds, walk_forward_folds])
def test_what_happens_in_a_fold_does_not_change_its_own_parameters(trades, name, split):
    dataset, scores = trades(1000, edge=0.05)
    folds = split(dataset.decision_time, dataset.exit_time, n_folds=4)
    scores[: folds[0].test[0]] = np.nan
    sizes, chosen = out_of_fold_sizes(name, scores, dataset, folds, fitness=SORTINO)
    fold = folds[2]
    turned = dataset.net_return.copy()
    turned[fold.test] *= -1
    _, again = out_of_fold_sizes(name, scores, replace(dataset, net_return=turned), folds, fitness=SORTINO)
    assert again[2] == chosen[2]
    application = from_parameters(name, chosen[2]["parameters"])
    np.testing.assert_array_equal(sizes[fold.test], application.sizes(scores[fold.test], dataset.instance[fold.test]))
    later = slice(fold.test[0], None)
    turned = dataset.net_return.copy()
    turned[later] *= -1
    _, again = out_of_fold_sizes(name, scores, replace(dataset, net_return=turned), folds, fitness=SORTINO)
    ignores_outcomes = name == "positive_score"
    assert (again[2] == chosen[2]) == (split is walk_forward_folds or ignores_outcomes), "walk-forward: no future"


def test_rows_that_were_never_tested_are_refused_and_take_no_part(trades):
    dataset, scores = trades(1000, edge=0.05)
    folds = walk_forward_folds(dataset.decision_time, dataset.exit_time, n_folds=4)
    scores[: folds[0].test[0]] = np.nan
    sizes, chosen = out_of_fold_sizes("threshold", scores, dataset, folds, fitness=SORTINO)
    assert not sizes[: folds[1].test[0]].any(), (
        "the first block was never tested, the first fold had nothing to learn from"
    )
    assert chosen[0]["parameters"] is None
    assert "0 scored trades" in chosen[0]["error"]
    assert chosen[1]["n_rows"] <= len(folds[0].test)
    assert sizes.sum() > 100


def test_folds_and_scores_have_to_belong_together(trades):
    dataset, scores = trades(500)
    folds = purged_folds(dataset.decision_time, dataset.exit_time, n_folds=4)
    with pytest.raises(BadInput, match="exactly one test fold"):
        out_of_fold_sizes("threshold", scores, dataset, folds[1:], fitness=SORTINO)
    with pytest.raises(BadInput, match="exactly one test fold"):
        out_of_fold_sizes("threshold", scores, dataset, [*folds, folds[0]], fitness=SORTINO)
    with pytest.raises(NoChoice, match="in all folds"):
        out_of_fold_sizes("threshold", scores, dataset, folds, fitness=SORTINO, minimum_trades=501)


def test_on_noise_the_chosen_sizes_gain_nothing_out_of_fold(trades):
    gains, inside = [], []
    for seed in range(30):
        dataset, scores = trades(600, seed=seed)
        folds = purged_folds(dataset.decision_time, dataset.exit_time, n_folds=4)
        sizes, _ = out_of_fold_sizes("threshold", scores, dataset, folds, fitness=SORTINO)
        fitted = Threshold.fit(scores, dataset, fitness=SORTINO).sizes(scores, dataset.instance)
        baseline = SORTINO(dataset, np.ones(len(dataset)))
        gains.append(SORTINO(dataset, sizes) - baseline)
        inside.append(SORTINO(dataset, fitted) - baseline)
    standard_error = np.std(gains) / math.sqrt(len(gains))
    assert np.mean(inside) > 4 * standard_error, "the alarm: on its own data the threshold looks like a gain"
    assert abs(np.mean(gains)) < 3 * standard_error
