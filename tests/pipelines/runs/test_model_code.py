"""Code of winners of several models: in a process of its own, it scores as the model does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.models.conftest import make_trades
from tests.models.scopes.test_scopes import scoped
from tests.pipelines.conftest import settings_in
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.scope_groups import describe_groups
from tradesieve.models.protocol.search import refit
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs import model_code
from tradesieve.pipelines.runs.finished_runs import EXPERIMENT_FILE, FinishedRun
from tradesieve.pipelines.runs.model_code import write_model_code

SMALL = {"n_trees": 12}
WINNERS: Mapping[str, Candidate] = {
    "a_model_for_each_rule": Candidate("lightgbm", "mean", SMALL, task="regression", scope="rule"),
    "a_sigmoid_over_regimes": Candidate("lightgbm", "gbdt", SMALL, "univariate", scope="regime", calibration="sigmoid"),
    "isotonic_over_instances": Candidate(
        "lightgbm", "extra", SMALL, weights="time_decay", scope="instance", calibration="isotonic"
    ),
    "isotonic_of_all": Candidate("lightgbm", "gbdt", SMALL, weights="uniqueness", calibration="isotonic"),
}
PROGRAM = """
import runpy, sys
for path in sys.argv[1:]:
    sys.argv[1:] = ["other.csv"]
    runpy.run_path(path, run_name="__main__")
"""


def dataset_of(candidate: Candidate) -> Dataset:
    """Trades of four instances of two rules, of which one is small; some labels are unknown."""
    made, _ = make_trades(900, edge=0.05)
    made = scoped(replace(made, instance=np.where(np.arange(900) % 15 == 0, 3, made.instance % 3)))
    y = 100.0 * made.net_return if candidate.task == "regression" else made.y.copy()
    y[::40] = np.nan
    return replace(made, y=y)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], np.ndarray, np.ndarray]]:
    """What was written for each winner, the scores of its code and those of its model, on trades of all labels."""
    folder, found = tmp_path_factory.mktemp("code"), {}
    (folder / EXPERIMENT_FILE).write_text(Experiment(symbols=("AAA",), plan=Plan()).to_yaml())
    with pytest.MonkeyPatch.context() as patch:
        for name, candidate in WINNERS.items():
            dataset = dataset_of(candidate)
            patch.setattr(model_code, "rebuild_development", lambda run, settings, *, progress, made=dataset: made)
            winner = {"candidate": candidate.as_dict(), "name": candidate.name, "application": "threshold"}
            result = {
                "winner": winner, "experiment": "0" * 12, "gate": {}, "artifact": "none",
                "groups": describe_groups(candidate, dataset, []),
            }  # fmt: skip
            run = FinishedRun(folder / "result.json", result)
            found[name] = write_model_code(run, settings_in(folder), folder / f"{name}.py")
            dataset_frame = pd.DataFrame(dataset.X, columns=list(dataset.feature_names))
            dataset_frame.to_csv(folder / "other.csv", index=False)
    paths = [f"{name}.py" for name in WINNERS]
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, *paths], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    scores = {}
    for name, candidate in WINNERS.items():
        dataset = dataset_of(candidate)
        model = refit(candidate, dataset, seed=Plan().seed, n_jobs=1)
        by_code = pd.read_csv(folder / f"{name}_scores.csv")["score"].to_numpy()
        scores[name] = (found[name], by_code, model.predict(dataset.X))
    return scores


@pytest.mark.parametrize("name", WINNERS)
def test_the_code_of_groups_and_calibrations_scores_as_the_model_does(name: str, written: dict[str, Any]) -> None:
    described, by_code, by_model = written[name]
    np.testing.assert_allclose(by_code, by_model, rtol=1e-9, atol=1e-12)
    assert len(np.unique(by_model)) > 5
    assert described["n_rows"] < len(by_model) == 900, "rows without a label are scored, not trained on"


def test_the_code_names_its_groups_and_imports_what_it_says(written: dict[str, Any]) -> None:
    text = Path(written["a_model_for_each_rule"][0]["code"]).read_text()
    assert "GROUPS = ['a', 'b']" in text
    assert "sklearn" not in text
    assert "from sklearn.linear_model import" in Path(written["a_sigmoid_over_regimes"][0]["code"]).read_text()
    assert "tradesieve." not in text
