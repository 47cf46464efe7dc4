"""The README's example is what the demo prints, and every command that it names exists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.readme_demo import BLOCK, ROOT, example_of, run_demo

_NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_example_is_what_the_demo_prints(tmp_path: Path) -> None:
    shown = BLOCK.search(README)
    assert shown is not None, "the README has no block that begins with `$ tradesieve demo`"
    printed = example_of(run_demo(tmp_path))
    # Another processor may round the last bits of a model otherwise: words must be equal, numbers nearly.
    assert _words(shown[1]) == _words(printed)
    mine, theirs = _numbers(shown[1]), _numbers(printed)
    assert theirs == pytest.approx(mine, rel=0.02, abs=0.1), printed
    again = example_of(run_demo(tmp_path))
    assert _numbers(again) == theirs


def _words(text: str) -> list[str]:
    return re.sub(r"[\s┏┓┗┛┡┩└┘━─┃│╇┴┳┻╋┼%]+", " ", _NUMBER.sub("#", text)).split()


def _numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in _NUMBER.findall(text)]


def test_the_commands_of_the_readme_exist() -> None:
    named = set(re.findall(r"tradesieve ((?:data|trades|factors|model) \w+|up|paper|demo)", README))
    assert {"data import", "model experiment", "model export", "up", "paper", "demo"} <= named
    tradesieve = str(Path(sys.executable).parent / "tradesieve")
    for command in sorted(named):
        done = subprocess.run([tradesieve, *command.split(), "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_the_experiment_of_the_readme_is_one() -> None:
    import yaml

    from tradesieve.pipelines.experiment import experiment_from

    whole, sets = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    experiment = experiment_from(yaml.safe_load(whole))
    assert experiment_from(yaml.safe_load(experiment.to_yaml())) == experiment
    assert len(experiment.chosen_strategies()) == 4
    features = experiment_from({"symbols": ["BTC-USD"], **yaml.safe_load(sets)}).feature_names()
    assert len(features) == 67 + 12 + 1


def test_the_factors_of_the_readme_keep_the_laws(tmp_path: Path) -> None:
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
