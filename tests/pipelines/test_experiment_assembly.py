"""Assembly: the call beats the configuration, which beats the defaults, on the command line and in Prefect."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.commands.shared.options import experiment_options
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.experiment_assembly import assemble_experiment, split_commas
from tradesieve.pipelines.settings import Settings, read_settings

WRITTEN_OUT = "dip_buying(look_back=3)"
CONFIG: dict[str, Any] = {
    "symbols": ["BTC-USD", "SPY"],
    "timeframes": ["15m"],
    "strategies": ["dip_buying"],
    "num_strategies": 3,
    "plan": {"seed": 11, "n_folds": 3},
}
FROM_CONFIG = Experiment(
    symbols=("BTC-USD", "SPY"),
    timeframes=("15m",),
    strategies=("dip_buying",),
    num_strategies=3,
    plan=Plan(seed=11, n_folds=3),
)
CASES: dict[str, tuple[dict[str, Any] | None, dict[str, str], Experiment]] = {
    "neither": (None, {}, Experiment(symbols=("AAA", "BBB"))),
    "symbols are normalised": (None, {"symbols": "btcusd, spy"}, Experiment(symbols=("BTC-USD", "SPY"))),
    "lists are split": (
        None,
        {"symbols": "AAA", "timeframes": "5m,1h", "strategies": "dip_buying,volatility_breakout(window=10,reward=2)"},
        Experiment(
            symbols=("AAA",),
            timeframes=("5m", "1h"),
            strategies=("dip_buying", "volatility_breakout(window=10,reward=2)"),
        ),
    ),
    "strategies that are written out are all taken": (
        None,
        {"strategies": f"{WRITTEN_OUT}+trailing,{WRITTEN_OUT}"},
        Experiment(symbols=("AAA", "BBB"), strategies=(f"{WRITTEN_OUT}+trailing", WRITTEN_OUT), num_strategies=None),
    ),
    "unless a number is given": (
        None,
        {"strategies": "dip_buying(look_back=3|4)", "num_strategies": "1"},
        Experiment(symbols=("AAA", "BBB"), strategies=("dip_buying(look_back=3|4)",), num_strategies=1),
    ),
    "all takes every strategy": (
        None,
        {"strategies": "all"},
        Experiment(symbols=("AAA", "BBB"), strategies=("all",), num_strategies=None),
    ),
    "all beats the configured number": (
        CONFIG,
        {"strategies": "all"},
        replace(FROM_CONFIG, strategies=("all",), num_strategies=None),
    ),
    "all in a configuration": (
        CONFIG | {"strategies": "all"},
        {},
        replace(FROM_CONFIG, strategies=("all",)),
    ),
    "all in a list of a configuration, without a number": (
        {"symbols": ["AAA"], "strategies": ["all", WRITTEN_OUT]},
        {},
        Experiment(symbols=("AAA",), strategies=("all", WRITTEN_OUT), num_strategies=None),
    ),
    "rules of the call beat all of the configuration": (
        {"symbols": ["AAA"], "strategies": "all"},
        {"strategies": "dip_buying"},
        Experiment(symbols=("AAA",), strategies=("dip_buying",)),
    ),
    "the configuration beats the defaults": (CONFIG, {}, FROM_CONFIG),
    "the configuration may leave symbols to the store": (
        {"timeframes": ["15m"]},
        {},
        Experiment(symbols=("AAA", "BBB"), timeframes=("15m",)),
    ),
    "or to the call": (
        {"timeframes": ["15m"]},
        {"symbols": "btc-usd"},
        Experiment(symbols=("BTC-USD",), timeframes=("15m",)),
    ),
    "the call beats the configuration": (
        CONFIG,
        {"symbols": "ethusd", "timeframes": "1h", "strategies": "volatility_breakout", "num_strategies": "2"},
        Experiment(
            symbols=("ETH-USD",),
            timeframes=("1h",),
            strategies=("volatility_breakout",),
            num_strategies=2,
            plan=Plan(seed=11, n_folds=3),
        ),
    ),
    "one value at a time": (
        CONFIG,
        {"timeframes": "1h"},
        Experiment(
            symbols=("BTC-USD", "SPY"),
            timeframes=("1h",),
            strategies=("dip_buying",),
            num_strategies=3,
            plan=Plan(seed=11, n_folds=3),
        ),
    ),
    "written-out strategies beat the configured number": (
        CONFIG,
        {"strategies": WRITTEN_OUT},
        Experiment(
            symbols=("BTC-USD", "SPY"),
            timeframes=("15m",),
            strategies=(WRITTEN_OUT,),
            num_strategies=None,
            plan=Plan(seed=11, n_folds=3),
        ),
    ),
}
REFUSED: dict[str, tuple[dict[str, Any] | None, dict[str, str], str]] = {
    "an unknown key": ({"plan": {"sed": 1}}, {}, "unknown key in plan: 'sed': did you mean 'seed'?"),
    "a wrong configuration, though the call overrides it": (
        CONFIG | {"strategies": ["dip_bying"]},
        {"strategies": "dip_buying"},
        "did you mean 'dip_buying'?",
    ),
    "a symbol of the configuration that is written otherwise": (
        CONFIG | {"symbols": ["btcusd"]},
        {},
        "symbol 'btcusd' is written BTC-USD here",
    ),
    "no symbol": (None, {"symbols": ","}, "an experiment needs at least one symbol"),
    "all without a number, drawn at random": (
        {"sampling": "random", "strategies": "all"},
        {},
        "random sampling needs a number of strategies",
    ),
    "an unknown strategy": (None, {"strategies": "dip_bying"}, "did you mean 'dip_buying'?"),
}


@pytest.fixture
def home(make_home: Callable[..., Settings], small_bars: Bars, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with the bars of AAA and BBB, which both doors read from the environment."""
    settings = make_home(bars=small_bars[:100])
    settings.bars.append(replace(small_bars[:100], symbol="BBB"))
    monkeypatch.setenv("TRADESIEVE_HOME", str(settings.home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return settings


def by_command_line(config: dict[str, Any] | None, given: dict[str, str], folder: Path) -> Experiment:
    """Assemble as every command with `experiment_options` does."""
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(config))
    options = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value)]

    @click.command()
    @experiment_options
    def command(**given: Any) -> Experiment:
        return assemble_experiment(read_settings(), **given)

    arguments = options if config is None else [*options, "--config", str(path)]
    found = command.main(arguments, standalone_mode=False)
    assert isinstance(found, Experiment)
    return found


