from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tradesieve.market.errors import BadInput
from tradesieve.market.resampling import resample
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import instance_names, load_chunks
from tradesieve.pipelines.steps.without_trades import explain_no_trades
from tradesieve.strategies.instance import Instance


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


@pytest.mark.parametrize("timeframe", ["1w", "1M"])
def test_rules_of_sessions_are_left_out_of_weeks_and_months_with_the_reason(
    home: Settings, small_experiment: Experiment, timeframe: str
) -> None:
    days, _ = SyntheticMarket(n_days=400, timeframe=parse_timeframe("1d")).generate("DAYS")
    home.bars.append(resample(days, parse_timeframe(timeframe)))
    rules = ("opening_range_breakout", "trend_day", "time_of_day")
    experiment = replace(
        small_experiment,
        symbols=("DAYS",),
        strategies=(*rules, "dip_buying"),
        num_strategies=4,
        timeframes=(timeframe,),
    )
    (chunk,) = load_chunks(experiment, home)
    assert [strategy.name for strategy in chunk.strategies] == ["dip_buying"]
    reasons = explain_no_trades([chunk], chunk.instance_names)
    assert [Instance.parse(name).rule for name in reasons] == list(rules)
    assert set(reasons.values()) == {f"it does not run on {timeframe} bars; choose a shorter timeframe"}
    with pytest.raises(BadInput, match=f"does not run on {timeframe} bars; choose a shorter timeframe"):
        load_chunks(replace(experiment, strategies=rules, num_strategies=3), home)
