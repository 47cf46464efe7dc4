"""The winner of a run as code: a Python file of its own, with the table that it is trained on beside it."""

from __future__ import annotations

import pprint
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.lightgbm import BINNED_BY, LightGBMEngine, training_settings
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.fitted.calibration import ISOTONIC, NONE, SIGMOID
from tradesieve.models.protocol.candidate_rows import CandidateRows
from tradesieve.models.scopes.registry import POOLED, scope_named
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.finished_runs import FinishedRun
from tradesieve.pipelines.runs.rebuilt_data import rebuild_development
from tradesieve.pipelines.runs.standalone_code import (
    HEAD,
    ISOTONIC_REGRESSION,
    LOGISTIC,
    MAIN,
    ONE_MODEL,
    SEVERAL_MODELS,
    UNCALIBRATED,
)
from tradesieve.pipelines.settings import Settings

_CALIBRATIONS = {
    NONE: ("", UNCALIBRATED),
    SIGMOID: ("from sklearn.linear_model import LogisticRegression\n", LOGISTIC),
    ISOTONIC: ("from sklearn.isotonic import IsotonicRegression\n", ISOTONIC_REGRESSION),
}
"""What a calibration imports, and its code."""


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
    BadInput : if the run has no winner, the winner is of another library than LightGBM, bars or code have changed since
        the run, or a file cannot be written.
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
    dataset = rebuild_development(run, settings, progress=progress)
    winner_table = _WinnerTable(dataset, candidate, engine, seed)
    calibration_import, calibrate = _CALIBRATIONS[candidate.calibration]
    models = winner_table.models(None, "")
    if candidate.calibration == NONE and list(models["fits"]) == ["pooled"]:
        (fit,) = models["fits"].values()
        constants, body = {"COLUMNS": fit["columns"], "MEMBERS": fit["members"]}, ONE_MODEL
    else:
        constants, body = {"MODELS": models}, SEVERAL_MODELS.format(calibrate=calibrate)
    if run.result.get("groups"):
        constants["GROUPS"] = [row["group"] for row in run.result["groups"]["groups"]]
    if candidate.calibration != NONE:
        constants["INNER_MODELS"] = winner_table.inner_models()
    table, csv = winner_table.table(), path.with_suffix(".csv")
    with atomic_write(csv) as temporary:
        table.to_csv(temporary, index=False)
    scores = path.with_name(f"{path.stem}_scores.csv").name
    head = HEAD.format(
        experiment=run.result["experiment"], name=winner["name"],
        label=candidate.label or run.experiment.plan.labels[0],
        application=winner["application"].replace("_", " "), file=path.name, table=csv.name, scores=scores,
        imports=calibration_import, binning=_written(BINNED_BY), divided=bool(engine.members(candidate)),
        constants="".join(f"{name} = {_written(value)}\n{_EXPLAINED[name]}\n" for name, value in constants.items()),
    )  # fmt: skip
    with atomic_write(path) as temporary:
        temporary.write_text(head + body + MAIN.format(scores=scores), encoding="utf-8")
    columns = winner_table.columns
    return {
        "code": str(path), "table": str(csv), "winner": winner["name"], "n_rows": len(table), "columns": columns,
    }  # fmt: skip


_EXPLAINED = {
    "COLUMNS": '"""What the model reads."""',
    "MEMBERS": '"""What each booster is trained with, and its number of trees."""',
    "GROUPS": '"""The groups of trades, by number; those without a model of their own have the pooled one."""',
    "MODELS": '"""By group: what its model reads, the column of its weights, and what boosters are trained with."""',
    "INNER_MODELS": '"""The same for each inner fold, on whose scores the calibration is fitted."""',
}


class _WinnerTable:
    """Collects what each fit of a winner needs: its rows and weights in columns of the table, its settings in the code.

    Parameters
    ----------
    dataset : the development part.
    """

    def __init__(self, dataset: Dataset, candidate: Candidate, engine: LightGBMEngine, seed: int) -> None:
        self._dataset, self._candidate, self._engine, self._seed = dataset, candidate, engine, seed
        self._plain = replace(candidate, calibration=NONE)
        self._rows = CandidateRows(dataset, [None])
        self._known = np.flatnonzero(~np.isnan(dataset.targets(candidate.label)))
        self._added: dict[str, np.ndarray] = {}
        self._read: set[str] = set()

    def models(self, given: np.ndarray | None, name: str) -> dict[str, Any]:
        """Describe the fits on some rows of the dataset, int64: the pooled one, and one for each group.

        Parameters
        ----------
        name : ends the names of their columns.
        """
        fits: dict[int | str, Any] = {"pooled": self._fit(given, f"weight{name}")}
        columns: list[str] = []
        thresholds: tuple[float, ...] = ()
        if scope_named(self._plain.scope).is_grouped:
            rows = np.arange(len(self._dataset)) if given is None else given
            grouping, of_groups = self._rows.group_rows(self._plain, rows)
            columns, thresholds = [self._dataset.feature_names[each] for each in grouping.columns], grouping.thresholds
            fits |= {group: self._fit(own, f"weight{name}_group_{group}") for group, own in of_groups.items()}
        self._read.update(columns)
        return {"grouping": {"columns": columns, "thresholds": list(thresholds)}, "fits": fits}

    def inner_models(self) -> dict[int, Any]:
        """Describe the fits on the training rows of each inner fold."""
        rows, folds = self._rows.inner_folds(self._candidate, 0)
        tested = np.full(len(rows), np.nan)
        models = {}
        for number, fold in enumerate(folds, start=1):
            tested[fold.test] = number
            models[number] = self.models(rows[fold.train], f"_fold_{number}")
        self._added["fold"] = tested
        return models

    @property
    def columns(self) -> list[str]:
        """The features that some model or grouping reads, in the order of the dataset."""
        return [name for name in self._dataset.feature_names if name in self._read]

    def table(self) -> pd.DataFrame:
        """Return the rows of known label with these features, the target, and the weights of each fit."""
        features = pd.DataFrame(self._dataset.X[self._known], columns=list(self._dataset.feature_names))
        target = self._dataset.targets(self._candidate.label)[self._known]
        return features[self.columns].assign(target=target, **self._added)

    def _fit(self, given: np.ndarray | None, weight: str) -> dict[str, Any]:
        """Describe a fit on some rows, and add its weights to the table."""
        pooled = replace(self._plain, scope=self._pooled_scope)
        training = self._rows.training_rows(pooled, given)
        selected = training.selected(pooled.selection, pooled.task, seed=self._seed)
        of_candidate = self._rows.columns_of(pooled)
        read = selected.columns if of_candidate is None else of_candidate[selected.columns]
        columns = [self._dataset.feature_names[column] for column in read]
        self._read.update(columns)
        known = self._known if given is None else given[np.isin(given, self._known)]
        self._added[weight] = np.full(len(self._known), np.nan)
        self._added[weight][np.searchsorted(self._known, known)] = training.weight
        members = self._engine.members(pooled) or (pooled,)
        settings = [training_settings(member, len(training), seed=self._seed) for member in members]
        return {"weight": weight, "columns": columns, "members": settings}

    @property
    def _pooled_scope(self) -> str:
        return POOLED if scope_named(self._plain.scope).is_grouped else self._plain.scope


def _written(value: Any) -> str:
    """Write plain values as Python, one a line where there are many."""
    return pprint.pformat(value, width=110, sort_dicts=False)
