"""Evaluation on bars after the training says what the run said of its hold-out, and refuses what proves nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.instruments import Instrument
from tradesieve.models.artifact.artifact import Artifact, load_artifact
from tradesieve.pipelines.runs.evaluation import evaluate
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.research_trades import model_instrument
from tradesieve.pipelines.settings import Settings


@pytest.fixture
def home(make_home: Callable[..., Settings]) -> Settings:
    return make_home()


def test_evaluation_says_what_the_run_said(finished: Any, trained: Artifact, home: Settings) -> None:
    """Two ways to the same hold-out: pooled with its features, or simulated and scored from the artifact alone."""
    found = evaluate(trained, home)
    for group in ("baseline", "filtered"):
        expected = finished.result[group]["holdout"]
        for name, value in found[group].items():
            assert value == pytest.approx(expected[name], rel=1e-9), (group, name)
    by_instance = {row["instance"]: row for row in finished.result["by_instance"]["holdout"]}
    assert len(found["by_instance"]) == 3
    for row in found["by_instance"]:
        assert row["filtered_n_trades"] == by_instance[row["instance"]]["filtered_n_trades"]
    assert found["period"] == finished.result["data"]["holdout"]


def test_evaluation_is_an_opening(trained: Artifact, home: Settings) -> None:
    assert [evaluate(trained, home)["opening"] for _ in range(2)] == [1, 2]
    openings = home.ledger.holdout_openings(["AAA"])
    assert [opening["reason"] for opening in openings] == ["model eval"] * 2


def test_one_rule_is_shown_alone(trained: Artifact, home: Settings) -> None:
    whole = evaluate(trained, home)
    rule = evaluate(trained, home, strategies=["dip_buying"])
    strategy = next(name.split("|")[0] for name in trained.manifest["instances"] if name.startswith("dip_buying"))
    assert evaluate(trained, home, strategies=[strategy])["filtered"] == rule["filtered"]
    assert [row["instance"].split("(")[0] for row in rule["by_instance"]] == ["dip_buying"]
    assert 0 < rule["baseline"]["n_trades"] < whole["baseline"]["n_trades"]


def test_a_strategy_that_the_model_does_not_know_is_named(trained: Artifact, home: Settings) -> None:
    with pytest.raises(Unknown, match="'dip_bying': did you mean 'dip_buying'"):
        evaluate(trained, home, strategies=["dip_bying"])
    assert home.ledger.holdout_openings(["AAA"]) == []


def test_what_the_model_has_seen_is_refused(trained: Artifact, home: Settings) -> None:
    with pytest.raises(BadInput, match=r"--from 2023-02-01 lies before 2023-04-.* up to which the model was trained"):
        evaluate(trained, home, start="2023-02-01")
    assert home.ledger.holdout_openings(["AAA"]) == []


@pytest.mark.parametrize(("start", "end"), [("2030", None), (None, "2023-03-01")])
def test_a_time_without_trades_is_refused(
    trained: Artifact, home: Settings, start: str | None, end: str | None
) -> None:
    with pytest.raises(BadInput, match="no trade closed after"):
        evaluate(trained, home, start=start, end=end)
    assert home.ledger.holdout_openings(["AAA"]) == []


def test_a_shorter_time_has_fewer_trades(trained: Artifact, home: Settings) -> None:
    whole = evaluate(trained, home)
    part = evaluate(trained, home, start="2023-04-15", end="2023-04-25")
    assert 0 < part["baseline"]["n_trades"] < whole["baseline"]["n_trades"]
    assert part["period"][0].startswith("2023-04-15")


def test_trades_keep_the_terms_of_the_training(finished: Any, make_home: Callable[..., Settings]) -> None:
    """The terms travel in the manifest: an evaluation cannot forget what trading costs."""
    dear = replace(finished.experiment, instruments={"AAA": {"taker_fee": 0.01, "tick": 0.01}})
    settings = make_home()
    result = run_experiment(dear, settings, seal=True)
    artifact = load_artifact(Path(result["artifact"]))
    assert model_instrument(artifact, "AAA") == Instrument("AAA", taker_fee=0.01, tick=0.01)
    found = evaluate(artifact, settings)
    assert found["baseline"]["expectancy"] < -0.005
    assert math.isfinite(found["baseline"]["sortino"])


def test_the_period_is_that_of_the_bars(trained: Artifact, home: Settings, small_bars: Bars) -> None:
    assert evaluate(trained, home)["period"][1] == format_time(int(small_bars.close_time[-1]))