def by_prefect(config: dict[str, Any] | None, given: dict[str, str], folder: Path) -> Experiment:
    """Assemble as a flow does that a deployment calls, with every parameter."""
    from tradesieve.pipelines.flows import assemble, experiment

    flow = inspect.signature(experiment.fn).parameters
    assert {name: parameter.default for name, parameter in flow.items()} == {
        "symbols": "", "timeframes": "5m", "strategies": "", "num_strategies": None, "config": None,
    }  # fmt: skip
    every = {name: given.get(name, parameter.default) for name, parameter in flow.items() if name != "config"}
    if every["num_strategies"] is not None:
        every["num_strategies"] = int(every["num_strategies"])
    return assemble(config, **every)


Door = Callable[[dict[str, Any] | None, dict[str, str], Path], Experiment]
DOORS = pytest.mark.parametrize("door", [by_command_line, by_prefect])


@DOORS
@pytest.mark.parametrize("case", CASES)
def test_both_doors_assemble_the_same(home: Settings, tmp_path: Path, door: Door, case: str) -> None:
    config, given, expected = CASES[case]
    found = door(config, given, tmp_path)
    assert found == expected
    assert found.hash == expected.hash


@DOORS
@pytest.mark.parametrize("case", REFUSED)
def test_both_doors_refuse_the_same(home: Settings, tmp_path: Path, door: Door, case: str) -> None:
    config, given, said = REFUSED[case]
    with pytest.raises(BadInput) as caught:
        door(config, given, tmp_path)
    assert said in str(caught.value)


