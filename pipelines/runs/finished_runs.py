"""Finished runs: found by the hash of their experiment, by their run in MLflow, or as the last one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.experiment_files import experiment_from_yaml
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.run_records import PartRecord, read_record
from tradesieve.pipelines.steps.search_evidence import read_evidence

LAST = "last"
EXPERIMENT_FILE = "experiment.yaml"
EVIDENCE_FILE = "evidence.json"
RESULT_FILES = {"result.json": "record.npz", "sealed.json": "sealed-record.npz"}
"""File of a result: that of its record; a sealed run has no hold-out."""
_SHOWN_RUNS = 5


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A run of an experiment whose result is stored.

    Parameters
    ----------
    path : of its result.
    result : see `runs.experiment_run.run_experiment`.
    """

    path: Path
    result: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The folder of the run, named by its bars and code."""
        return self.path.parent

    @property
    def report_path(self) -> Path:
        """Where its report is written by default."""
        return self.path.with_name(f"{self.path.stem}-report.html")

    @property
    def name(self) -> str:
        """The hash of the experiment, and that it is sealed, if it is."""
        return f"{self.result['experiment']}{' (sealed)' if self.result['gate'] is None else ''}"

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment.

        Raises
        ------
        BadInput, Unknown : if its file is missing, or is of another version.
        """
        return experiment_from_yaml(self.folder / EXPERIMENT_FILE)

    @cached_property
    def parts(self) -> dict[str, PartRecord]:
        """The trades that were judged, by part; the hold-out only once it was opened.

        Raises
        ------
        BadInput : if the record is missing or cannot be read.
        """
        return read_record(self.folder / RESULT_FILES[self.path.name])

    @cached_property
    def evidence(self) -> dict[str, Any]:
        """What the search says of its winner, see `steps.search_evidence`.

        Raises
        ------
        BadInput : if it is missing or cannot be read.
        """
        return read_evidence(self.folder / EVIDENCE_FILE)


def find_run(settings: Settings, run: str) -> FinishedRun:
    """Find a finished run; of several runs of one experiment, the last one, and an opened one before a sealed one.

    Parameters
    ----------
    run : the hash of an experiment, the id of a run in MLflow, the first letters of either, or ``last``.

    Raises
    ------
    BadInput : if no run is stored, or the letters fit several experiments.
    Unknown : if there is no such run.
    """
    runs = stored_runs(settings)
    if not runs:
        raise BadInput("no run is stored yet: run `tradesieve model experiment` first")
    if run == LAST:
        return runs[0]
    fitting = [each for each in runs if run in (each.result["experiment"], each.result["run_id"])]
    if not fitting and len(run) >= 4:
        fitting = [
            each for each in runs
            if str(each.result["experiment"]).startswith(run) or str(each.result["run_id"]).startswith(run)
        ]  # fmt: skip
    if not fitting:
        known = [LAST, *dict.fromkeys(str(each.result["experiment"]) for each in runs[:_SHOWN_RUNS])]
        raise Unknown("run", run, known)
    names = dict.fromkeys(str(each.result["experiment"]) for each in fitting)
    if len(names) > 1:
        raise BadInput(f"{run!r} fits several experiments: {', '.join(names)}. Write more letters of one")
    return next((each for each in fitting if each.result["gate"] is not None), fitting[0])


def stored_runs(settings: Settings) -> list[FinishedRun]:
    """Return all finished runs, the last one first."""
    paths = [path for name in RESULT_FILES for path in (settings.home / "experiments").glob(f"*/*/{name}")]
    found = []
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            result = json.loads(path.read_text())
        except (OSError, ValueError):  # cut short; the experiment makes it again
            continue
        if isinstance(result, dict) and {"experiment", "run_id", "gate"} <= result.keys():
            found.append(FinishedRun(path, result))
    return found


def described_run(run: FinishedRun) -> dict[str, Any]:
    """Return what tells a run from others, as plain values: when, of what, and what was found."""
    result = run.result
    part = "development" if result["gate"] is None else "holdout"
    winner = result["winner"]
    return {
        "run": result["experiment"],
        "run_id": result["run_id"],
        "finished": format_time(run.path.stat().st_mtime_ns)[:16],
        "symbols": ", ".join(result["data"]["symbols"]),
        "timeframes": ", ".join(result["data"]["timeframes"]),
        "n_instances": result["data"]["n_instances"],
        "gate": "sealed" if result["gate"] is None else "open" if result["gate"]["open"] else "closed",
        "winner": None if winner is None else f"{winner['name']}, {winner['application']}",
        "baseline_sortino": result["baseline"][part]["sortino"],
        "filtered_sortino": result["filtered"][part]["sortino"],
        "coverage": result["filtered"][part]["coverage"],
        "n_trials": result["n_trials"],
    }
