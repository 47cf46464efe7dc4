"""One by one: every instance is searched by itself, failures are recorded, and an interrupted run goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.pipelines.conftest import settings_in
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.fitted.formats import load_model
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs import one_by_one
from tradesieve.pipelines.runs.one_by_one import evaluate_one_by_one, train_one_by_one
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset

OFTEN = ("volatility_breakout(window=20,multiple=0.5)", "dip_buying()")
SELDOM = "volatility_breakout(window=20,multiple=9)"
PLAN = Plan(label="won", engines={"lightgbm": 1}, applications=("threshold",), selected_by="expectancy", n_folds=2)


@pytest.fixture(scope="module", autouse=True)
def one_process() -> Iterator[None]:
    """Work in this process: a second one would import everything again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 1)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small_bars: Bars) -> SimpleNamespace:
    settings = settings_in(tmp_path_factory.mktemp("home"))
    settings.bars.append(small_bars[:6000])
    plan = replace(PLAN, minimum_trades=10)
    experiment = Experiment(("AAA",), ("15m",), (*OFTEN, SELDOM), None, features="minimal", plan=plan)
    return SimpleNamespace(settings=settings, experiment=experiment, found=train_one_by_one(experiment, settings))


def own_folder(folder: str, name: str) -> Path:
    return one_by_one.own_folder(Path(folder), name)


def test_each_instance_has_the_winner_of_a_search_on_its_own_trades(trained: SimpleNamespace) -> None:
    found, settings = trained.found, trained.settings
    names = [row["instance"] for row in found["by_instance"]]
    assert (found["n_instances"], found["n_trained"], found["part"]) == (3, 2, "development")
    assert [name.partition("(")[0] for name in names] == ["volatility_breakout", "dip_buying"]
    alone = replace(trained.experiment, strategies=OFTEN[1:])
    development, _ = split_holdout(build_dataset(alone, load_chunks(alone, settings), settings))
    searched = search(development, alone.plan, quick=True)
    model = load_model(own_folder(found["folder"], names[1]) / "model")
    assert model.predict(development.X).tobytes() == searched.model.predict(development.X).tobytes()
    assert found["by_instance"][1]["filtered_n_trades"] == int(np.count_nonzero(searched.winner.sizes))
    assert {row["name"] for row in found["verdicts"]["rows"]} == set(names)


def test_an_instance_that_fails_is_recorded_and_the_others_continue(trained: SimpleNamespace) -> None:
    ((name, reason),) = trained.found["failed"].items()
    assert "multiple=9" in name
    assert reason
    assert trained.settings.ledger.count_trials(["AAA"]) == trained.found["n_trials"] >= 2


def test_what_is_done_is_not_done_again(trained: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [row["instance"] for row in trained.found["by_instance"]]
    lost = own_folder(trained.found["folder"], names[0])
    (lost / "result.json").unlink()
    searched: list[str] = []

    def counted(dataset: Any, *arguments: Any, **options: Any) -> Any:
        searched.append(dataset.instance_names[0])
        return search(dataset, *arguments, **options)

    monkeypatch.setattr(one_by_one, "search", counted)
    again = train_one_by_one(trained.experiment, trained.settings)
    assert searched == names[:1]
    assert again | {"seconds": 0} == trained.found | {"seconds": 0}
    assert trained.settings.ledger.count_trials(["AAA"]) == trained.found["n_trials"]


def test_the_holdout_is_looked_at_once_and_recorded(trained: SimpleNamespace) -> None:
    experiment, found = evaluate_one_by_one(trained.settings)
    assert experiment == trained.experiment
    assert (found["part"], found["n_trained"], found["opening"]) == ("holdout", 2, 1)
    assert found["period"][0] > trained.found["period"][1]
    assert [row["instance"] for row in found["by_instance"]] == [
        row["instance"] for row in trained.found["by_instance"]
    ]
    assert sum(row["baseline_n_trades"] for row in found["by_instance"]) == found["baseline"]["n_trades"] > 0
    _, again = evaluate_one_by_one(trained.settings, experiment.hash[:6], strategies=["dip_buying"])
    assert (again["opening"], again["n_trained"], again["n_instances"]) == (1, 1, 1)
    assert again["by_instance"][0]["filtered_n_trades"] == found["by_instance"][1]["filtered_n_trades"]


def test_what_cannot_be_done_is_said(trained: SimpleNamespace) -> None:
    with pytest.raises(Unknown, match="unknown strategy that was trained: 'dip_buyin'"):
        evaluate_one_by_one(trained.settings, strategies=["dip_buyin"])
    with pytest.raises(BadInput, match="no experiment abcdef was trained one by one yet"):
        evaluate_one_by_one(trained.settings, "abcdef")
    with pytest.raises(BadInput, match="scope is rule, but one by one each instance has a model of its own"):
        train_one_by_one(replace(trained.experiment, plan=replace(PLAN, scope="rule")), trained.settings)
    with pytest.raises(BadInput, match="none of 1 instances has a filter; the first: "):
        train_one_by_one(replace(trained.experiment, strategies=(SELDOM,)), trained.settings)
