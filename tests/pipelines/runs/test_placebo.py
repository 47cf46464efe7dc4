"""Placebo runs: surrogates keep what they should, nothing is recorded, and the counts are those of the gates."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.placebo import SURROGATES, run_placebo
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quick(small_experiment: Experiment) -> Experiment:
    """The small experiment with one candidate."""
    return replace(small_experiment, plan=replace(small_experiment.plan, engines={"lightgbm": 1}))


@pytest.fixture(scope="module")
def settings(make_home: Callable[..., Settings]) -> Settings:
    """A state folder with the small bars."""
    return make_home()


def test_the_gate_is_counted_on_every_surrogate_and_nothing_is_recorded(
    quick: Experiment, settings: Settings, folder_state: Callable[[Path], dict[str, str]]
) -> None:
    before = folder_state(settings.home)
    seen: list[str] = []
    found = run_placebo(
        quick,
        settings,
        n_runs=2,
        progress=lambda stage, done, total, detail: seen.append(f"{done} of {total} {detail}"),
    )
    assert folder_state(settings.home) == before
    assert seen[0] == "0 of 6 random_walk, run 1 of 2"
    assert seen[-1] == "6 of 6 done"
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [row["kind"] for row in found["kinds"]] == list(SURROGATES)
    for row in found["kinds"]:
        assert row["runs"] == 2
        assert row["opened"] == 0, "three rules on 120 days cannot pass by luck in six runs"
        assert (row["low"], row["high"]) == (0.0, pytest.approx(1 - 0.025 ** (1 / 2)))
        assert all(0 <= count <= 2 for count in row["passed"].values())
        assert row["passed"]["causality_certificate"] == 2
    again = run_placebo(quick, settings, n_runs=2, kinds=["shifted_outcomes"])
    assert again["kinds"] == [row for row in found["kinds"] if row["kind"] == "shifted_outcomes"]


def test_shifted_outcomes_are_those_of_the_same_instance(quick: Experiment, settings: Settings) -> None:
    chunks = load_chunks(quick, settings)
    real = build_dataset(quick, chunks, settings)
    shifted = SURROGATES["shifted_outcomes"](quick, chunks, settings, 3)
    np.testing.assert_array_equal(shifted.X, real.X)
    for code in range(len(real.instance_names)):
        own = real.instance == code
        assert sorted(shifted.net_return[own]) == sorted(real.net_return[own])
        assert np.mean(shifted.net_return[own] == real.net_return[own]) < 0.5
        np.testing.assert_array_equal(shifted.y[own], shifted.net_return[own] > 0)


def test_random_entries_replace_every_rule(quick: Experiment, settings: Settings) -> None:
    dataset = SURROGATES["random_entries"](quick, load_chunks(quick, settings), settings, 3)
    assert len(dataset.instance_names) == 3
    assert all(name.startswith("random_entries(") for name in dataset.instance_names)


def test_a_walk_has_other_trades_every_time(quick: Experiment, settings: Settings) -> None:
    chunks = load_chunks(quick, settings)
    one, again, other = (SURROGATES["random_walk"](quick, chunks, settings, seed) for seed in (3, 3, 4))
    assert one.fingerprint == again.fingerprint
    assert one.fingerprint != other.fingerprint
    assert one.instance_names == other.instance_names


def test_bad_calls_are_refused(quick: Experiment, settings: Settings) -> None:
    with pytest.raises(BadInput, match="--runs is 0"):
        run_placebo(quick, settings, n_runs=0)
    with pytest.raises(Unknown, match="did you mean 'random_walk'"):
        run_placebo(quick, settings, n_runs=1, kinds=["random_wlk"])
