"""The experiment as a value: what it refuses, how it is written and read, and that its hash is its identity."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradesieve.features.feature_sets import MINIMAL, STANDARD
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.significance.gate import GateLimits
from tradesieve.pipelines.experiment import Experiment, experiment_from, parse_time
from tradesieve.pipelines.experiment_files import experiment_from_yaml

NAMES = st.sampled_from(["BTC-USD", "ETH-USD", "SPY", "A.B_C"])
PLANS = st.builds(
    Plan,
    label=st.just("won"),
    engines=st.dictionaries(st.sampled_from(["lightgbm", "pycaret"]), st.integers(1, 9), min_size=1),
    applications=st.lists(st.sampled_from(["threshold", "kelly", "quantile"]), min_size=1, unique=True).map(tuple),
    fitness=st.sampled_from(["sortino", "sharpe", "expectancy"]),
    minimum_trades=st.integers(1, 100),
    folds=st.sampled_from(["purged", "walk_forward"]),
    n_folds=st.integers(2, 9),
    embargo_days=st.floats(0, 30) | st.integers(0, 30),
    holdout_fraction=st.floats(0.01, 0.99),
    gate=st.builds(GateLimits, significance=st.floats(0.001, 0.5), minimum_trades=st.integers(1, 50)),
    seed=st.integers(0, 2**31 - 1),
)
EXPERIMENTS = st.builds(
    lambda symbols, costs, **rest: Experiment(
        symbols=tuple(symbols),
        instruments={name: {"maker_fee": cost} for name, cost in zip(symbols, costs, strict=False)},
        **rest,
    ),
    st.lists(NAMES, min_size=1, unique=True),
    st.lists(st.floats(0, 0.01) | st.just(0), max_size=2),
    timeframes=st.sampled_from([("5m",), ("1h", "1d"), ("15m", "90s")]),
    strategies=st.sampled_from([(), ("dip_buying",), ("volatility_breakout(window=20|30)+time_exit",)]),
    num_strategies=st.sampled_from([1, 2]),
    sampling=st.sampled_from(["grid", "random"]),
    start=st.sampled_from([None, "2019", "2019-01-31", "2019-01-31T08:00"]),
    end=st.sampled_from([None, "2020-02-29 12:00:00.5+02:00"]),
    features=st.sampled_from(["minimal", "standard", MINIMAL, STANDARD[:3]]),
    plan=PLANS,
)


@given(EXPERIMENTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_yaml_gives_the_same_value_and_the_same_hash(tmp_path_factory: Any, experiment: Experiment) -> None:
    path = tmp_path_factory.mktemp("yaml") / "experiment.yaml"
    path.write_text(experiment.to_yaml())
    read = experiment_from_yaml(path)
    assert read == experiment
    assert read.hash == experiment.hash
    assert experiment_from(json.loads(json.dumps(experiment.as_dict()))) == experiment
    assert read.to_yaml() == experiment_from(yaml.safe_load(read.to_yaml())).to_yaml()


def test_every_field_is_part_of_the_identity() -> None:
    """Two experiments that differ anywhere differ in their hash."""
    plan = Plan()
    others: list[Experiment] = [
        Experiment(symbols=("A", "B")),
        Experiment(symbols=("B",)),
        Experiment(symbols=("A",), timeframes=("15m",)),
        Experiment(symbols=("A",), strategies=("dip_buying",)),
        Experiment(symbols=("A",), num_strategies=4),
        Experiment(symbols=("A",), sampling="random"),
        Experiment(symbols=("A",), start="2019"),
        Experiment(symbols=("A",), end="2019"),
        Experiment(symbols=("A",), instruments={"A": {"tick": 0.5}}),
        Experiment(symbols=("A",), settle_with="1m"),
        Experiment(symbols=("A",), features="minimal"),
    ]
    changes: dict[str, Any] = {
        "aim": "money",
        "label": ("scaled_return", "won"),
        "factor_sets": ("minimal",),
        "selections": ("all", "univariate"),
        "weights": "time_decay",
        "budget": "10m",
        "halving": 3,
        "path_groups": 6,
        "scope": ("pooled", "rule"),
        "engines": {"lightgbm": 6},
        "applications": ("threshold",),
        "fitness": "sharpe",
        "selected_by": "expectancy",
        "minimum_trades": 31,
        "folds": "walk_forward",
        "n_folds": 4,
        "embargo_days": 1.5,
        "holdout_fraction": 0.3,
        "gate": GateLimits(significance=0.04),
        "seed": 8,
    }
    assert {*changes, "calibration"} == {field.name for field in dataclasses.fields(Plan)}
    others += [Experiment(symbols=("A",), plan=dataclasses.replace(plan, **{k: v})) for k, v in changes.items()]
    others += [
        Experiment(symbols=("A",), plan=dataclasses.replace(plan, gate=dataclasses.replace(plan.gate, **{name: 0.6})))
        for name in ("confidence", "deflated_sharpe", "probability_of_loss")
    ]
    # Only the scores of a classification are calibrated.
    others += [Experiment(symbols=("A",), plan=Plan(label="won", calibration=name)) for name in ("none", "sigmoid")]
    hashes = {other.hash for other in [Experiment(symbols=("A",)), *others]}
    assert len(hashes) == len(others) + 1


def test_equal_values_have_equal_hashes() -> None:
    whole = Experiment(symbols=("A",), instruments={"A": {"maker_fee": 0}}, plan=Plan(embargo_days=1))
    fraction = Experiment(symbols=("A",), instruments={"A": {"maker_fee": 0.0}}, plan=Plan(embargo_days=1.0))
    assert whole == fraction
    assert whole.hash == fraction.hash


def test_the_hash_is_the_same_in_another_process() -> None:
    """Whatever Python draws for its own hashes."""
    made = "Experiment(symbols=('A','B'), instruments={'B': {'tick': 0.5}, 'A': {'maker_fee': 0.001}})"
    script = f"from tradesieve.pipelines.experiment import Experiment; print({made}.hash)"
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {eval(made, {"Experiment": Experiment}).hash}


GOOD: dict[str, Any] = {"symbols": ["A"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"symbol": ["A"]}, "unknown key in the experiment: 'symbol': did you mean 'symbols'?"),
        ({"plan": {"n_fold": 3}}, "unknown key in plan: 'n_fold': did you mean 'n_folds'?"),
        (
            {"plan": {"gate": {"significanse": 0.1}}},
            "unknown key in gate: 'significanse': did you mean 'significance'?",
        ),
        ({"instruments": {"A": {"makerfee": 0.1}}}, "unknown term of A 'makerfee': did you mean 'maker_fee'?"),
        ({"instruments": {"B": {}}}, "unknown symbol in instruments: 'B'"),
        ({"plan": {"engines": {"lightgmb": 2}}}, "unknown engine 'lightgmb': did you mean 'lightgbm'?"),
        ({"plan": {"applications": ["treshold"]}}, "unknown application 'treshold': did you mean 'threshold'?"),
        ({"plan": {"fitness": "sortinoo"}}, "did you mean 'sortino'?"),
        ({"plan": {"folds": "purgd"}}, "did you mean 'purged'?"),
        ({"plan": {"label": "wonn"}}, "did you mean 'won'?"),
        ({"strategies": ["volatility_brekout"]}, "unknown strategy 'volatility_brekout': did you mean 'volatility_"),
        ({"strategies": ["dip_buying(look_bak=3)"]}, "did you mean 'look_back'?"),
        ({"features": "standart"}, "unknown feature set 'standart': did you mean 'standard'?"),
        ({"features": ["close__slop__window_20"]}, "did you mean 'slope'?"),
        ({1: 2}, "unknown key in the experiment: 1"),
    ],
)
def test_an_unknown_name_is_refused_at_any_depth(change: dict[Any, Any], said: str) -> None:
    with pytest.raises(Unknown) as caught:
        experiment_from(GOOD | change)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"symbols": "BTC"}, "symbols: should be a list, got 'BTC'"),
        ({"symbols": [1]}, "symbols.0: should be a valid string, got 1"),
        ({"symbols": []}, "at least one symbol"),
        ({"symbols": ["A", "A"]}, "symbols are A, A: one of them is named twice"),
        ({"timeframes": "5m"}, "timeframes: should be a list, got '5m'"),
        ({"timeframes": []}, "at least one timeframe"),
        ({"timeframes": ["5x"]}, "timeframe '5x' is not valid"),
        ({"timeframes": ["60m", "1h"]}, "timeframes are 60m, 1h: one of them is named twice"),
        ({"strategies": "dip_buying"}, "strategies: should be a list, got 'dip_buying'"),
        ({"num_strategies": 0}, "the number of strategies is 0"),
        ({"num_strategies": 2.5}, "num_strategies: should be a valid integer"),
        ({"num_strategies": "many"}, "num_strategies: should be a valid integer"),
        ({"num_strategies": 10**6}, "1000000 strategies were requested, but the grids of all rules hold"),
        ({"features": 5}, "features: should be a list, got 5"),
        ({"features": []}, "features are empty"),
        ({"features": [MINIMAL[0], MINIMAL[0]]}, "named twice"),
        ({"features": ["minimal", "close_1m__slope__window_20"]}, "close_1m on 5m bars: a higher timeframe is"),
        ({"features": "mine", "feature_sets": {"mine": ["yours"]}}, "unknown feature set 'yours'"),
        ({"features": "mine", "feature_sets": {"mine": "minimal"}}, "feature_sets.mine: should be a list"),
        ({"start": "2019-13-01"}, "start is '2019-13-01', which is not a valid time"),
        ({"end": "now"}, "end is 'now', which is not a valid time"),
        ({"end": "08:00"}, "end is '08:00', which is not a valid time"),
        ({"start": 2019}, "start: should be a valid string, got 2019"),
        ({"start": "2020", "end": "2019"}, "start 2020 is not before end 2019"),
        ({"instruments": [1]}, "instruments: should be a valid dictionary, got [1]"),
        ({"instruments": {"A": None}}, "instruments.A: should be a valid dictionary, got None"),
        ({"instruments": {"A": {"maker_fee": "x"}}}, "A: maker_fee is 'x', but must be a number"),
        ({"instruments": {"A": {"maker_fee": -1}}}, "A: maker_fee is -1"),
        ({"plan": None}, "plan: should be a mapping of its keys, got None"),
        ({"plan": [1]}, "plan: should be a mapping of its keys, got [1]"),
        ({"plan": {"gate": 3}}, "plan.gate: should be a mapping of its keys, got 3"),
        ({"plan": {"gate": {"significance": 2}}}, "significance is 2"),
        ({"plan": {"gate": {"significance": float("nan")}}}, "significance is nan"),
        ({"plan": {"engines": ["lightgbm"]}}, "plan.engines: should be a valid dictionary"),
        ({"plan": {"engines": {"lightgbm": -1}}}, "lightgbm has -1 candidates"),
        ({"plan": {"engines": {"lightgbm": 0}}}, "at least one candidate"),
        ({"plan": {"engines": {}}}, "at least one candidate"),
        ({"plan": {"applications": ["kelly"]}}, "kelly does not read the scores of a regression"),
        ({"plan": {"label": "won", "applications": ["positive_score"]}}, "choose among threshold, quantile,"),
        ({"plan": {"aim": "smoth"}}, "unknown aim 'smoth': did you mean 'smooth'?"),
        ({"plan": {"selected_by": "retrun"}}, "unknown fitness 'retrun'"),
        ({"plan": {"applications": ["threshold", "threshold"]}}, "name each one once"),
        ({"plan": {"n_folds": 1}}, "n_folds is 1, but must be at least 2"),
        ({"plan": {"seed": -1}}, "seed is -1"),
        ({"plan": {"seed": 2**40}}, "seed is 1099511627776"),
        ({"plan": {"minimum_trades": 0}}, "minimum_trades is 0"),
        ({"plan": {"holdout_fraction": 1}}, "holdout_fraction is 1"),
        ({"plan": {"holdout_fraction": float("nan")}}, "holdout_fraction is nan"),
        ({"plan": {"embargo_days": -1}}, "embargo_days is -1"),
        ({"plan": {"embargo_days": float("inf")}}, "embargo_days is inf"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        experiment_from(GOOD | change)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(BadInput, match=r"symbols: field required$"):
        experiment_from({})


def test_a_set_of_ones_own_is_written_out(tmp_path: Path) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(
        "symbols: [BTC-USD]\nfeatures: mine\nfeature_sets:\n"
        "  mine: [minimal, 'close|close_1h__slope__window_20|30', bars_of_SPY__range__window_10]\n"
    )
    experiment = experiment_from_yaml(path)
    assert experiment.feature_names() == (
        *MINIMAL,
        "close__slope__window_30",
        "close_1h__slope__window_20",
        "close_1h__slope__window_30",
        "bars_of_SPY__range__window_10",
    )
    assert experiment_from(yaml.safe_load(experiment.to_yaml())) == experiment
    assert experiment.hash != Experiment(symbols=("BTC-USD",), features="minimal").hash


def test_values_are_checked_without_yaml_too() -> None:
    with pytest.raises(BadInput, match="named twice"):
        Experiment(symbols=("A", "A"))
    with pytest.raises(BadInput, match="n_folds is 1"):
        Plan(n_folds=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbols: [A", "is not valid YAML"),
        ("\x00", "is not valid YAML"),
        ("", "expected the keys of an experiment: symbols, timeframes"),
        ("- A", "expected the keys of an experiment"),
        ("symbols", "expected the keys of an experiment"),
        ("!!python/object/apply:os.getcwd []", "is not valid YAML"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        experiment_from_yaml(path)
    assert str(caught.value).startswith(f"{path}: {said}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(BadInput, match=f"{path}: cannot be read"):
            experiment_from_yaml(path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(BadInput, match="not valid YAML"):
        experiment_from_yaml(tmp_path / "binary")


def test_dates_need_no_quotes_in_yaml(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("symbols: [A]\nstart: 2019-01-31\nend: 2019-02-28T08:00:00Z\n")
    day = 86_400_000_000_000
    first, last = 17_927 * day, 17_955 * day + 8 * day // 24
    assert experiment_from_yaml(path).period() == (first, last)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970", 0),
        ("1970-01", 0),
        ("1970-01-02", 86_400_000_000_000),
        ("19700102", 86_400_000_000_000),
        ("1970-01-01T00:00:00.000000001", 1),
        ("1970-01-01 01:00+01:00", 0),
        ("1970-01-01T00:00Z", 0),
        (None, None),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(text: str | None, expected: int | None) -> None:
    assert parse_time("--from", text) == expected


@pytest.mark.parametrize("text", ["", "nat", "NaT", "now", "today", "5", "12:30", "tomorrow", "2019-02-30", "9" * 30])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"--from is .*, which is not a valid time"):
        parse_time("--from", text)


def test_times_beyond_what_is_counted_are_refused() -> None:
    for text in ("1600-01-01", "2400-01-01"):
        with pytest.raises(BadInput, match="which is not a valid time"):
            parse_time("--from", text)


def test_an_experiment_cannot_be_changed() -> None:
    experiment = Experiment(symbols=("A",))
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiment.symbols = ("B",)  # type: ignore[misc]
    experiment.as_dict()["symbols"].append("B")
    assert experiment.symbols == ("A",)


def test_a_date_reads_as_its_text() -> None:
    assert experiment_from(GOOD | {"start": datetime.date(2019, 1, 31)}) == experiment_from(
        GOOD | {"start": "2019-01-31"}
    )


def test_an_experiment_without_younger_keys_keeps_the_identity_that_it_had_before_there_were_any() -> None:
    experiment = Experiment(symbols=("BTC-USD",))
    values = experiment.as_dict()
    assert (values.pop("sampling"), values.pop("settle_with")) == ("grid", None)
    assert values.pop("feature_sets") == {}
    assert values.pop("modules") == []
    assert values.pop("trades") is None
    younger = {
        "factor_sets": [], "selections": [], "weights": "uniform", "calibration": "none", "budget": "",
        "path_groups": 0, "scope": "pooled", "halving": 0,
    }  # fmt: skip
    assert {name: values["plan"].pop(name) for name in younger} == younger
    canonical = json.dumps(values, sort_keys=True).replace(".0,", ",").replace(".0}", "}")
    assert experiment.hash == hashlib.sha256(canonical.encode()).hexdigest()[:12]


def test_a_random_sample_follows_the_plans_seed() -> None:
    def chosen(seed: int) -> list[str]:
        experiment = Experiment(
            symbols=("A",),
            strategies=("volatility_breakout+trailing(ranges=2|3|4)",),
            num_strategies=6,
            sampling="random",
            plan=Plan(seed=seed),
        )
        return [strategy.id for strategy in experiment.chosen_strategies()]

    assert chosen(1) == chosen(1)
    assert chosen(1) != chosen(2)
    with pytest.raises(BadInput, match="random sampling needs a number of strategies"):
        Experiment(symbols=("A",), num_strategies=None, sampling="random")
