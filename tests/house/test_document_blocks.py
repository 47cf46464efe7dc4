"""Every code block of the README and the documentation is run, or says why it is not; `document_blocks` has the marks.

The README's first screen is held by test_wheel.py.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.house.document_blocks import PAGES, Block, blocks
from tests.house.readme_demo import ROOT
from tests.pipelines.command_runs import exit_code
from tradesieve.features.user_modules import isolated_modules
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.command_line import tradesieve
from tradesieve.pipelines.experiment import experiment_from
from tradesieve.pipelines.help_pages import walk_commands
from tradesieve.strategies.registry import count_strategies

COMMANDS = [block for block in blocks() if block.language == "shell" and not block.mark]
_N_DAYS = 14


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the pages' commands find the files that they name, and a state folder, ``var``, with bars."""
    folder = tmp_path_factory.mktemp("desk")
    bars = BarStore(folder / "var" / "bars")
    minutes = SyntheticMarket(n_days=_N_DAYS, timeframe=parse_timeframe("1m")).generate("BTC-USD")[0]
    minutes.to_frame().to_parquet(folder / "btc.parquet")
    bars.append(minutes)
    bars.append(SyntheticMarket(n_days=300, timeframe=parse_timeframe("1d")).generate("GOOG")[0])
    bars.append(SyntheticMarket(n_days=20, timeframe=parse_timeframe("1h")).generate("EUR-USD")[0])
    rows = slice(2000, _N_DAYS * 1440 - 60, 500)
    table = {"entry_time": minutes.open_time[rows], "entry_price": minutes.open[rows]}
    table |= {"exit_time": minutes.open_time[rows] + 1800 * 10**9, "exit_price": minutes.open[30:][rows]}
    trades = pd.DataFrame(table | {"side": "long", "costs": 0.001})
    trades.assign(**{name: pd.to_datetime(trades[name], utc=True) for name in ("entry_time", "exit_time")}).to_csv(
        folder / "trades.csv", index=False
    )
    for block in blocks():
        if block.mark == "file":
            (folder / block.about).write_text(block.text)
    return folder


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_the_commands_run(block: Block, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("TRADESIEVE_HOME", str(desk / "var"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(desk)
    for line in block.text.replace("\\\n", "").splitlines():
        name, *arguments = shlex.split(line, comments=True)
        assert name == "tradesieve", f"{block}: mark it as not run, with the reason"
        target = None
        if ">" in arguments:
            *arguments, _, target = arguments
        with isolated_modules():
            code = exit_code(monkeypatch, *arguments)
        out, err = capsys.readouterr()
        assert code == 0, f"{line}\n{err}"
        assert out
        if target is not None:
            (desk / target).write_text(out)


def test_the_commands_that_are_named_exist() -> None:
    """In prose too, and in blocks that are not run."""
    known = {" ".join(path) for path, _ in walk_commands(tradesieve)}
    groups = {name.partition(" ")[0] for name in known if " " in name}
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        code = "\n".join([*re.findall(r"`([^`\n]+)`", text), *(block.text for block in blocks(page))])
        for first, second in re.findall(r"^tradesieve ([a-z]+)(?: ([a-z]+))?", code, re.MULTILINE):
            assert (f"{first} {second}" if first in groups else first) in known, f"{page}: tradesieve {first} {second}"


def test_what_is_not_run_says_why() -> None:
    for block in blocks():
        if block.mark == "not run":
            assert len(block.about) > 10, block
        elif block.mark == "run by":
            assert (ROOT / block.about).is_file(), block
        else:
            assert block.mark == "file" or block.language == "shell", f"{block}: nothing runs it"
        for path in re.findall(r"tests/[\w/]+\.py", block.about):
            assert (ROOT / path).is_file(), block
    skipped = [block for block in blocks() if block.mark == "not run"]
    assert len(skipped) < len(COMMANDS), "\n".join(f"{block}: {block.about}" for block in skipped)


def test_the_pages_are_those_of_the_contents() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^[\w/]+$", "".join(re.findall(r"```\{toctree\}(.*?)```", index, re.DOTALL)), re.MULTILINE)
    assert sorted(f"docs/{page}.md" for page in listed) == sorted({*PAGES} - {"README.md", "docs/index.md"})


def test_the_experiment_is_one() -> None:
    whole, sets = (block.text for block in blocks("docs/experiments.md") if block.language == "yaml")
    experiment = experiment_from(yaml.safe_load(whole))
    assert experiment_from(yaml.safe_load(experiment.to_yaml())) == experiment
    assert len(experiment.chosen_strategies()) == 4
    features = experiment_from({"symbols": ["BTC-USD"], **yaml.safe_load(sets)}).feature_names()
    assert len(features) == 68 + 12 + 1


def test_the_strategies_are_some() -> None:
    page = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- strategies -->\n```text\n(.*?)```", page, re.DOTALL)
    assert found is not None
    assert [count_strategies([line], at_most=99) for line in found[1].splitlines()] == [1, 4]


def test_the_rules_are_chosen_by_their_file(tmp_path: Path) -> None:
    (rules,) = (block for block in blocks("docs/strategies.md") if block.about == "my_rules.yaml")
    path = tmp_path / rules.about
    path.write_text(rules.text)
    with isolated_modules():
        chosen = experiment_from({"symbols": ["BTC-USD"], "strategies": [str(path)]}).chosen_strategies()
    assert [strategy.id.count("+") for strategy in chosen] == [2, 2, 2]
