"""Rules of one's own in an experiment: found by file or name, checked before they trade, and part of every key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.pipelines.command_runs import exit_code
from tests.strategies.rule_sources import CHANNEL
from tradesieve.features.user_definitions import defined
from tradesieve.features.user_modules import isolated_modules
from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.models.artifact.artifact import Artifact, load_artifact, verify
from tradesieve.models.artifact.bundled_modules import loaded_modules
from tradesieve.pipelines.experiment import Experiment, experiment_from
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.experiment_files import experiment_from_yaml
from tradesieve.pipelines.runs.research_trades import model_strategies
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.strategies.registry import parse_strategy

AHEAD = CHANNEL.replace('(frame["close"] > upper)', '(frame["close"].shift(-1) > upper)')
IDS = [f"my_frame(window={window},exit_window=10)" for window in (20, 55)]


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    with isolated_modules():
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_rules.py").write_text(CHANNEL)
    (tmp_path / "shapes.py").write_text("TIMES = 1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own(folder: Path, small_experiment: Experiment) -> Experiment:
    return replace(small_experiment, modules=("my_rules.py",), strategies=("my_frame",), num_strategies=None)


def test_a_file_stands_for_its_rules(folder: Path, make_home: Callable[..., Settings]) -> None:
    named = experiment_from({"symbols": ["AAA"], "strategies": ["my_rules.py+trailing"]})
    assert named.strategies == ("my_channel+trailing", "my_frame+trailing")
    assert named.modules == ("my_rules.py",)
    assert len(named.chosen_strategies()) == 6
    assert experiment_from({**named.as_dict(), "modules": ["my_rules.py"]}).hash == named.hash
    (folder / "mine.yaml").write_text(named.to_yaml())
    assert experiment_from_yaml(folder / "mine.yaml") == named
    settings = make_home()
    given = {"symbols": "AAA", "timeframes": "15m"}
    called = assemble_experiment(settings, strategies="my_rules.py", modules="my_rules", **given)
    assert (called.modules, called.num_strategies) == (("my_rules",), None)
    assert (
        len(assemble_experiment(settings, strategies="my_rules.py", max_instances=3, **given).chosen_strategies()) == 3
    )
    configured = assemble_experiment(settings, config={"symbols": ["AAA"], "strategies": ["my_rules.py"]}, seed=3)
    assert [strategy.name for strategy in configured.chosen_strategies()].count("my_frame") == 2
    every = assemble_experiment(settings, strategies="all", modules="my_rules.py", **given)
    assert {"my_channel", "my_frame", "dip_buying"} < {strategy.name for strategy in every.chosen_strategies()}


def test_what_does_not_belong_to_the_experiment_is_refused(folder: Path, own: Experiment) -> None:
    with pytest.raises(BadInput, match="rule 'my_frame' is not defined in one of the experiment's modules"):
        replace(own, modules=())
    with pytest.raises(BadInput, match=r"nowhere\.py: file not found"):
        experiment_from({"symbols": ["AAA"], "strategies": ["nowhere.py"]})
    with pytest.raises(BadInput, match=r"shapes defines no factor and no rule"):
        experiment_from({"symbols": ["AAA"], "strategies": ["shapes.py"]})
    with isolated_modules(), pytest.raises(Unknown, match="unknown strategy 'my_frame'"):
        experiment_from({"symbols": ["AAA"], "strategies": ["my_frame"]})


def test_trades_follow_from_the_source_of_the_rule(
    folder: Path, own: Experiment, make_home: Callable[..., Settings]
) -> None:
    settings, said = make_home(), list[str]()

    def generated() -> tuple[pd.DataFrame, str]:
        said.clear()
        (chunk,) = load_chunks(replace(own), settings)
        trades = generate_trades(chunk, settings, progress=lambda *step: said.append(step[3]))
        return trades, chunk.trades_key(chunk.strategies)

    first, key = generated()
    assert "rules of your own hold theirs" in said
    assert sorted(set(first["strategy"])) == IDS
    pd.testing.assert_frame_equal(generated()[0], first)
    assert "read" in said[-1]
    (folder / "my_rules.py").write_text(CHANNEL.replace("as pandas says it", "in pandas"))
    assert generated()[1] != key
    (folder / "my_rules.py").write_text(AHEAD)
    with pytest.raises(
        Refused, match=r"AAA 15m: my_frame\(window=20,exit_window=10\) looks at the future: .* at 2023-"
    ):
        generated()
    assert "read" not in said[-1]


def test_commands_find_it_by_its_file(
    folder: Path,
    make_home: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TRADESIEVE_HOME", str(make_home().home))
    market = ("--symbols", "AAA", "--timeframe", "15m", "--json")
    assert exit_code(monkeypatch, "trades", "generate", "--strategies", "my_rules.py+opposite_exit", *market) == 0
    rows = json.loads(capsys.readouterr().out)["instances"]
    assert {row["rule"] for row in rows} == {"my_channel", "my_frame"}
    (folder / "my_rules.py").write_text(AHEAD)
    named = ("--modules", "my_rules.py", "--trials", "2", "--windows", "2")
    assert exit_code(monkeypatch, "trades", "optimise", "my_frame", *named, *market) != 0
    assert "my_frame(window=20,exit_window=10) looks at the future" in "".join(capsys.readouterr())


def test_it_travels_with_the_artifact(folder: Path, own: Experiment, artifact_builder: Callable[..., Artifact]) -> None:
    own.user_modules()
    texts = tuple(f"{strategy}+opposite_exit()" for strategy in IDS)
    artifact = artifact_builder(folder / "model", strategies=texts, features=("close__slope__window_20", "trade__side"))
    fingerprint = defined("rule")["my_frame"].module.fingerprint
    assert [module["file"] for module in artifact.manifest["modules"]] == ["modules/my_rules.py"]
    assert (artifact.folder / "modules" / "my_rules.py").read_text() == CHANNEL
    (folder / "my_rules.py").unlink()
    with isolated_modules():
        loaded = load_artifact(artifact.folder)
        assert verify(loaded) > 0
        strategies = model_strategies(loaded, "BTC-USD", "5m")
        assert tuple(strategy.id for strategy in strategies) == texts
        assert strategies[0].base_rule.module is not None
        assert strategies[0].base_rule.module.fingerprint == fingerprint
        with pytest.raises(Unknown, match="unknown strategy 'my_frame'"):
            parse_strategy(IDS[0])
    path = artifact.folder / "modules" / "my_rules.py"
    path.write_text(AHEAD)
    with pytest.raises(BadInput, match=r"my_rules.py is cut short or altered"):
        load_artifact(artifact.folder)
    with loaded_modules(artifact.folder, artifact.manifest):
        assert set(defined("rule")) == {"my_channel", "my_frame"}
