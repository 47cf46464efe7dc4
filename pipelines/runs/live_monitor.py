"""The monitor: what a model does live against what was expected of it.

Expected is what research says of the bars from the end of the model's training up to its first live decision: trades
that the model has not seen, on the terms of its manifest. Looking at them is recorded, as by `tradesieve model eval`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.features.profiling.drift import population_stability
from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput, Refused
from tradesieve.models.artifact.artifact import Artifact, load_artifact
from tradesieve.models.json_values import json_safe
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.research_trades import load_model_chunk, research_rows
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.decision_store import DecisionStore
from tradesieve.strategies.statistics.daily_returns import sortino

_DAY = 86_400_000_000_000
_FEWEST = 30
"""Trades from which on a difference says something."""
_LIMIT = 3.0
"""Standard errors that are no luck, for two measures looked at every night."""
_N_GROUPS = 5


@dataclass(frozen=True)
class Comparison:
    """A measure live and as expected.

    Parameters
    ----------
    distance : the difference in its standard errors; NaN where there are too few trades.
    alarm : whether live is worse by more than luck.
    """

    measure: str
    live: float
    expected: float
    distance: float
    alarm: bool


@dataclass(frozen=True, eq=False)
class Monitor:
    """What live trading shows.

    Parameters
    ----------
    since : int64 ns UTC, of the first decision.
    n_decisions, n_outcomes, n_expected : live decisions, their closed trades, and those of research.
    measures : win rate and mean net return of taken trades, and the Sortino ratio of their calendar days.
    calibration : the mean net return of trades by fifths of the expected scores, live and as expected.
    drift : PSI of each factor of the live decisions against those of research, and its word, see
        `features.profiling.drift`.
    """

    model: str
    since: int
    n_decisions: int
    n_outcomes: int
    n_expected: int
    measures: tuple[Comparison, ...]
    calibration: tuple[dict[str, Any], ...]
    drift: tuple[dict[str, Any], ...]

    @property
    def alarms(self) -> list[str]:
        """What is worse than luck explains, one clause each."""
        worse = [
            f"{one.measure} is {one.live:.4g} live and {one.expected:.4g} expected"
            for one in self.measures
            if one.alarm
        ]
        moved = [one["factor"] for one in self.drift if one["drift"] == "shifted"]
        return worse + ([f"{len(moved)} factors have shifted, as {moved[0]}"] if moved else [])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return json_safe(
            {
                "model": self.model,
                "since": format_time(self.since),
                "n_decisions": self.n_decisions,
                "n_outcomes": self.n_outcomes,
                "n_expected": self.n_expected,
                "measures": [asdict(one) for one in self.measures],
                "calibration": list(self.calibration),
                "drift": list(self.drift),
                "alarms": self.alarms,
            }
        )


def monitor_live(
    settings: Settings, store: DecisionStore, *, since: int | None = None, progress: Progress = silent
) -> Monitor:
    """Hold the champion's live decisions and outcomes against what was expected.

    Parameters
    ----------
    since : int64 ns UTC; decisions on bars from then on. None: all of this model.

    Raises
    ------
    BadInput : if the model made no decision in that time, or there are no bars between its training and it.
    """
    artifact = load_artifact(settings.champion)
    if "trades" in artifact.manifest:
        raise BadInput("the model was trained on imported trades, which are not simulated: nothing is expected of it")
    rows = [
        row for row in store.decisions(since=since)
        if row["role"] == "champion" and row["model"] == artifact.fingerprint
    ]  # fmt: skip
    if not rows:
        raise BadInput(f"model {artifact.fingerprint} has made no decision in that time that is stored")
    first = int(rows[0]["decision_time"])
    expected, features = _expected(artifact, rows, settings, until=first, progress=progress)
    asked = {(row["strategy"], row["symbol"], row["timeframe"], row["decision_time"]): row for row in rows}
    outcomes = [
        outcome | {"score": asked[key]["score"]}
        for outcome in store.outcomes(since=first)
        if (key := (outcome["strategy"], outcome["symbol"], outcome["timeframe"], outcome["decision_time"])) in asked
    ]
    live = pd.DataFrame(outcomes, columns=["decision_time", "exit_time", "net_return", "size", "score"])
    return Monitor(
        model=artifact.fingerprint,
        since=first,
        n_decisions=len(rows),
        n_outcomes=len(live),
        n_expected=len(expected),
        measures=_measures(live, expected),
        calibration=_calibration(live, expected),
        drift=_drift([row["features"] for row in rows], features, artifact),
    )


def require_no_alarm(found: Monitor) -> None:
    """Refuse a model that does worse live than luck explains.

    Raises
    ------
    Refused : names what is worse.
    """
    if found.alarms:
        raise Refused(f"live differs from what was expected: {'; '.join(found.alarms)}")


def _expected(
    artifact: Artifact, rows: Sequence[dict[str, Any]], settings: Settings, *, until: int, progress: Progress
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return research's trades after the model's training that closed before a time, and their factors."""
    start = int(artifact.manifest["data_span"][1])
    tables, matrices = [], []
    series = sorted({(row["symbol"], row["timeframe"]) for row in rows})
    for done, (symbol, timeframe) in enumerate(series, start=1):
        chunk = load_model_chunk(artifact, symbol, timeframe, settings, end_time=until)
        settings.ledger.open_once(artifact.manifest["experiment"], [symbol], (start + 1, until), "monitor", look=True)
        table, features = research_rows(artifact, chunk, settings, start_time=start)
        closed = (table["exit_time"] < until).to_numpy()
        tables.append(table[closed])
        matrices.append(features[closed])
        progress("expected", done, len(series), chunk.name)
    if not sum(map(len, tables)):
        raise BadInput(
            f"no trade of research closed between the end of the model's training, {format_time(start)}, and its first "
            f"live decision, {format_time(until)}: there is nothing that live can be held against"
        )
    return pd.concat(tables, ignore_index=True), np.concatenate(matrices)


