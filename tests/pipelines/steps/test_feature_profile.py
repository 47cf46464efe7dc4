"""Profiles of planted features."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.pipelines.planted_features import NAMES, NOISE, planted_dataset
from tradesieve.features.profiling.summary import summarise_features
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.dataset import Dataset
from tradesieve.pipelines.steps.feature_profile import COLUMNS, FeatureProfile, profile_features


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return planted_dataset()


@pytest.fixture(scope="module")
def described(dataset: Dataset) -> FeatureProfile:
    return profile_features(dataset)


def row(description: FeatureProfile, name: str) -> dict[str, Any]:
    return description.table.set_index("feature").loc[name].to_dict()


def test_the_table_has_every_column_that_is_explained(described: FeatureProfile, dataset: Dataset) -> None:
    assert list(described.table.columns) == ["feature", *COLUMNS]
    assert described.table["feature"].tolist() == list(NAMES)
    summary = summarise_features(dataset.X, NAMES)
    assert described.table[list(summary.columns)].equals(summary)
    assert (described.periods.per, len(described.periods.names)) == ("month", 10)
    assert described.reference + described.later == described.periods.names
    assert described.stability.index.shape == (len(described.later), len(NAMES))


def test_what_drifts_is_flagged_and_nothing_else(described: FeatureProfile) -> None:
    assert row(described, "drifting")["drift"] == "shifted"
    assert row(described, "vanishing")["drift"] == "shifted"
    assert row(described, "drifting")["psi"] == described.stability.index[:, 2].max()
    assert row(described, "drifting")["psi_last"] == described.stability.index[-1, 2]
    for name in ("signal", "sides", "constant", *NOISE):
        assert row(described, name)["drift"] == "stable", name


def test_luck_counts_a_close_once(described: FeatureProfile, dataset: Dataset) -> None:
    """Two strategies at one close are one value of a feature."""
    later = described.periods.code >= len(described.reference)
    closes = [len(np.unique(dataset.decision_time[rows])) for rows in (~later, described.periods.code == 9)]
    expected = 16.919 * (1 / closes[0] + 1 / closes[1])
    assert described.stability.by_luck[-1, 0] == pytest.approx(expected, rel=1e-4)


def test_a_copy_lands_in_its_cluster(described: FeatureProfile) -> None:
    (alike,) = described.redundant
    assert (alike.cluster, alike.representative, alike.others) == (1, "signal", ("copy",))
    assert alike.weakest == pytest.approx(1.0)
    assert row(described, "copy")["representative"] == "signal"
    assert row(described, "sides")["representative"] == "sides"


def test_what_foretells_is_found_and_noise_is_not(described: FeatureProfile) -> None:
    assert described.n_judged == len(NAMES) - 1, "a constant cannot be judged"
    assert described.n_informative == 2
    assert row(described, "signal")["ic"] > 0.1
    assert row(described, "copy")["ic"] == pytest.approx(-row(described, "signal")["ic"], abs=1e-12)
    for name in NOISE:
        assert row(described, name)["ic_p_adjusted"] > 0.05, name
    assert np.isnan(row(described, "constant")["ic"])


def test_the_label_can_be_asked_for(dataset: Dataset, described: FeatureProfile) -> None:
    against = profile_features(dataset, against="label")
    assert against.against == "label"
    assert row(against, "signal")["ic_p_adjusted"] < 0.001
    assert row(against, "signal")["ic"] != row(described, "signal")["ic"]
    flipped = profile_features(replace(dataset, y=1 - dataset.y), against="label")
    assert row(flipped, "signal")["ic"] == pytest.approx(-row(against, "signal")["ic"])


def test_too_few_trades_are_refused(dataset: Dataset) -> None:
    with pytest.raises(BadInput, match="29 trades before the hold-out are too few to profile features with"):
        profile_features(dataset.take(np.arange(29)))
    with pytest.raises(BadInput, match="threshold is 2"):
        profile_features(dataset, threshold=2)
    with pytest.raises(Unknown, match="unknown result 'return': did you mean 'net_return'"):
        profile_features(dataset, against="return")
