"""Golden vectors: bars in, factors, score and size out, as they were when a model was exported.

An artifact carries them, and whoever loads it asks the same questions again. One other bit in one answer, and it is not
the model that was judged.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from market.bars import COLUMNS, Bars, format_time
from market.errors import BadInput
from market.timeframes import Timeframe


@dataclass(frozen=True, eq=False)
class GoldenVector:
    """One question to a model.

    Parameters
    ----------
    bars : the window; its last bar closes at the decision.
    decision_time : int64 ns UTC.
    side : +1 or -1.
    instance_name : ``strategy|symbol|timeframe``, one of those that the model was trained on.
    """

    bars: Bars
    decision_time: int
    side: float
    instance_name: str


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
    vectors: Sequence[tuple[Bars, int, float, str]], lookback_of: Callable[[Timeframe], int]
) -> list[GoldenVector]:
    """Cut each window to what its decision needs.

    Parameters
    ----------
    vectors : (bars, decision_time, side, instance_name).
    lookback_of : function of a timeframe to the bars that the features need.

    Raises
    ------
    BadInput : if there is no vector, or one has too few bars or none that closes at its decision.
    """
    if not vectors:
        raise BadInput("there are no golden vectors: an artifact without them cannot be verified")
    kept = []
    for number, (bars, decision_time, side, instance_name) in enumerate(vectors):
        needed = max(1, lookback_of(bars.timeframe))
        known = bars.between(end_time=int(decision_time))
        if len(known) < needed or known.close_time[-1] != decision_time:
            raise BadInput(
                f"golden[{number}] of {instance_name}: needs {needed} bars up to one that closes at "
                f"{format_time(decision_time)}, has {len(known)}"
                + (f" up to {format_time(known.close_time[-1])}" if len(known) else "")
            )
        if side not in (1.0, -1.0):
            raise BadInput(f"golden[{number}] of {instance_name}: side is {side!r}, but must be +1 or -1")
        kept.append(GoldenVector(known[-needed:], int(decision_time), float(side), instance_name))
    return kept


def write_golden(path: Path, vectors: Sequence[GoldenVector], answers: GoldenAnswers) -> None:
    """Write vectors and answers as plain arrays: numbers and text, nothing that runs when it is read."""
    arrays: dict[str, Any] = {
        "symbol": np.array([vector.bars.symbol for vector in vectors]),
        "duration": np.array([vector.bars.timeframe.duration for vector in vectors], dtype=np.int64),
        "n_bars": np.array([len(vector.bars) for vector in vectors], dtype=np.int64),
        "decision_time": np.array([vector.decision_time for vector in vectors], dtype=np.int64),
        "side": np.array([vector.side for vector in vectors]),
        "instance_name": np.array([vector.instance_name for vector in vectors]),
        "X": answers.X,
        "scores": answers.scores,
        "sizes": answers.sizes,
    }
    arrays.update({name: np.concatenate([getattr(vector.bars, name) for vector in vectors]) for name in COLUMNS})
    np.savez(path, **arrays)


def read_golden(path: Path) -> tuple[list[GoldenVector], GoldenAnswers]:
    """Read what `write_golden` wrote.

    Raises
    ------
    BadInput : if the file is missing or is not whole.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = {name: file[name] for name in file.files}
        borders = np.cumsum(columns["n_bars"])[:-1]
        windows = {name: np.split(columns[name], borders) for name in COLUMNS}
        vectors = [
            GoldenVector(
                Bars(
                    str(columns["symbol"][row]),
                    Timeframe(int(columns["duration"][row])),
                    *(windows[name][row] for name in COLUMNS),
                ),
                int(columns["decision_time"][row]),
                float(columns["side"][row]),
                str(columns["instance_name"][row]),
            )
            for row in range(len(columns["n_bars"]))
        ]
        return vectors, GoldenAnswers(columns["X"], columns["scores"], columns["sizes"])
    except (OSError, KeyError, IndexError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path} holds no golden vectors: {type(error).__name__} {error}") from error


def differs(here: float, then: float) -> bool:
    """Compare two numbers bit for bit; any NaN equals any other."""
    return np.float64(here).tobytes() != np.float64(then).tobytes() and not (np.isnan(here) and np.isnan(then))
