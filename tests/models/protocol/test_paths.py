"""The winner on the paths of combinatorial purged cross-validation."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.fitness.measures import measure
from tradesieve.models.protocol.paths import measure_paths
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search

PLAN = Plan(engines={"lightgbm": 1}, n_folds=3, path_groups=5, embargo_days=0.5)


def test_an_edge_earns_on_every_path_and_noise_does_not(trades):
    found = {}
    for edge in (0.0, 0.05):
        dataset, _ = trades(900, edge=edge)
        X = np.column_stack([dataset.X, np.random.default_rng(0).random((900, 3))])
        dataset = replace(dataset, X=X, feature_names=("score", "a", "b", "c"), y=dataset.net_return * 50)
        winner = search(dataset, PLAN).trials[0]
        found[edge] = measure_paths(winner, dataset, PLAN)
        assert json.loads(json.dumps(found[edge], allow_nan=False)) == found[edge]
        assert (found[edge]["n_groups"], len(found[edge]["paths"]), found[edge]["error"]) == (5, 4, None)
    every = measure(dataset, np.ones(900)).expectancy
    assert found[0.05]["n_losing"] == 0
    assert all(path["expectancy"] > every + 0.003 and path["fitness"] > 0 for path in found[0.05]["paths"])
    assert len({path["expectancy"] for path in found[0.05]["paths"]}) == 4, "each path is a series of its own"
    assert found[0.0]["n_losing"] > 0
    assert measure_paths(winner, dataset, PLAN, n_jobs=1) == found[0.05], "workers change nothing"


def test_what_cannot_be_cut_is_said_and_ends_nothing(trades):
    dataset, _ = trades(300)
    winner = search(dataset, PLAN).trials[0]
    long = replace(dataset, exit_time=dataset.exit_time + 150 * DAY)
    paths = measure_paths(winner, long, PLAN)
    assert (paths["paths"], paths["n_losing"]) == ([], None)
    assert paths["error"].startswith("BadInput: purging leaves no training row")
    with pytest.raises(BadInput, match="path_groups is 2, but must be at least 3, or 0 for no paths"):
        Plan(path_groups=2)
