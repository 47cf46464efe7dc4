"""The audit: stored decisions are made once more, as research makes them, and each difference gets its cause.

    data     the bars of the decision are not those that are stored now
    factor   a factor, computed again from the decision's own bars, is another number
    model    another model answered than the one exported, or its score of the decision's own factors is another number
    fill     a trade entered or left at another time or price than research simulates

Each step is held against what the step before gave live, so that one cause is not counted as the next.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.bars import COLUMNS, Bars, format_time
from tradesieve.market.errors import BadData, BadInput, TradesieveError
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.artifact.artifact import Artifact, load_artifact
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.export_record import ExportRecord, read_exports
from tradesieve.pipelines.runs.research_trades import load_model_chunk, research_trades
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.decision_store import DecisionStore, decisions_of
from tradesieve.strategies.instance import Instance

CAUSES = ("data", "factor", "model", "fill")

_SWAP = 60_000_000_000
"""Nanoseconds in which workers swap to a new export."""
_AT_ONCE = 2000
_GUARDED = ("refused by a guard", "passed without the filter by a guard")
_FILLS = ("entry_time", "exit_time", "entry_price", "exit_price", "exit_reason")


@dataclass
class Finding:
    """One cause of differences.

    Parameters
    ----------
    cause : one of `CAUSES`.
    subject : what differs, such as a factor or a series.
    first_time : int64 ns UTC of the first bar, decision or fill that differs.
    first : a sentence about that one.
    n : how many differ.
    """

    cause: str
    subject: str
    first_time: int
    first: str
    n: int = 1


@dataclass
class Audit:
    """The findings, and how much was looked at.

    Parameters
    ----------
    n_decisions, n_replayed, n_trades : decisions in the store, those that could be made again, and closed trades of
        journals that were compared.
    skipped : why decisions could not be made again, and how many.
    models : decisions by fingerprint.
    """

    n_decisions: int = 0
    n_replayed: int = 0
    n_trades: int = 0
    skipped: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    models: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _found: dict[tuple[str, str], Finding] = field(default_factory=dict)

    def add(self, cause: str, subject: str, time: int, text: str) -> None:
        """Count a difference; the earliest one of its subject is shown."""
        known = self._found.get((cause, subject))
        if known is None:
            self._found[cause, subject] = Finding(cause, subject, time, text)
            return
        known.n += 1
        if time < known.first_time:
            known.first_time, known.first = time, text

    @property
    def findings(self) -> list[Finding]:
        """The findings, by cause and time."""
        return sorted(self._found.values(), key=lambda one: (CAUSES.index(one.cause), one.first_time, one.subject))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "n_decisions": self.n_decisions,
            "n_replayed": self.n_replayed,
            "n_trades": self.n_trades,
            "skipped": dict(self.skipped),
            "models": dict(self.models),
            "findings": [
                {**vars(one), "first_time": format_time(one.first_time), "first_time_ns": one.first_time}
                for one in self.findings
            ],
        }


def audit_decisions(
    settings: Settings,
    store: DecisionStore,
    *,
    since: int | None = None,
    until: int | None = None,
    progress: Progress = silent,
) -> Audit:
    """Make stored decisions once more and explain what differs.

    Parameters
    ----------
    since, until : int64 ns UTC of the decisions' bars; None: all.

    Raises
    ------
    BadInput : if there are no decisions in that time.
    """
    audit, bars = Audit(), _ResearchBars(settings)
    artifacts, exports = _Artifacts(settings), read_exports(settings)
    rows = [row for row in store.decisions(since=since, until=until) if row["role"] == "champion"]
    if not rows:
        raise BadInput("no decision is stored in that time: let a bot ask the service, or name another --since")
    audit.n_decisions = len(rows)
    for start in range(0, len(rows), _AT_ONCE):
        batch = rows[start : start + _AT_ONCE]
        windows = store.windows(name for row in batch for name in (row["window"], *row["others"].values()))
        for row in batch:
            _audit_one(row, windows, audit=audit, artifacts=artifacts, exports=exports, bars=bars)
        progress("audit", min(start + _AT_ONCE, len(rows)), len(rows), "decisions")
    _audit_fills(rows, audit, artifacts, bars, settings)
    return audit


def _audit_one(
    row: dict[str, Any],
    windows: dict[str, Bars],
    *,
    audit: Audit,
    artifacts: _Artifacts,
    exports: ExportRecord,
    bars: _ResearchBars,
) -> None:
    audit.models[row["model"]] += 1
    time, model = row["decision_time"], row["model"]
    expected = {exports.at(row["time"]), exports.at(row["time"] - _SWAP)}
    if None not in expected and model not in expected:
        other = exports.at(row["time"])
        audit.add("model", model, time, f"{model} answered at {format_time(time)}, but {other} was exported")
    artifact, window = artifacts.get(model), windows.get(row["window"])
    others = {symbol: windows[name] for symbol, name in row["others"].items() if name in windows}
    for fingerprint in (row["window"], *row["others"].values()):
        if fingerprint in windows:
            bars.compare(fingerprint, windows[fingerprint], audit)
    if artifact is None:
        audit.skipped[f"model {model} is not among the released ones"] += 1
    elif window is None or len(others) < len(row["others"]):
        audit.skipped["their bars were deleted"] += 1
    else:
        audit.n_replayed += 1
        _replay(row, artifact, window, others, audit)


def _replay(row: dict[str, Any], artifact: Artifact, window: Bars, others: dict[str, Bars], audit: Audit) -> None:
    time, name = row["decision_time"], str(Instance(row["strategy"], row["symbol"], row["timeframe"]))
    when = f"{name} at {format_time(time)}"
    decision = decisions_of(time, row["side"], row["terms"])
    now = artifact.columns(window, decision, others=others, instance_names=[name])[0]
    live = row["features"]
    names = [*(feature.name for feature in artifact.features), *artifact.categories.names]
    for column in np.flatnonzero((now != live) & ~(np.isnan(now) & np.isnan(live))):
        text = f"{when}: {names[column]} was {float(live[column])!r} live and is {float(now[column])!r} in research"
        audit.add("factor", names[column], time, text)
    score = float(artifact.model.predict(live[np.newaxis])[0])
    if score != row["score"]:
        text = f"{when}: the score of the same factors was {row['score']!r} live and is {score!r} in research"
        audit.add("model", row["model"], time, text)
    size = float(artifact.sizes(np.array([row["score"]]), [name])[0])
    if size != row["size"] and not any(reason.startswith(_GUARDED) for reason in row["reasons"]):
        text = f"{when}: the size of the same score was {row['size']!r} live and is {size!r} in research"
        audit.add("model", row["model"], time, text)


class _Artifacts:
    """The released models by fingerprint, each loaded once."""

    def __init__(self, settings: Settings) -> None:
        self._folders = [*sorted((settings.home / "released").glob("*/")), settings.champion]
        self._loaded: dict[str, Artifact] | None = None

    def get(self, fingerprint: str) -> Artifact | None:
        if self._loaded is None:
            self._loaded = {}
            for folder in self._folders:
                try:
                    artifact = load_artifact(folder)
                except TradesieveError:
                    continue  # what cannot be loaded answers nothing, and is named as skipped
                self._loaded[artifact.fingerprint] = artifact
        return self._loaded.get(fingerprint)


class _ResearchBars:
    """The stored bars, and where those of decisions differ from them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stored: dict[tuple[str, str], Bars | None] = {}
        self._done: set[str] = set()
        self.different: dict[tuple[str, str], set[int]] = defaultdict(set)

    def compare(self, fingerprint: str, live: Bars, audit: Audit) -> None:
        """Note each bar of a window that is another one in the store. Bars after the stored ones are left alone."""
        series = (live.symbol, str(live.timeframe))
        if fingerprint in self._done:
            return
        self._done.add(fingerprint)
        stored = self._of(*series)
        if stored is None or not len(stored):
            audit.skipped[f"no bars of {live.symbol} {live.timeframe} are stored to compare with"] += 1
            return
        known = live.between(None, int(stored.close_time[-1]))
        if not len(known):
            return
        research = stored.between(int(known.close_time[0]) - 1, int(known.close_time[-1]))
        _, mine, theirs = np.intersect1d(known.close_time, research.close_time, return_indices=True)
        for time in np.setxor1d(known.close_time, research.close_time).tolist():
            where = "live" if time in known.close_time else "in the store"
            self._note(audit, series, time, f"{live.symbol} {live.timeframe} has a bar only {where}")
        for name in COLUMNS[1:]:
            before, now = getattr(known, name)[mine], getattr(research, name)[theirs]
            for place in np.flatnonzero(before != now).tolist():
                said = f"the {name} of {live.symbol} {live.timeframe} was {before[place]!s} live and is {now[place]!s}"
                self._note(audit, series, int(known.close_time[mine[place]]), f"{said} in the store")

    def _note(self, audit: Audit, series: tuple[str, str], time: int, text: str) -> None:
        if time not in self.different[series]:
            self.different[series].add(time)
            audit.add("data", " ".join(series), time, f"bar that closes at {format_time(time)}: {text}")

    def _of(self, symbol: str, timeframe: str) -> Bars | None:
        if (symbol, timeframe) not in self._stored:
            try:
                loaded = self._settings.bars.load(symbol, parse_timeframe(timeframe))
            except (BadInput, BadData):
                loaded = None
            self._stored[symbol, timeframe] = loaded
        return self._stored[symbol, timeframe]


