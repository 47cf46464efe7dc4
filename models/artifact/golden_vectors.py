"""Golden vectors: the inputs of some decisions, and the factors, scores and sizes computed when a model was exported.

`artifact.verify` computes them again. If a single bit differs, it is not the model that was judged.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.requirements import Requirements
from tradesieve.market.bars import COLUMNS, Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.session_bars import SessionBars
from tradesieve.market.timeframes import CALENDAR_TIMEFRAMES, Timeframe

_TERMS = ("side", "stop", "target", "agreeing")


@dataclass(frozen=True, eq=False)
class GoldenVector:
    """The inputs of one decision.

    Parameters
    ----------
    bars : the window; its last bar closes at the decision.
    decision : one decision.
    instance_name : ``strategy|symbol|timeframe``, one that the model was trained on.
    others : windows of other symbols, at the timeframe of `bars`.
    """

    bars: Bars
    decision: Decisions
    instance_name: str
    others: Mapping[str, Bars] = field(default_factory=dict)

    @property
    def decision_time(self) -> int:
        """Time of the decision, int64 ns UTC."""
        return int(self.decision.time[0])


@dataclass(frozen=True, eq=False)
class GoldenAnswers:
    """The answers to n golden vectors.

    Parameters
    ----------
    X : float64 (n, n_features).
    scores, sizes : float64 (n,).
    """

    X: np.ndarray
    scores: np.ndarray
    sizes: np.ndarray


def trimmed(
    vectors: Sequence[GoldenVector], requirements_of: Callable[[Timeframe, str], Requirements]
) -> list[GoldenVector]:
    """Cut each vector to what its decision requires.

    Parameters
    ----------
    vectors : with bars up to the decision or beyond.
    requirements_of : function of a timeframe and the decision's symbol.

    Raises
    ------
    BadInput : if there is no vector, or one lacks what its decision requires.
    """
    if not vectors:
        raise BadInput("there are no golden vectors: an artifact without them cannot be verified")
    return [_trimmed(f"golden[{number}]", vector, requirements_of) for number, vector in enumerate(vectors)]


def _trimmed(
    name: str, vector: GoldenVector, requirements_of: Callable[[Timeframe, str], Requirements]
) -> GoldenVector:
    bars, decision, name = vector.bars, vector.decision, f"{name} of {vector.instance_name}"
    required = requirements_of(bars.timeframe, bars.symbol)
    if len(decision) != 1:
        raise BadInput(f"{name}: holds {len(decision)} decisions, but must hold one")
    missing = [term for term in sorted({"side", *required.terms}) if getattr(decision, term) is None]
    missing += [symbol for symbol in required.others if symbol not in vector.others]
    if missing:
        raise BadInput(f"{name}: the features need {', '.join(missing)}, which it does not have")
    needed, time = required.bars, vector.decision_time
    known = bars.between(end_time=time)
    if len(known) < needed or known.close_time[-1] != time:
        raise BadInput(
            f"{name}: needs {needed} bars up to one that closes at {format_time(time)}, has {len(known)}"
            + (f" up to {format_time(known.close_time[-1])}" if len(known) else "")
        )
    others = {symbol: _last(vector.others[symbol].between(end_time=time), n) for symbol, n in required.others.items()}
    return GoldenVector(known[-needed:], _isolated(decision, required.results), vector.instance_name, others)


def _isolated(decision: Decisions, n_results: int) -> Decisions:
    """Keep the last results that are required, and set every term, to NaN where nothing requires it."""
    terms = {
        name: np.full(1, np.nan) if getattr(decision, name) is None else getattr(decision, name) for name in _TERMS
    }
    results = np.zeros(0)
    if decision.results is not None and decision.first_result is not None and decision.end_result is not None:
        first, end = int(decision.first_result[0]), int(decision.end_result[0])
        results = decision.results[max(first, end - n_results) : end]
    return _decision(int(decision.time[0]), results, terms)


def _decision(time: int, results: np.ndarray, terms: Mapping[str, np.ndarray]) -> Decisions:
    return Decisions(
        time=np.array([time]),
        results=results,
        first_result=np.zeros(1, np.int64),
        end_result=np.array([len(results)]),
        **terms,
    )


def _last(bars: Bars, n: int) -> Bars:
    return bars[max(0, len(bars) - n) :]


def write_golden(path: Path, vectors: Sequence[GoldenVector], answers: GoldenAnswers) -> None:
    """Write trimmed vectors and answers as arrays of numbers and text."""
    # The windows of all vectors, one after another, each vector's own before those of other symbols.
    windows = [
        (row, bars) for row, vector in enumerate(vectors) for bars in (vector.bars, *vector.others.values())
    ]  # fmt: skip
    results = [vector.decision.results for vector in vectors]
    arrays: dict[str, Any] = {
        "window_of": np.array([row for row, _ in windows], dtype=np.int64),
        "symbol": np.array([bars.symbol for _, bars in windows]),
        "n_bars": np.array([len(bars) for _, bars in windows], dtype=np.int64),
        "duration": np.array([vector.bars.timeframe.duration for vector in vectors], dtype=np.int64),
        "decision_time": np.array([vector.decision_time for vector in vectors], dtype=np.int64),
        "instance_name": np.array([vector.instance_name for vector in vectors]),
        "n_results": np.array([0 if own is None else len(own) for own in results], dtype=np.int64),
        "results": np.concatenate([np.zeros(0) if own is None else own for own in results]),
        "X": answers.X,
        "scores": answers.scores,
        "sizes": answers.sizes,
    }
    arrays |= {name: np.concatenate([getattr(vector.decision, name) for vector in vectors]) for name in _TERMS}
    arrays |= {name: np.concatenate([getattr(bars, name) for _, bars in windows]) for name in COLUMNS}
    np.savez(path, **arrays)


def read_golden(path: Path) -> tuple[list[GoldenVector], GoldenAnswers]:
    """Read what `write_golden` wrote.

    Raises
    ------
    BadInput : if the file is missing, damaged or empty.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = {name: file[name] for name in file.files}
        results = np.split(columns["results"], np.cumsum(columns["n_results"])[:-1])
        windows: list[list[Bars]] = [[] for _ in columns["decision_time"]]
        first = 0
        for row, symbol, n_bars in zip(columns["window_of"], columns["symbol"], columns["n_bars"], strict=True):
            window = (columns[name][first : first + n_bars] for name in COLUMNS)
            timeframe = _timeframe(int(columns["duration"][row]), str(columns["instance_name"][row]))
            windows[row].append(SessionBars(str(symbol), timeframe, *window))
            first += n_bars
        vectors = [
            GoldenVector(
                own,
                _decision(
                    int(columns["decision_time"][row]),
                    results[row],
                    {name: columns[name][row : row + 1] for name in _TERMS},
                ),
                str(columns["instance_name"][row]),
                {bars.symbol: bars for bars in others},
            )
            for row, (own, *others) in enumerate(windows)
        ]
        if not vectors:
            raise ValueError("none that a model could be verified by")
        return vectors, GoldenAnswers(columns["X"], columns["scores"], columns["sizes"])
    except (OSError, KeyError, IndexError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path} holds no golden vectors: {type(error).__name__} {error}") from error


def _timeframe(duration: int, instance_name: str) -> Timeframe:
    """Return the timeframe of a vector; its duration alone does not tell a calendar week from seven days."""
    calendar = next((each for each in CALENDAR_TIMEFRAMES if instance_name.endswith(f"|{each}")), None)
    return calendar or Timeframe(duration)


def differs(here: float, exported: float) -> bool:
    """Compare two numbers bit for bit; any NaN equals any other."""
    return np.float64(here).tobytes() != np.float64(exported).tobytes() and not (np.isnan(here) and np.isnan(exported))
