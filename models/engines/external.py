"""Engines whose libraries cannot share our environment: each fits in a process of an environment of its own.

AutoGluon holds pandas below 3; TPOT and mljar-supervised bring a gigabyte and more each. Rows and scores pass as
Parquet files, all else as lines of JSON, see `models.engines.external_worker`. Every vendor gets purged inner folds of
the training rows, the candidate's seed and one thread, and tries a fixed number of models, which count in the ledger.

- autogluon (Apache-2.0), without PyTorch: boosted trees, forests and a linear model, scored on the last fold; the best,
  or their weighted mean, is fitted again on all rows.
- mljar (MIT): as many random models of trees, forests and a linear one, and the ensemble of the best; takes a minute
  of one core even for few rows.
- tpot (LGPL-3.0): pipelines that evolve; takes no weights.

A model answers from the process that fitted it, which ends with it. It is of this run alone: it cannot be exported, and
nothing promises that a row's score has the same bits in another batch.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import weakref
from pathlib import Path
from typing import IO, Any, ClassVar, cast

import numpy as np

from tradesieve.market.errors import BadInput, Refused
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.search_spaces import Range, Space, draw
from tradesieve.models.engines.training_rows import SelectedRows
from tradesieve.models.engines.tuning import InnerFolds, TuningEngine
from tradesieve.models.fitted.model import Model
from tradesieve.models.labels.base import CLASSIFICATION

_WORKER = Path(__file__).with_name("external_worker.py")
_START: dict[str, Any] = {"n_trials": 6, "n_inner_folds": 3, "seconds": 900}
_SECONDS_TO_PREDICT = 300
_SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "DO_NOT_TRACK": "true",
    "MPLBACKEND": "agg",
    "PYTHONHASHSEED": "0",
}
_environments = Path("var/engines")


def use_environments(folder: Path) -> None:
    """Look for the vendors' environments in `folder`, each by the name of its engine."""
    global _environments
    _environments = Path(folder)


class ExternalEngine(TuningEngine):
    """A vendor in an environment of its own."""

    packages: ClassVar[str]
    """What is installed there, as pip takes it."""
    takes_weights: ClassVar[bool] = True
    most_trials: ClassVar[int] = 24

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return ("automl",)

    def check_installed(self) -> None:
        """Raise BadInput with the command that makes the environment, where it is missing; see `use_environments`."""
        if not self._python().is_file():
            folder = _environments / self.name
            raise BadInput(
                f"{self.name} needs an environment of its own: "
                f"python3.11 -m venv {folder} && {folder}/bin/pip install {self.packages} pyarrow"
            )

    def _python(self) -> Path:
        return _environments.absolute() / self.name / "bin" / "python"

    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        return dict(_START)

    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        space: Space = {"n_trials": Range(4, self.most_trials, whole=True), "n_inner_folds": [3, 4, 5]}
        return draw(space, generator)

    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> Model:
        """Fit in a new process.

        Raises
        ------
        BadInput : if the environment is missing, the weights differ and the vendor takes none, the vendor fails, or it
            takes longer than ``seconds``.
        """
        settings = self._settings(candidate)
        self.check_installed()
        if not self.takes_weights and rows.weight.min() != rows.weight.max():
            raise BadInput(f"{self.name} takes no weights: pass equal ones, or leave it out of the search")
        folds = InnerFolds(rows.rows, settings["n_inner_folds"]).rows
        process = _VendorProcess(self.name, self._python())
        process.fit(rows, folds, candidate.task, seed, settings)
        return ExternalModel(process, candidate.task, rows.columns, rows.n_features)


class AutoGluonEngine(ExternalEngine):
    """AutoGluon's tabular models without PyTorch."""

    name: ClassVar[str] = "autogluon"
    packages: ClassVar[str] = "'autogluon.tabular[lightgbm]'"
    most_trials: ClassVar[int] = 6


class MljarEngine(ExternalEngine):
    """mljar-supervised."""

    name: ClassVar[str] = "mljar"
    packages: ClassVar[str] = "mljar-supervised"


