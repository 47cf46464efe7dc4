"""Code of a winner: refused where it would score otherwise than the model does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.conftest import settings_in
from tradesieve.market.errors import BadInput
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.finished_runs import EXPERIMENT_FILE, FinishedRun
from tradesieve.pipelines.runs.model_code import write_model_code


def test_code_of_a_calibrated_winner_is_refused(tmp_path: Path) -> None:
    plan = Plan(label="won", engines={"lightgbm": 1}, calibration="sigmoid")
    (tmp_path / EXPERIMENT_FILE).write_text(Experiment(symbols=("AAA",), plan=plan).to_yaml())
    (winner,) = plan.candidates()
    run = FinishedRun(
        tmp_path / "result.json",
        {"winner": {"candidate": winner.as_dict(), "name": winner.name}, "artifact": "the/artifact"},
    )
    with pytest.raises(BadInput, match="with a calibration, which code does not write; load its artifact instead: the"):
        write_model_code(run, settings_in(tmp_path), tmp_path / "winner.py")
