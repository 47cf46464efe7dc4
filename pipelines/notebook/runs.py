"""Experiments and their reports, as `tradesieve model experiment` and `tradesieve report` make them."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.notebook.chosen_experiment import shown_progress
from tradesieve.pipelines.notebook.pages import framed
from tradesieve.pipelines.notebook.trade_set import Trades
from tradesieve.pipelines.reports.run_report import write_run_report
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.finished_report import report_page
from tradesieve.pipelines.runs.finished_runs import LAST, FinishedRun, find_run
from tradesieve.pipelines.settings import read_settings

_MEASURES = (
    "n_trades",
    "coverage",
    "win_rate",
    "expectancy",
    "sortino",
    "profit_factor",
    "max_drawdown",
    "total_return",
)
_TRADES = {"baseline": "every trade", "filtered": "filtered", "random": "random filter"}


@dataclass(frozen=True, eq=False)
class Run:
    """A finished experiment.

    Parameters
    ----------
    finished : its files in the state folder.
    """

    finished: FinishedRun

    @property
    def result(self) -> dict[str, Any]:
        """Everything that was found, JSON-safe; see `runs.experiment_run.run_experiment`."""
        return self.finished.result

    @property
    def experiment(self) -> str:
        """The hash of the experiment, by which commands find the run."""
        return str(self.result["experiment"])

    @property
    def is_open(self) -> bool | None:
        """Whether the gate is open: the improvement is unlikely to be luck. None while the hold-out is sealed."""
        gate = self.result["gate"]
        return None if gate is None else bool(gate["open"])

    @property
    def parts(self) -> pd.DataFrame:
        """What was earned with and without the filter, on the development part and on the hold-out."""
        rows = [
            {"part": part, "trades": words, **{name: found.get(name) for name in _MEASURES}}
            for part in ("development", "holdout")
            for key, words in _TRADES.items()
            if (found := self.result[key][part]) is not None
        ]
        return pd.DataFrame(rows, columns=["part", "trades", *_MEASURES])

    @property
    def conditions(self) -> pd.DataFrame:
        """The conditions of the gate, with the reason of each; empty while the hold-out is sealed."""
        return pd.DataFrame((self.result["gate"] or {"conditions": []})["conditions"])

    @property
    def leaderboard(self) -> pd.DataFrame:
        """The trials of the search, the best first."""
        return pd.DataFrame(self.result["leaderboard"])

    def __repr__(self) -> str:
        gate = {None: "the hold-out is sealed", True: "gate open", False: "gate closed"}[self.is_open]
        return f"run {self.experiment}, {gate}\n{self.parts.to_string(index=False)}"

    def _repr_html_(self) -> str:
        return framed(report_page(self.finished)[0])


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Parameters
    ----------
    path : the HTML page, which works offline.
    notes : what it does not show, and why.
    """

    path: Path
    notes: tuple[str, ...]
    page: str = field(repr=False)

    def _repr_html_(self) -> str:
        return framed(self.page)


def experiment(
    trades: Trades,
    *,
    plan: Mapping[str, Any] | None = None,
    seal: bool = False,
    progress: bool = True,
    **options: Any,
) -> Run:
    """Search for a filter of trades, and judge it once on the hold-out.

    A second call with the same values reads the result of the first.

    Parameters
    ----------
    trades : from `ts.trades`; the experiment takes all of their bars, the hold-out too.
    plan : keys of the plan, as in YAML, such as ``{"n_folds": 3}``; see `models.protocol.plan.Plan`.
    seal : stop before the hold-out, which stays sealed: no gate is judged, as by `tradesieve model train`.
    progress : show a bar on standard error.
    options : values of the experiment or its plan, as the command's options: ``features``, ``aim``, ``label``,
        ``fitness``, ``applications``, ``engines``, ``candidates``, ``budget``, ``seed``; see
        `pipelines.experiment_assembly.assemble_experiment`.

    Raises
    ------
    BadInput, Unknown : if a value is wrong, or too few trades closed.
    Refused : if a factor or a rule of one's own looks ahead; names it, and the first time.
    """
    if not isinstance(trades, Trades):
        raise BadInput(f"trades are {type(trades).__name__!r}: give what ts.trades returns")
    settings = trades.settings
    config = trades.experiment.as_dict()
    chosen = assemble_experiment(settings, config=config | {"plan": config["plan"] | dict(plan or {})}, **options)
    with shown_progress(progress) as report:
        result = run_experiment(chosen, settings, seal=seal, source="ts.experiment", progress=report)
    return Run(find_run(settings, result["run_id"]))


def report(run: Run | str = LAST, path: str | Path | None = None, *, open_it: bool = False) -> Report:
    """Write what a run found, and whether it is luck, as one page that works offline.

    Parameters
    ----------
    run : a run, the hash of an experiment, a run of MLflow, the first letters of either, or ``last``.
    path : the .html file to write; None: in the run's folder.
    open_it : open the page in the browser.

    Raises
    ------
    BadInput, Unknown : if there is no such run, or the file cannot be written.
    """
    found = run.finished if isinstance(run, Run) else find_run(read_settings(), run)
    page, notes = report_page(found)
    written = found.report_path if path is None else Path(path)
    if written.suffix != ".html":
        raise BadInput(f"{written}: a report is written to a file ending in .html")
    write_run_report(page, written)
    if open_it:
        webbrowser.open(written.absolute().as_uri())
    return Report(written, tuple(notes), page)
