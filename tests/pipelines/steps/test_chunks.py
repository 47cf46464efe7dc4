from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import instance_names, load_chunks


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Settings]) -> Settings:
    return make_home()


def test_a_strategy_is_left_out_where_it_does_not_run(home: Settings, small_experiment: Experiment) -> None:
    rules = ("timeframe_confirmation", "dip_buying")
    both = replace(small_experiment, strategies=rules, num_strategies=2, timeframes=("15m", "1h"))
    names = [[strategy.name for strategy in chunk.strategies] for chunk in load_chunks(both, home)]
    assert names == [list(rules), ["dip_buying"]] * len(both.symbols)
    assert len(instance_names(load_chunks(both, home))) == 3 * len(both.symbols)


def test_a_timeframe_on_which_none_runs_is_refused(home: Settings, small_experiment: Experiment) -> None:
    alone = replace(
        small_experiment, strategies=("timeframe_confirmation+trailing",), num_strategies=1, timeframes=("1h",)
    )
    with pytest.raises(BadInput, match=r"timeframe_confirmation\(.*\) does not run on 1h bars; choose a shorter"):
        load_chunks(alone, home)
