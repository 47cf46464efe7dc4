"""An experiment with lists: its dataset holds every label and factor set that the search tries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.pipelines.conftest import settings_in
from tradesieve.features.feature_sets import MINIMAL
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.experiment import Experiment, experiment_from
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset

LABELS = ("won", "r_multiple", "triple_barrier(horizon=20,width=1)", "top_quantile_of_week")
TREND = ("close__slope__window_20", "close__slope__window_50")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, small_bars: Bars) -> Settings:
    settings = settings_in(tmp_path_factory.mktemp("home"))
    settings.bars.append(small_bars[:4000])
    return settings


@pytest.fixture
def listed(small_experiment: Experiment) -> Experiment:
    plan = replace(small_experiment.plan, label=LABELS, factor_sets=("features", "trend"), weights=("uniqueness",))
    return replace(small_experiment, plan=replace(plan, applications=()), feature_sets={"trend": TREND})


def test_the_dataset_holds_what_is_searched(listed: Experiment, small_experiment: Experiment, settings) -> None:
    dataset = build_dataset(listed, load_chunks(listed, settings), settings)
    plain = build_dataset(small_experiment, load_chunks(small_experiment, settings), settings)
    assert tuple(dataset.more_targets) == LABELS
    np.testing.assert_array_equal(dataset.y, plain.y)
    assert dataset.feature_names == (*MINIMAL, *(name for name in TREND if name not in MINIMAL))
    assert dataset.factor_sets == {"features": MINIMAL, "trend": TREND}
    assert [dataset.feature_names[column] for column in dataset.columns_of("trend")] == sorted(
        TREND, key=dataset.feature_names.index
    )
    assert (dataset.span_end > plain.exit_time).all(), "the week's end is later than the exits"
    development, _ = split_holdout(dataset)
    assert (development.span_end <= development.period[1]).all()
    assert {one.label for one in listed.plan.candidates(dataset.feature_names, dataset.factor_sets)} == set(LABELS)


def test_an_experiment_without_lists_keeps_its_hash(small_experiment: Experiment, listed: Experiment) -> None:
    assert Experiment(symbols=("A",)).hash == "2ee599423080"
    for plan in (replace(small_experiment.plan, weights="time_decay"), listed.plan):
        changed = replace(listed, plan=plan)
        assert changed.hash != replace(listed, plan=small_experiment.plan).hash
        assert experiment_from(changed.as_dict()) == changed


def test_labels_on_the_command_line_are_separated_by_commas(settings: Settings) -> None:
    given = {"config": {"symbols": ["AAA"]}, "label": "won,triple_barrier(horizon=20,width=2)"}
    assert assemble_experiment(settings, **given).plan.labels == ("won", "triple_barrier(horizon=20,width=2)")
    assert assemble_experiment(settings, config={"symbols": ["AAA"]}, label="won").plan.label == "won"


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (("features", "trned"), "unknown feature set 'trned'"),
        (("features", "close__slope__window_20"), "close__slope__window_20 is a feature: give it a name in feature_s"),
        (("features", "other_symbols"), "factor_sets: other_symbols has no feature, because AAA has no symbol beside"),
    ],
)
def test_a_factor_set_that_cannot_be_read_is_named(small_experiment: Experiment, sets, message) -> None:
    with pytest.raises((BadInput, Unknown), match=message):
        replace(small_experiment, plan=Plan(factor_sets=sets))
