"""The ledger: every trial and every opening of a hold-out, kept for good in one SQLite file.

The best of many trials on the same symbols looks good by luck alone; the ledger counts how many there were. A look at
results of a hold-out, without a winner to judge, is an opening like any other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput, Transient

_SCHEMA = """
CREATE TABLE IF NOT EXISTS trial (
    experiment TEXT NOT NULL, candidate TEXT NOT NULL, application TEXT NOT NULL, fitness REAL, sharpe REAL,
    improvement REAL, PRIMARY KEY (experiment, candidate, application)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trial_symbol (
    symbol TEXT NOT NULL, experiment TEXT NOT NULL, PRIMARY KEY (symbol, experiment)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS opening (
    number INTEGER PRIMARY KEY, experiment TEXT NOT NULL, border INTEGER NOT NULL, reason TEXT NOT NULL,
    until INTEGER, look INTEGER
);
CREATE TABLE IF NOT EXISTS opening_symbol (
    symbol TEXT NOT NULL, opening INTEGER NOT NULL REFERENCES opening (number), PRIMARY KEY (symbol, opening)
) WITHOUT ROWID;
"""

_ADDED_LATER = (("trial", "improvement", "REAL"), ("opening", "until", "INTEGER"), ("opening", "look", "INTEGER"))
"""Columns that an older ledger lacks; its trials and openings still count."""
_TRIAL = ("candidate", "application", "fitness", "sharpe", "improvement")
_WAIT = 30.0
"""Seconds to wait while another process writes."""


class Ledger:
    """Trials and openings of all experiments in one file.

    Each call is one transaction on a connection of its own, so threads and processes may share the file.

    Parameters
    ----------
    path : the SQLite file; it and its folder are created if missing.

    Raises
    ------
    BadInput : if the file cannot be opened, read or written (read-only, full disk, not a ledger); names the path. So
        does every method.
    Transient : if another process keeps the file locked for too long. So does every method.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"ledger {self.path} cannot be created: {error.strerror}") from error
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
            for table, column, kind in _ADDED_LATER:
                if column not in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    def record_trials(self, experiment: str, market: str, trials: Sequence[Mapping[str, Any]]) -> int:
        """Record trials; a repeated (experiment, candidate, application) replaces its numbers and adds no trial.

        Parameters
        ----------
        experiment : identifies the experiment and its bars, so that a rerun on more bars adds trials.
        market : its symbols, joined by commas.
        trials : dicts with ``candidate``, ``application``, ``fitness``, ``sharpe`` and ``improvement``, the Sharpe
            ratio of one day of what it adds to the baseline; a failed trial has NaN or None for its numbers and counts
            too.

        Returns
        -------
        The number of new trials.
        """
        symbols = _checked_symbols(market.split(","))
        rows = []
        for trial in trials:
            missing = set(_TRIAL) - set(trial)
            if missing:
                raise BadInput(f"a trial of {experiment!r} has no {', '.join(sorted(missing))}: {dict(trial)}")
            # SQLite stores NaN as NULL.
            rows.append((experiment, *(trial[name] for name in _TRIAL)))
        count = "SELECT COUNT(*) FROM trial WHERE experiment = ?"
        with self._writing() as connection:
            before = connection.execute(count, (experiment,)).fetchone()[0]
            connection.executemany(
                "INSERT OR IGNORE INTO trial_symbol VALUES (?, ?)", [(symbol, experiment) for symbol in symbols]
            )
            connection.executemany("INSERT OR REPLACE INTO trial VALUES (?, ?, ?, ?, ?, ?)", rows)
            after = connection.execute(count, (experiment,)).fetchone()[0]
        return int(after - before)

    def count_trials(self, symbols: Sequence[str]) -> int:
        """Count the trials of all experiments that share at least one of these symbols, failed ones included."""
        with self._connected() as connection:
            return int(connection.execute(*_among("SELECT COUNT(*) FROM trial", "trial", symbols)).fetchone()[0])

    def trial_improvements(self, symbols: Sequence[str]) -> np.ndarray:
        """Return the Sharpe ratios of one day of the improvement of these trials: float64, NaN where undefined."""
        query, values = _among("SELECT improvement FROM trial", "trial", symbols)
        with self._connected() as connection:
            return np.array([row[0] for row in connection.execute(query, values)], dtype=np.float64)

    def open_holdout(
        self, experiment: str, symbols: Sequence[str], period: tuple[int, int], reason: str, *, look: bool = False
    ) -> int:
        """Record the opening of a hold-out; call it before the hold-out is read, so that no opening is missed.

        Parameters
        ----------
        period : (start_time, end_time), int64 ns UTC, of the hold-out.
        reason : why it was opened, in words.
        look : whether its results are only looked at; otherwise a winner is judged on it.

        Returns
        -------
        The number of openings so far that share a symbol and a time with this one, which is included: only the first
        is unbiased.
        """
        names = _checked_symbols(symbols)
        start, end = (int(time) for time in period)
        with self._writing() as connection:
            opening = connection.execute(
                "INSERT INTO opening (experiment, border, reason, until, look) VALUES (?, ?, ?, ?, ?)",
                (experiment, start, reason, end, int(look)),
            ).lastrowid
            connection.executemany("INSERT INTO opening_symbol VALUES (?, ?)", [(name, opening) for name in names])
            query, values = _among("SELECT COUNT(*) FROM opening", "opening", symbols)
            overlapping = f"{query} AND border <= ? AND (until IS NULL OR until >= ?)"
            return int(connection.execute(overlapping, (*values, end, start)).fetchone()[0])

    def open_once(
        self, experiment: str, symbols: Sequence[str], period: tuple[int, int], reason: str, *, look: bool = False
    ) -> int:
        """Record an opening unless the same one was recorded before: it would show the same results again.

        Parameters
        ----------
        experiment, period, reason : those of the same opening are equal.
        symbols, look : as `open_holdout`.

        Returns
        -------
        As `open_holdout`, or the number that the opening had when it was recorded.
        """
        start, end = (int(time) for time in period)
        for number, known in enumerate(self.holdout_openings(symbols, period), start=1):
            is_same = (known["experiment"], known["border"], known["reason"]) == (experiment, start, reason)
            if is_same and known["until"] in (end, None):
                return number
        return self.open_holdout(experiment, symbols, period, reason, look=look)

    def holdout_openings(self, symbols: Sequence[str], period: tuple[int, int] | None = None) -> list[dict[str, Any]]:
        """List the openings on any of these symbols, oldest first; with `period`, those that share a time with it.

        Returns
        -------
        Dicts with ``number`` (in the whole ledger), ``experiment``, ``symbols``, ``border``, ``until`` (None in an old
        ledger, which overlaps every later time), ``reason`` and ``look``.
        """
        query, values = _among(
            "SELECT number, experiment, border, until, reason, look FROM opening", "opening", symbols
        )
        of_opening = "SELECT symbol FROM opening_symbol WHERE opening = ? ORDER BY symbol"
        with self._connected() as connection:
            return [
                {
                    "number": number,
                    "experiment": experiment,
                    "symbols": [row[0] for row in connection.execute(of_opening, (number,))],
                    "border": border,
                    "until": until,
                    "reason": reason,
                    "look": bool(look),
                }
                for number, experiment, border, until, reason, look in connection.execute(
                    query + " ORDER BY number", values
                )
                if period is None or (border <= period[1] and (until is None or until >= period[0]))
            ]

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            # No implicit transactions: `_writing` begins and ends them.
            with closing(sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)) as connection:
                yield connection
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise Transient(f"ledger {self.path} is locked by another process: {error}") from error
            raise BadInput(f"ledger {self.path} cannot be read or written: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as connection:
            # Lock first, so that a count inside is still true when it is written.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk has already rolled back on its own.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _checked_symbols(symbols: Sequence[str]) -> list[str]:
    names = sorted({symbol.strip() for symbol in symbols})
    if not names or not all(names) or any("," in name for name in names):
        raise BadInput(f"symbols are {list(symbols)}: at least one is needed, none may be empty or hold a comma")
    return names


def _among(query: str, table: str, symbols: Sequence[str]) -> tuple[str, list[str]]:
    """Restrict a query to rows that share a symbol; symbols are bound as values, never put into the query text."""
    names = _checked_symbols(symbols)
    key, link = ("experiment", "experiment") if table == "trial" else ("number", "opening")
    marks = ", ".join("?" * len(names))
    return f"{query} WHERE {key} IN (SELECT {link} FROM {table}_symbol WHERE symbol IN ({marks}))", names
