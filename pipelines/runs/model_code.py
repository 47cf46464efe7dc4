"""The winner of a run as code: a Python file of its own, with the table that it is trained on beside it."""

from __future__ import annotations

import pprint
from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.lightgbm import BINNING, LightGBMEngine, training_settings
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.fitted.calibration import NONE
from tradesieve.models.protocol.candidate_rows import CandidateRows
from tradesieve.models.scopes.registry import scope_named
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.finished_runs import FinishedRun
from tradesieve.pipelines.runs.rebuilt_data import rebuild_development
from tradesieve.pipelines.settings import Settings

_CODE = '''"""The winner of tradesieve's experiment {experiment}: {name}.

It is trained on the rows of {table}, one a trade: features that were known at the decision, `target` ({label}) and
`weight`. Scores are higher for better trades; {application} turned them into sizes.

    python {file}                 train, and write the scores of the table to {scores}
    python {file} OTHER.csv       train, and score the rows of another table with the same columns
"""

import sys
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

TABLE = Path(__file__).with_name({table!r})
COLUMNS = {columns}
BINNING = {binning}
MEMBERS = {members}
"""What each model is trained with, and its number of trees."""
DIVIDED = {divided}
"""Whether the score is the mean of the models, each divided by the deviation of its scores in training."""


def read(path):
    """Read a table; by way of text, so that every version of pandas reads every digit."""
    return pd.read_csv(path, dtype=str).astype(float)


def train(table):
    """Train on a table: a list of (model, scale)."""
    X = table[COLUMNS].to_numpy(np.float64)
    weight = table["weight"].to_numpy()
    rows = lightgbm.Dataset(X, label=table["target"].to_numpy(), weight=weight / weight.mean(), params=BINNING)
    rows.construct()
    models = [lightgbm.train(settings, rows, num_boost_round=n_trees) for settings, n_trees in MEMBERS]
    return [(model, float(np.std(model.predict(X))) if DIVIDED else 1.0) for model in models]


def predict(models, table):
    """Score the rows of a table."""
    X = table[COLUMNS].to_numpy(np.float64)
    return sum(model.predict(X) / scale for model, scale in models) / len(models)


def main():
    """Train, and write scores."""
    table = read(TABLE)
    scored = read(sys.argv[1]) if len(sys.argv) > 1 else table
    scores = pd.DataFrame({{"score": predict(train(table), scored)}})
    path = TABLE.with_name({scores!r})
    scores.to_csv(path, index=False)
    print(f"{{len(scores)}} scores written to {{path}}")


if __name__ == "__main__":
    main()
'''


def write_model_code(
    run: FinishedRun, settings: Settings, path: Path, *, progress: Progress = silent
) -> dict[str, Any]:
    """Write the winner of a run as a Python file, and its training table as .csv beside it.

    Trained on that table, the file's model scores as the winner does, up to the rounding of sums.

    Parameters
    ----------
    path : of the .py file; the table has the same name.

    Returns
    -------
    JSON values: ``code``, ``table``, ``winner``, ``n_rows`` and ``columns``.

    Raises
    ------
    BadInput : if the run has no winner, the winner is of another library than LightGBM, calibrated or of several
        models, bars or code have changed since the run, or a file cannot be written.
    """
    winner = run.result["winner"]
    if winner is None:
        raise BadInput(f"run {run.name} has no winner: every trial failed")
    candidate, seed = Candidate(**winner["candidate"]), run.experiment.plan.seed
    engine = engine_named(candidate.engine)
    if not isinstance(engine, LightGBMEngine):
        raise BadInput(
            f"the winner is {candidate.name}, but code is written for LightGBM only; load its artifact instead: "
            f"{run.result['artifact']}"
        )
    if candidate.calibration != NONE:
        raise BadInput(
            f"the winner is {candidate.name} with a calibration, which code does not write; load its artifact instead: "
            f"{run.result['artifact']}"
        )
    if scope_named(candidate.scope).is_grouped:
        raise BadInput(
            f"the winner is {candidate.name} with a model for each {candidate.scope}, which code does not write; load "
            f"its artifact instead: {run.result['artifact']}"
        )
    dataset = rebuild_development(run, settings, progress=progress)
    candidate_rows = CandidateRows(dataset, [None])
    rows = candidate_rows.of(candidate, 0)
    selected = rows.selected(candidate.selection, candidate.task, seed=seed)
    of_candidate = candidate_rows.columns_of(candidate)
    read = selected.columns if of_candidate is None else of_candidate[selected.columns]
    columns = [dataset.feature_names[column] for column in read]
    members = engine.members(candidate) or (candidate,)
    table = pd.DataFrame(selected.X, columns=columns).assign(target=selected.y, weight=rows.weight)
    csv, scores = path.with_suffix(".csv"), path.with_name(f"{path.stem}_scores.csv").name
    with atomic_write(csv) as temporary:
        table.to_csv(temporary, index=False)
    code = _CODE.format(
        experiment=run.result["experiment"], name=winner["name"],
        label=candidate.label or run.experiment.plan.labels[0],
        application=winner["application"].replace("_", " "), file=path.name, table=csv.name, scores=scores,
        columns=_written(columns), binning=_written(BINNING), divided=len(members) > 1,
        members=_written([training_settings(member, len(rows), seed=seed) for member in members]),
    )  # fmt: skip
    with atomic_write(path) as temporary:
        temporary.write_text(code, encoding="utf-8")
    return {
        "code": str(path), "table": str(csv), "winner": winner["name"], "n_rows": len(table), "columns": columns,
    }  # fmt: skip


def _written(value: Any) -> str:
    """Write plain values as Python, one a line where there are many."""
    return pprint.pformat(value, width=110, sort_dicts=False)
