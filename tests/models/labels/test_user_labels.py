"""A label of one's own: written in a module, used by name, held to the law of labels, and refused in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradesieve.features.user_modules import isolated_modules, load_user_modules
from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.errors import BadInput, Refused
from tradesieve.market.timeframes import DAY, HOUR
from tradesieve.models.dataset import Dataset, dataset_from_trades
from tradesieve.models.labels.registry import is_users, label_named
from tradesieve.pipelines.experiment import experiment_from

GOOD = """
from tradesieve import label


@label(task="regression")
def return_per_day(trades):
    days = (trades["exit_time"] - trades["decision_time"]) / 86_400e9
    return trades["net_return"] / days.clip(lower=1 / 24)


@label(task="classification", features=("close__volatility__window_50",))
def beyond_noise(trades, volatility):
    return (trades["net_return"] > volatility) * 1.0
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with isolated_modules():
        yield tmp_path


def dataset_with(*labels: str) -> tuple[Dataset, pd.DataFrame, np.ndarray]:
    """A dataset of closed trades of one instance, its trades, and the volatility at their decisions."""
    generator, n = np.random.default_rng(0), 200
    decision_time = np.sort(generator.integers(0, 400, n)) * HOUR
    trades = pd.DataFrame(
        {
            "strategy": "dip", "symbol": "AAA", "timeframe": "1h", "decision_time": decision_time,
            "exit_time": decision_time + HOUR * generator.integers(1, 30, n),
            "net_return": 0.01 * generator.standard_normal(n), "stake": 1.0, "exit_reason": "time",
        }
    )  # fmt: skip
    volatility = generator.uniform(0.001, 0.01, n)
    dataset = dataset_from_trades(
        trades, np.zeros((n, 1)), ("close__slope__window_5",), labels=labels,
        label_features={"close__volatility__window_50": volatility}, instance_names=["dip|AAA|1h"],
        period=(0, 40 * DAY), calendar=ALWAYS,
    )  # fmt: skip
    return dataset, trades, volatility


def test_it_is_used_by_its_name(folder) -> None:
    (folder / "my_labels.py").write_text(GOOD)
    (module,) = load_user_modules(["my_labels.py"])
    assert module.definitions == (("label", "return_per_day"), ("label", "beyond_noise"))
    assert is_users(label_named("beyond_noise"))
    assert not is_users(label_named("won"))
    dataset, trades, volatility = dataset_with("return_per_day", "beyond_noise", "won")
    days = (dataset.exit_time - dataset.decision_time) / DAY
    np.testing.assert_allclose(dataset.y, dataset.net_return / days)
    np.testing.assert_array_equal(dataset.targets("return_per_day"), dataset.y)
    np.testing.assert_array_equal(dataset.targets("beyond_noise"), trades["net_return"] > volatility)
    np.testing.assert_array_equal(dataset.take(np.arange(9)).targets("won"), dataset.net_return[:9] > 0)
    assert dataset.label_time is None


def test_it_belongs_to_the_experiment(folder) -> None:
    (folder / "my_labels.py").write_text(GOOD)
    values = {"symbols": ["BTC-USDT"], "modules": ["my_labels.py"], "plan": {"label": ["return_per_day", "won"]}}
    experiment = experiment_from(values)
    assert experiment.plan.labels == ("return_per_day", "won")
    fingerprints = [module.fingerprint for module in experiment.user_modules()]
    (folder / "my_labels.py").write_text(GOOD.replace("1 / 24", "1 / 48"))
    assert [module.fingerprint for module in experiment_from(values).user_modules()] != fingerprints
    with pytest.raises(BadInput, match="label 'return_per_day' is not defined in one of the experiment's modules"):
        experiment_from({**values, "modules": []})


def test_one_that_reads_the_future_is_refused(folder) -> None:
    source = "@label(task='regression')\ndef ahead(trades):\n    return trades['net_return'].shift(-1).fillna(0.0)\n"
    (folder / "my_labels.py").write_text(f"from tradesieve import label\n{source}")
    load_user_modules(["my_labels.py"])
    with pytest.raises(Refused, match=r"label ahead: the target .* changes with what"):
        dataset_with("ahead")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("@label(task='ranking')\ndef mine(trades):\n    return 1\n", "unknown task of @label 'ranking'"),
        ("@label(task='regression')\ndef won(trades):\n    return 1\n", "there is already a label called 'won'"),
        ("@label(task='regression')\ndef mine(trades):\n    return 1 / 0\n", "label mine, line 4: ZeroDivisionError"),
        (
            "@label(task='regression')\ndef mine(trades):\n    return 1.0\n",
            "label mine: 200 trades got targets of shape",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(folder, source, message) -> None:
    (folder / "my_labels.py").write_text(f"from tradesieve import label\n{source}")

    def use() -> None:
        load_user_modules(["my_labels.py"])
        dataset_with("mine")

    with pytest.raises(BadInput, match=message):
        use()
