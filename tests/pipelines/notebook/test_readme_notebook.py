"""The notebook of the README, run as it stands on a small synthetic market."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import tradesieve as ts
from tests.pipelines.command_runs import Command, frame_of

README = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_notebook_of_the_readme_runs(
    make_home: Any, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADESIEVE_HOME", str(make_home(bars=None).home))
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(import tradesieve as ts\n.*?)```", README, re.DOTALL)
    assert len(block.splitlines()) <= 30
    market = ts.SyntheticMarket(edge=0.2, reversion=0.06, n_days=90, timeframe=ts.parse_timeframe("15m"))
    names: dict[str, Any] = {"frame": frame_of(market.generate("OTHER")[0])}
    exec(block, names)
    assert names["run"].is_open in (True, False)
    assert "report.html" in {path.name for path in tmp_path.iterdir()}
    assert len(names["known"]) == len(names["trades"]) > 100
    told = run("report", names["run"].experiment, "--output", tmp_path / "told.html", "--json")
    assert told.code == 0
    assert (tmp_path / "told.html").read_bytes() == (tmp_path / "report.html").read_bytes()