def _audit_fills(
    rows: Sequence[dict[str, Any]], audit: Audit, artifacts: _Artifacts, bars: _ResearchBars, settings: Settings
) -> None:
    """Compare the closed trades of the journals in which these decisions stand with those of research."""
    models = {row["request_id"]: row["model"] for row in rows}
    by_series: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for trade in _journalled(settings.home / "journal", models):
        by_series[trade["model"], trade["symbol"], trade["timeframe"]].append(trade)
    for (model, symbol, timeframe), trades in by_series.items():
        artifact = artifacts.get(model)
        if artifact is None or "trades" in artifact.manifest:
            continue
        try:
            chunk = load_model_chunk(artifact, symbol, timeframe, settings)
        except TradesieveError as error:
            audit.skipped[f"trades of {symbol} {timeframe} cannot be simulated: {error}"] += len(trades)
            continue
        first = min(trade["decision_time"] for trade in trades)
        table = research_trades(artifact, chunk, settings, start_time=first - 1)
        research: dict[tuple[str, int], dict[Any, Any]] = {
            (each["strategy"], each["decision_time"]): each for each in table.to_dict("records")
        }
        different = bars.different.get((symbol, timeframe), set())
        last_bar = int(chunk.bars.close_time[-1])
        for trade in trades:
            if trade["exit_time"] > last_bar:
                continue
            audit.n_trades += 1
            found = research.get((trade["strategy"], trade["decision_time"]))
            said = _fill_difference(trade, found)
            if said is None:
                continue
            # Research on other bars holds other positions from then on.
            cause = "data" if any(time <= trade["exit_time"] for time in different) else "fill"
            when = f"{trade['strategy']} on {symbol} {timeframe}, decided at {format_time(trade['decision_time'])}"
            subject = f"trades of {symbol} {timeframe}"
            audit.add(cause, subject, int(trade["entry_time"]), f"{when}: {said}")


def _fill_difference(live: dict[str, Any], research: dict[Any, Any] | None) -> str | None:
    if research is None:
        return "research has no such trade"
    for name in _FILLS:
        if live[name] != research[name]:
            return f"{name} was {live[name]!r} live and is {research[name]!r} in research"
    return None


def _journalled(folder: Path, models: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Read the closed trades whose decision is one of those given, with its model."""
    for path in sorted(folder.glob("*.jsonl")):
        asked: dict[tuple[str, str, str, int], str] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # cut short by a crash
            if entry["event"] == "decision" and entry.get("request_id") in models:
                key = (entry["strategy"], entry["symbol"], entry["timeframe"], entry["time"])
                asked[key] = models[entry["request_id"]]
            elif entry["event"] == "closed":
                key = (entry["strategy"], entry["symbol"], entry["timeframe"], entry["decision_time"])
                if key in asked:
                    yield {**entry, "model": asked[key]}
