"""The model commands: experiments, evaluations, placebos and exports as a user runs them."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.command_runs import Command, State, refuses
from tests.trading.test_journal import entries_of
from tradesieve.market.bars import format_time
from tradesieve.models.artifact.artifact import load_artifact
from tradesieve.models.fitness.registry import FITNESS
from tradesieve.models.tracking.connection import connect
from tradesieve.models.tracking.runs import OVERRIDE_TAG, SERVED
from tradesieve.pipelines.settings import Settings

KEYS = {"experiment", "run_id", "baseline", "filtered", "coverage", "leaderboard", "n_trials", "gate", "costs"}


def test_json_of_an_experiment(run: Command, ran: Settings, config: Path, finished: Any) -> None:
    """Run through the command line, the experiment is the same value and its result the same result."""
    found = run("model", "experiment", "--config", config, "--json", home=ran.home).json()
    assert set(found) >= KEYS
    assert found["experiment"] == finished.experiment.hash
    assert found["reused"] is True
    for group in ("baseline", "filtered"):
        for part in ("development", "holdout"):
            assert set(found[group][part]) >= {"sortino", "n_trades", "win_rate", "expectancy", "max_drawdown"}
    for trial in found["leaderboard"]:
        assert set(trial) >= {"engine", "application", "parameters", "fitness"}
    assert isinstance(found["gate"]["open"], bool)
    for condition in found["gate"]["conditions"]:
        assert set(condition) >= {"name", "value", "threshold", "passed", "reason"}
    assert found["gate"] == finished.result["gate"]
    tables = run("model", "experiment", "--config", config, home=ran.home)
    assert tables.code == 0
    verdict = "GATE OPEN" if found["gate"]["open"] else "GATE CLOSED"
    assert verdict in tables.out
    assert f"run {found['run_id']} in MLflow" in tables.out
    page = f"/#/experiments/{found['mlflow_experiment']}/runs/{found['run_id']}?workflowType=machine_learning"
    assert f"In MLflow, while `tradesieve up` runs: http://127.0.0.1:5000{page}" in tables.out
    assert (found["selected_by"], found["score"], found["winner"]["at_edge"]) == ("sortino", "sortino", [])
    assert "sortino selects, for the aim 'smooth'; the score is sortino (best 4 of 4)" in tables.out
    assert tables.out.count("each trade weighted by its capital") == 3, "every table of results names its weighting"
    assert "Filtered on the development part is the best of 4 trials there, which flatters it." in tables.out
    assert "costs: maker 2 bp, taker 5 bp, half-spread 0.5 bp, slippage 0.5 bp a side" in tables.out


def test_options_change_the_file(run: Command, ran: Settings, config: Path, finished: Any) -> None:
    found = run("model", "train", "--config", config, "--seed", "5", "--candidates", "1", "--json", home=ran.home)
    result = found.json()
    assert result["experiment"] != finished.experiment.hash
    assert len(result["leaderboard"]) == 1
    assert result["gate"] is None
    assert set(result) >= KEYS


def test_json_of_an_evaluation(run: Command, ran: Settings, config: Path) -> None:
    run_id = run("model", "experiment", "--config", config, "--json", home=ran.home).json()["run_id"]
    found = run("model", "eval", "--run", run_id, "--strategies", "all", "--json", home=ran.home).json()
    assert found["run_id"] == run_id
    assert set(found) >= {"baseline", "filtered", "by_instance", "opening"}
    assert found["costs"]["AAA"]["taker_fee"] == 0.0005
    refuses(run("model", "eval", "--run", run_id, "--strategies", "dip_bying", home=ran.home), "dip_buying")
    refuses(run("model", "eval", "--run", run_id, "--from", "2023-01-05", home=ran.home), "was trained")


def test_a_placebo_counts_gates(run: Command, ran: Settings, config: Path) -> None:
    given = ("model", "placebo", "--config", config, "--runs", "1", "--kinds", "shifted_outcomes")
    (row,) = run(*given, "--json", home=ran.home).json()["kinds"]
    assert (row["kind"], row["runs"], row["opened"]) == ("shifted_outcomes", 1, 0)
    shown = run(*given, home=ran.home).out
    assert "The gate opened on 0 of 1 surrogates." in shown
    assert "0.0% to 97.5%" in shown
    refuses(run(*given[:-1], "shifted", home=ran.home), "unknown surrogate 'shifted'")


def test_a_closed_gate_refuses_the_export(
    run: Command, make_home: Callable[..., Settings], config: Path, folder_state: State, finished: Any
) -> None:
    home = make_home().home
    done = run("model", "experiment", "--config", config, "--json", home=home).json()
    assert done["gate"]["open"] is False, "the small experiment is too small for the gate"
    before = folder_state(home)
    refuses(run("model", "export", "--run", done["run_id"], home=home), "gate")
    refuses(run("model", "export", "--run", done["run_id"], "--override", " ", home=home), "override")
    refuses(run("model", "export", home=home), "there is no champion yet")
    after = {path: kind for path, kind in folder_state(home).items() if not path.startswith("downloaded")}
    assert after == before


@pytest.mark.slow
def test_export_and_paper(run: Command, ran: Settings, config: Path, tmp_path: Path) -> None:
    run_id = run("model", "experiment", "--config", config, "--json", home=ran.home).json()["run_id"]
    reason = "to watch it at no size"
    exported = run("model", "export", "--run", run_id, "--override", reason, "--json", home=ran.home).json()
    assert exported["override"] == reason
    assert (Path(exported["folder"]) / "bento.yaml").is_file()
    # The line as it is printed, in a shell that knows nothing: BentoML finds the tag.
    served = shlex.split(exported["serve"])
    home, program = served[0].partition("=")[2], served[1]
    shown = subprocess.run(
        [program, "get", served[-1]],
        env={"BENTOML_HOME": home, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, served[2]) == (0, "serve"), shown.stderr
    client = connect(ran.tracking)
    version = client.get_model_version_by_alias(ran.tracking.registered_model, SERVED)
    assert (version.run_id, version.tags[OVERRIDE_TAG]) == (run_id, reason)
    refuses(run("paper", "--symbol", "AAB", home=ran.home), "did you mean 'AAA'?")
    refuses(run("paper", "--symbol", "AAA", "--timeframe", "5m", home=ran.home), "the model knows 15m")
    refuses(run("paper", "--symbol", "AAA", "--from", "2030", home=ran.home), "no 15m bars of AAA")
    refuses(run("paper", "--symbol", "AAA", "--from", "soon", home=ran.home), "--from is 'soon'")
    refuses(run("paper", "--symbol", "AAA", "--url", "localhost", home=ran.home), "http://")
    shares = tmp_path / "weights.json"
    names = [str(each) for each in load_artifact(ran.champion.resolve()).instances]
    weighed: dict[str, Any] = {"format": 1, "weights": dict.fromkeys(names[1:], 0.25)}
    shares.write_text(json.dumps(weighed))
    period = ("--symbol", "AAA", "--from", "2023-04-20", "--to", "2023-04-22", "--weights", shares)
    refuses(run("paper", *period, home=ran.home), f"there is no weight of {names[0]}")
    weighed["weights"][names[0]] = 0.5
    shares.write_text(json.dumps(weighed))
    found = run("paper", *period, "--json", home=ran.home).json()
    for row in found["strategies"]:
        weight = weighed["weights"][f"{row['strategy']}|AAA|15m"]
        taken = [trade for trade in found["taken"] if trade["strategy"] == row["strategy"]]
        earned = weight * sum(trade["stake"] * trade["size"] * trade["net_return"] for trade in taken)
        assert (row["weight_rate"], row["capital_rate"]) == (weight, pytest.approx(earned))
    decided = [entry for entry in entries_of(Path(found["journal"])) if entry["event"] == "decision"]
    assert {entry["weight"] for entry in decided} <= {0.25, 0.5}
    assert all(entry["capital"] <= entry["weight"] * entry["size"] for entry in decided)
    assert found["agrees_with_research"] is True
    assert found["n_trades"] > 0
    assert found["n_bars"] == 192
    looks = [each for each in ran.ledger.holdout_openings(["AAA"]) if each["reason"] == "paper"]
    assert [(format_time(look["border"])[:10], format_time(look["until"])[:10]) for look in looks] == [
        ("2023-04-20", "2023-04-22")
    ]
    assert looks[0]["look"]


def test_finished_runs_are_listed_and_shown_as_they_were(run: Command, finished: Any, folder_state: State) -> None:
    home = finished.settings.home
    before = folder_state(home)
    (row,) = run("model", "list", "--json", home=home).json()["runs"]
    assert row["run"] == finished.experiment.hash
    assert row["run_id"] == finished.result["run_id"]
    assert row["gate"] == ("open" if finished.result["gate"]["open"] else "closed")
    assert row["filtered_sortino"] == finished.result["filtered"]["holdout"]["sortino"]
    assert finished.experiment.hash in run("model", "list").out
    for name in ("last", finished.experiment.hash[:6], finished.result["run_id"]):
        assert run("model", "show", name, "--json").json() == finished.result | {"reused": True}
    shown = run("model", "show").out
    assert "Trials on the development part" in shown
    assert "GATE" in shown
    assert folder_state(home) == before
    refuses(run("model", "show", "none"), "unknown run 'none'")


def test_without_runs_the_list_names_the_folder(run: Command, tmp_path: Path) -> None:
    listed = run("model", "list")
    assert listed.code == 0
    assert f"no run is stored in {tmp_path / 'home'}" in listed.out
    assert not (tmp_path / "home").exists()


def test_the_names_that_keys_take_are_listed(run: Command) -> None:
    rows = {row["key"]: row for row in run("model", "choices", "--json").json()["choices"]}
    assert set(rows) >= {"strategies", "features", "label", "fitness", "aim", "applications", "engines", "weights"}
    assert rows["fitness"]["names"] == list(FITNESS)
    assert all(row["description"] and row["names"] for row in rows.values())