class TPOTEngine(ExternalEngine):
    """TPOT's evolved pipelines."""

    name: ClassVar[str] = "tpot"
    packages: ClassVar[str] = "TPOT 'setuptools<81'"
    """Its dependencies import `pkg_resources`, which setuptools 81 dropped."""
    takes_weights: ClassVar[bool] = False


class ExternalModel(Model):
    """A model in the process that fitted it."""

    format = "external"
    file_name = ""
    packages = ()
    exportable: ClassVar[bool] = False

    def __init__(self, process: _VendorProcess, task: str, columns: np.ndarray, n_features: int) -> None:
        super().__init__(columns, n_features)
        self._process, self._task = process, task

    def _score(self, X: np.ndarray) -> np.ndarray:
        scores = self._process.predict(X)
        return np.clip(scores, 0.0, 1.0) if self._task == CLASSIFICATION else scores

    def _write(self, path: Path) -> str:
        raise Refused(f"a model of {self._process.vendor} lives in the process that fitted it and cannot be exported")

    @classmethod
    def _read(cls, path: Path, columns: np.ndarray, n_features: int) -> ExternalModel:
        raise Refused("a model of an engine in an environment of its own is never saved")


class _VendorProcess:
    """A worker of a vendor, which ends with this object; requests wait for each other."""

    def __init__(self, vendor: str, python: Path) -> None:
        self.vendor, self._lock = vendor, threading.Lock()
        folder = tempfile.TemporaryDirectory(prefix=f"tradesieve-{vendor}-", ignore_cleanup_errors=True)
        self._folder = Path(folder.name)
        self._log = self._folder / "vendor.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                # Without its folder on the path, whose modules have the names of libraries.
                [str(python), "-P", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_vendor_environment(),
            )
        self._requests = cast("IO[str]", self._process.stdin)
        self._answers = cast("IO[str]", self._process.stdout)
        self._end = weakref.finalize(self, _end, self._process, folder)

    def fit(
        self,
        rows: SelectedRows,
        folds: list[tuple[np.ndarray, np.ndarray]],
        task: str,
        seed: int,
        settings: dict[str, Any],
    ) -> None:
        """Fit, or end the process and raise BadInput."""
        path = self._folder / "rows.parquet"
        table = _table(rows.X).assign(y=rows.y, weight=rows.weight)
        table.to_parquet(path)
        request = {
            "vendor": self.vendor,
            "task": task,
            "seed": seed,
            "rows": str(path),
            "folder": str(self._folder),
            "folds": [(train.tolist(), tested.tolist()) for train, tested in folds],
            **settings,
        }
        self._ask({"fit": request}, settings["seconds"])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Score rows: float64 (n_rows,)."""
        import pandas as pd

        with self._lock:
            rows, scores = (self._folder / f"{name}.parquet" for name in ("asked", "scores"))
            _table(X).to_parquet(rows)
            self._ask({"predict": {"rows": str(rows), "scores": str(scores)}}, _SECONDS_TO_PREDICT)
            found = pd.read_parquet(scores)["score"].to_numpy(np.float64)
        if found.shape != (len(X),) or not np.isfinite(found).all():
            raise BadInput(f"{self.vendor} gave no finite score for each of {len(X)} rows")
        return found

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        # The timer's thread may outlast this call, and must not keep this object alive.
        overdue, process = threading.Event(), self._process

        def stop() -> None:
            overdue.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
            line = self._answers.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if overdue.is_set():
            self._end()
            raise BadInput(f"{self.vendor} took longer than {seconds:g} s: raise `seconds` of the candidate")
        if not line:
            last = self._log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing was printed"]
            self._end()
            raise BadInput(f"the process of {self.vendor} ended: {last[0]}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BadInput(f"{self.vendor} failed: {answer['error']}")
        return answer


def _table(X: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=[f"f{number}" for number in range(X.shape[1])])


def _vendor_environment() -> dict[str, str]:
    """Return the variables of a vendor's process: ours without what points Python at our own packages."""
    ours = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }
    return ours | _SETTINGS


def _end(process: subprocess.Popen[str], folder: tempfile.TemporaryDirectory[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    folder.cleanup()
