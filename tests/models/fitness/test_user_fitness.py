"""A fitness of one's own: written in a module, loaded, used by name, and refused in one line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tradesieve.features.user_modules import isolated_modules, load_user_modules
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.pipelines.experiment import experiment_from

GOOD = """
from tradesieve import fitness


@fitness
def calm_gain(returns, days_per_year):
    return returns.mean() * days_per_year + 10 * returns.min()


@fitness
def average_win(net_return, capital):
    won = net_return > 0
    return float("inf") if not capital[won].sum() else (net_return * capital)[won].sum() / capital[won].sum()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with isolated_modules():
        yield tmp_path


def test_it_is_used_by_its_name(folder, trades):
    (folder / "my_aims.py").write_text(GOOD)
    (module,) = load_user_modules(["my_aims.py"])
    assert module.definitions == (("fitness", "calm_gain"), ("fitness", "average_win"))
    dataset, scores = trades()
    sizes = (scores > 0.3) * 0.5
    returns = daily_returns(dataset, sizes)
    assert fitness_named("calm_gain")(dataset, sizes) == returns.mean() * 365.0 + 10 * returns.min()
    won = dataset.net_return > 0
    expected = np.average(dataset.net_return[won], weights=(sizes * dataset.stake)[won])
    assert fitness_named("average_win")(dataset, sizes) == pytest.approx(expected)
    assert math.isnan(fitness_named("calm_gain")(dataset, np.zeros(len(dataset)))), "too few trades are kept"
    losers = (dataset.net_return < 0).astype(float)
    assert math.isnan(fitness_named("average_win")(dataset, losers)), "infinity is no number to rank by"


def test_it_belongs_to_the_experiment(folder):
    (folder / "my_aims.py").write_text(GOOD)
    values = {"symbols": ["BTC-USDT"], "modules": ["my_aims.py"], "plan": {"fitness": "calm_gain"}}
    experiment = experiment_from(values)
    assert (experiment.plan.fitness, experiment.plan.selection) == ("calm_gain", "calm_gain")
    assert experiment_from(experiment.as_dict()) == experiment
    before = experiment.user_modules()[0].fingerprint
    (folder / "my_aims.py").write_text(GOOD.replace("10 *", "20 *"))
    assert experiment.user_modules()[0].fingerprint != before, "a result is stored under the code of its fitness"
    with pytest.raises(Unknown, match=r"fitness 'calm_gian': did you mean 'calm_gain'"):
        experiment_from(values | {"plan": {"fitness": "calm_gian"}})
    with pytest.raises(BadInput, match=r"fitness 'calm_gain' is not defined in one of the experiment's modules"):
        experiment_from(values | {"modules": []})
    with isolated_modules(), pytest.raises(Unknown, match="fitness 'calm_gain'"):
        experiment_from(values | {"modules": []})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("@fitness\ndef mine(profits): ...", "argument of fitness mine: 'profits'"),
        ("@fitness\ndef mine(): ...", "fitness mine reads nothing"),
        ("@fitness\ndef sortino(returns): ...", "there is already a fitness called 'sortino'"),
    ],
)
def test_a_function_that_cannot_be_called_is_refused_when_it_is_loaded(folder, source, message):
    (folder / "my_aims.py").write_text(f"from tradesieve import fitness\n{source}")
    with pytest.raises(BadInput, match=message):
        load_user_modules(["my_aims.py"])


def test_a_failure_names_the_function_and_trades_stay_as_they_are(folder, trades):
    source = (
        "@fitness\ndef mine(returns):\n    return 1 / 0\n@fitness\ndef greedy(net_return):\n    net_return.sort()\n"
    )
    (folder / "my_aims.py").write_text(f"from tradesieve import fitness\n{source}")
    load_user_modules(["my_aims.py"])
    dataset, _ = trades()
    with pytest.raises(BadInput, match="fitness mine, line 4: ZeroDivisionError"):
        fitness_named("mine")(dataset, np.ones(len(dataset)))
    with pytest.raises(BadInput, match=r"fitness greedy, line 7: ValueError: .*read-only"):
        fitness_named("greedy")(dataset, np.ones(len(dataset)))