@DOORS
@pytest.mark.parametrize("config", [None, {"timeframes": ["15m"]}])
def test_without_bars_both_say_how_to_get_some(
    make_home: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    door: Door,
    config: dict[str, Any] | None,
) -> None:
    monkeypatch.setenv("TRADESIEVE_HOME", str(make_home(bars=None).home))
    with pytest.raises(BadInput, match=r"no bars are stored in .*: import some with `tradesieve data import"):
        door(config, {}, tmp_path)


def test_a_default_of_a_flow_does_not_beat_the_configuration(home: Settings, tmp_path: Path) -> None:
    """A deployment passes every parameter, so a value that equals its default counts as not given."""
    given = {"timeframes": "5m", "strategies": "", "symbols": ""}
    assert by_prefect(CONFIG, given, tmp_path) == FROM_CONFIG


def test_the_plan_is_part_of_the_call(home: Settings) -> None:
    given = {"aim": "money", "label": "won", "fitness": "sharpe", "seed": 5, "applications": "kelly,threshold"}
    found = assemble_experiment(home, config=CONFIG, **given, candidates=2).plan
    assert found == Plan(
        aim="money", label="won", engines={"lightgbm": 2}, applications=("kelly", "threshold"), fitness="sharpe",
        n_folds=3, seed=5,
    )  # fmt: skip
    config = CONFIG | {"plan": {"engines": {"lightgbm": 9}}}
    assert assemble_experiment(home, config=config, candidates=2).plan.engines == {"lightgbm": 2}


def test_lists_may_be_lists(home: Settings) -> None:
    found = assemble_experiment(home, symbols=["btcusd"], strategies=["dip_buying"], features=("minimal",))
    assert found == Experiment(symbols=("BTC-USD",), strategies=("dip_buying",), features=("minimal",))
    for wrong in (5, [5], {"AAA": 1}.items()):
        with pytest.raises(BadInput, match="symbols: should be a list, got"):
            assemble_experiment(home, symbols=wrong)
    with pytest.raises(Unknown, match="'symbol': did you mean 'symbols'"):
        assemble_experiment(home, symbol="AAA")


def test_the_number_of_instances_is_limited(home: Settings) -> None:
    found = assemble_experiment(home, config=CONFIG, timeframes="5m,1h", max_instances=9)
    assert found.num_strategies == 2, "two strategies on each of four pairs"
    assert assemble_experiment(home, strategies=WRITTEN_OUT, max_instances=1000).num_strategies == 1
    assert assemble_experiment(home, max_instances=1000).num_strategies == 5, "it limits, and never adds"
    assert assemble_experiment(home, strategies="all", max_instances=9).num_strategies == 4
    with pytest.raises(BadInput, match="--max is 3, but must be at least 4: one strategy on every symbol"):
        assemble_experiment(home, timeframes="5m,1h", max_instances=3)
    with pytest.raises(BadInput, match="at least one timeframe"):
        assemble_experiment(home, timeframes=",", max_instances=3)


@pytest.mark.parametrize(
    ("strategies", "expected"),
    [
        ("all", None),
        ("all,dip_buying(look_back=7)", None),
        ("dip_buying", 5),
        ("dip_buying(look_back=3),volatility_breakout", 5),
        ("dip_buying(look_back=3)", None),
        ("dip_buying(look_back=3|4)+trailing", None),
        ("dip_buying+trailing(ranges=2|3)", 5),
    ],
)
def test_strategies_that_are_written_out_whole_are_all_meant(
    home: Settings, strategies: str, expected: int | None
) -> None:
    assert assemble_experiment(home, strategies=strategies).num_strategies == expected


def test_text_is_split_outside_of_parentheses_only() -> None:
    text = "dip_buying , volatility_breakout(window=10|20,reward=3)+trailing(ranges=2,window=5)+opposite_exit,,"
    assert split_commas(text) == [
        "dip_buying",
        "volatility_breakout(window=10|20,reward=3)+trailing(ranges=2,window=5)+opposite_exit",
    ]
    assert split_commas(None) == split_commas("") == split_commas(" , ") == []
