"""Rules without code in an experiment: found by their file, checked, printed by a command, and bundled for the bot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipelines.command_runs import exit_code
from tests.strategies.rule_file_texts import CHANNEL_FILE
from tradesieve.features.user_definitions import defined
from tradesieve.features.user_modules import isolated_modules, load_user_modules
from tradesieve.models.artifact.artifact import Artifact, load_artifact, verify
from tradesieve.pipelines.experiment import experiment_from
from tradesieve.pipelines.runs.research_trades import model_strategies
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.export import served_modules
from tradesieve.strategies.rule_files.texts import rule_file_schema

ID = "my_channel(window=20,exit_window=10)+time_exit(bars=96)+opposite_exit()"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "my_rules.yaml").write_text(CHANNEL_FILE)
    monkeypatch.chdir(tmp_path)
    with isolated_modules():
        yield tmp_path


def test_commands_find_it_by_its_file_and_print_it(
    folder: Path,
    make_home: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TRADESIEVE_HOME", str(make_home().home))
    named = experiment_from({"symbols": ["AAA"], "strategies": ["my_rules.yaml"]})
    assert (named.strategies, named.modules) == (("my_channel",), ("my_rules.yaml",))
    assert ID in [strategy.id for strategy in named.chosen_strategies()]
    generate = ("trades", "generate", "--symbols", "AAA", "--timeframe", "15m", "--json")
    assert exit_code(monkeypatch, *generate, "--strategies", "my_rules.yaml") == 0
    rows = json.loads(capsys.readouterr().out)["instances"]
    assert len(rows) == 4
    code = ("strategies", "code", "my_channel", "--modules", "my_rules.yaml")
    assert exit_code(monkeypatch, *code, "--output", "by_code.py") == 0
    assert exit_code(monkeypatch, *code, "--output", "by_code.py") == 2, "the file exists"
    capsys.readouterr()
    with isolated_modules():
        assert exit_code(monkeypatch, *generate, "--strategies", "by_code.py") == 0
    assert json.loads(capsys.readouterr().out)["instances"] == rows
    assert exit_code(monkeypatch, "strategies", "schema") == 0
    assert json.loads(capsys.readouterr().out) == rule_file_schema()
    (folder / "my_rules.yaml").write_text(CHANNEL_FILE.replace("crosses_above(close", "crosses_above(clse"))
    assert exit_code(monkeypatch, *code) == 2
    first, shown, caret = capsys.readouterr().err.splitlines()
    assert first.startswith("tradesieve: my_rules.yaml, line 8: my_channel: long: when: unknown name 'clse'")
    assert shown[caret.index("^") :].startswith("clse, previous")


def test_it_travels_with_the_artifact(folder: Path, artifact_builder: Callable[..., Artifact]) -> None:
    load_user_modules(["my_rules.yaml"])
    features = ("close__slope__window_20", "trade__side")
    artifact = artifact_builder(folder / "model", strategies=(ID,), features=features)
    fingerprint = defined("rule")["my_channel"].module.fingerprint
    (module,) = artifact.manifest["modules"]
    assert module["file"] == "modules/my_rules.yaml"
    assert {"pydantic", "pyyaml"} <= set(module["packages"])
    path = artifact.folder / "modules" / "my_rules.yaml"
    assert path.read_text() == CHANNEL_FILE
    served = {served.as_posix().rpartition("tradesieve/")[2] for served in served_modules([path])}
    assert {"strategies/rule_files/rules.py", "strategies/registry.py"} <= served
    (folder / "my_rules.yaml").unlink()
    with isolated_modules():
        loaded = load_artifact(artifact.folder)
        assert verify(loaded) > 0
        (strategy,) = model_strategies(loaded, "BTC-USD", "5m")
        assert strategy.id == ID
        assert strategy.base_rule.module is not None
        assert strategy.base_rule.module.fingerprint == fingerprint