def _measures(live: pd.DataFrame, expected: pd.DataFrame) -> tuple[Comparison, ...]:
    taken, theirs = (table[table["size"] > 0] for table in (live, expected))
    won = [(table["net_return"] > 0).to_numpy(dtype=np.float64) for table in (taken, theirs)]
    earned = [table["net_return"].to_numpy(dtype=np.float64) for table in (taken, theirs)]
    return (
        _compared("win rate", *won),
        _compared("mean net return", *earned),
        # Its error is not known: shown, and no alarm.
        Comparison("Sortino", _sortino(taken), _sortino(theirs), math.nan, False),
    )


def _compared(measure: str, live: np.ndarray, expected: np.ndarray) -> Comparison:
    mine, theirs = (float(values.mean()) if len(values) else math.nan for values in (live, expected))
    if min(len(live), len(expected)) < _FEWEST:
        return Comparison(measure, mine, theirs, math.nan, False)
    error = math.sqrt(float(live.var(ddof=1)) / len(live) + float(expected.var(ddof=1)) / len(expected))
    distance = (mine - theirs) / error if error > 0 else math.nan
    return Comparison(measure, mine, theirs, distance, distance < -_LIMIT)


def _sortino(trades: pd.DataFrame) -> float:
    """Return the Sortino ratio of the days from the first exit to the last, each trade weighed by its size."""
    if len(trades) < 2:
        return math.nan
    day = trades["exit_time"].to_numpy(dtype=np.int64) // _DAY
    effect = (trades["size"] * trades["net_return"]).to_numpy(dtype=np.float64)
    daily = np.bincount(day - day.min(), weights=effect)
    return sortino(daily, days_per_year=365.25)


def _calibration(live: pd.DataFrame, expected: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    edges = np.quantile(expected["score"], np.arange(1, _N_GROUPS) / _N_GROUPS)
    found = []
    for group in range(_N_GROUPS):
        mine, theirs = (
            table[np.searchsorted(edges, table["score"].to_numpy(dtype=np.float64)) == group]["net_return"]
            for table in (live, expected)
        )
        found.append(
            {
                "scores": f"{'lowest' if group == 0 else 'highest' if group == _N_GROUPS - 1 else group + 1} fifth",
                "n_live": len(mine),
                "live": float(mine.mean()) if len(mine) else math.nan,
                "n_expected": len(theirs),
                "expected": float(theirs.mean()) if len(theirs) else math.nan,
            }
        )
    return tuple(found)


def _drift(live: Sequence[np.ndarray], expected: np.ndarray, artifact: Artifact) -> tuple[dict[str, Any], ...]:
    names = [*(feature.name for feature in artifact.features), *artifact.categories.names]
    rows = np.vstack([expected, *live])
    part = np.concatenate([np.zeros(len(expected), dtype=np.int64), np.ones(len(live), dtype=np.int64)])
    stability = population_stability(rows, part)
    found = [
        {"factor": name, "psi": float(index), "psi_by_luck": float(luck), "drift": word}
        for name, index, luck, word in zip(
            names, stability.index[0], stability.by_luck[0], stability.drift, strict=True
        )
    ]
    return tuple(sorted(found, key=lambda one: -one["psi"] if one["psi"] == one["psi"] else math.inf))
