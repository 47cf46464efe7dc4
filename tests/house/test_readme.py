"""Every command that the README names exists, and its examples run; its first screen is held by test_wheel.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from tests.house.readme_demo import ROOT
from tradesieve.pipelines.command_line import tradesieve

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_commands_of_the_readme_exist() -> None:
    named = set(re.findall(r"tradesieve ((?:data|strategies|trades|factors|model) \w+|up|paper|demo|events)", README))
    assert {"data import", "strategies code", "model experiment", "model export", "up", "paper", "demo"} <= named
    for command in sorted(named):
        done = CliRunner().invoke(tradesieve, [*command.split(), "--help"])
        assert done.exit_code == 0, f"{command}: {done.output}"
        assert done.output.startswith(f"Usage: tradesieve {command} ")


def test_the_experiment_of_the_readme_is_one() -> None:
    import yaml

    from tradesieve.pipelines.experiment import experiment_from

    whole, sets, _ = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    experiment = experiment_from(yaml.safe_load(whole))
    assert experiment_from(yaml.safe_load(experiment.to_yaml())) == experiment
    assert len(experiment.chosen_strategies()) == 4
    features = experiment_from({"symbols": ["BTC-USD"], **yaml.safe_load(sets)}).feature_names()
    assert len(features) == 67 + 12 + 1


def test_the_rules_of_the_readme_are_chosen_by_their_file(tmp_path: Path) -> None:
    from tradesieve.features.user_modules import isolated_modules
    from tradesieve.pipelines.experiment import experiment_from

    *_, rules = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "my_rules.yaml"
    path.write_text(rules)
    with isolated_modules():
        chosen = experiment_from({"symbols": ["BTC-USD"], "strategies": [str(path)]}).chosen_strategies()
    assert [strategy.id.count("+") for strategy in chosen] == [2, 2, 2]


def test_the_factors_of_the_readme_keep_their_invariants(tmp_path: Path) -> None:
    text = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert text is not None
    (tmp_path / "my_factors.py").write_text(text[1])
    command = [sys.executable, "-m", "tradesieve.pipelines.command_line", "factors", "check", "--module"]
    environment = {**os.environ, "TRADESIEVE_HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, str(tmp_path / "my_factors.py"), "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    checked = json.loads(done.stdout)
    assert [row["feature"] for row in checked["features"]] == [
        "bars__closing_strength__window_20", "bars__from_mean__window_20",
    ]  # fmt: skip
