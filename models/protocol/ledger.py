"""The ledger: every trial and every opening of a hold-out, kept for good in one SQLite file.

The best of many trials on the same symbols looks good by luck alone; the ledger counts how many there were.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tradesieve.market.errors import BadInput, Transient

_SCHEMA = """
CREATE TABLE IF NOT EXISTS trial (
    experiment TEXT NOT NULL, candidate TEXT NOT NULL, application TEXT NOT NULL, fitness REAL, sharpe REAL,
    PRIMARY KEY (experiment, candidate, application)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trial_symbol (
    symbol TEXT NOT NULL, experiment TEXT NOT NULL, PRIMARY KEY (symbol, experiment)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS opening (
    number INTEGER PRIMARY KEY, experiment TEXT NOT NULL, border INTEGER NOT NULL, reason TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS opening_symbol (
    symbol TEXT NOT NULL, opening INTEGER NOT NULL REFERENCES opening (number), PRIMARY KEY (symbol, opening)
) WITHOUT ROWID;
"""

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

    def record_trials(self, experiment: str, market: str, trials: Sequence[Mapping[str, Any]]) -> int:
        """Record trials; a repeated (experiment, candidate, application) replaces its numbers and adds no trial.

        Parameters
        ----------
        experiment : hash of the experiment.
        market : its symbols, joined by commas.
        trials : dicts with ``candidate``, ``application``, ``fitness`` and ``sharpe``; a failed trial has NaN or None
            for its numbers and counts too.

        Returns
        -------
        The number of new trials.
        """
        symbols = _checked_symbols(market.split(","))
        rows = []
        for trial in trials:
            missing = {"candidate", "application", "fitness", "sharpe"} - set(trial)
            if missing:
                raise BadInput(f"a trial of {experiment!r} has no {', '.join(sorted(missing))}: {dict(trial)}")
            # SQLite stores NaN as NULL.
            rows.append((experiment, trial["candidate"], trial["application"], trial["fitness"], trial["sharpe"]))
        count = "SELECT COUNT(*) FROM trial WHERE experiment = ?"
        with self._writing() as connection:
            before = connection.execute(count, (experiment,)).fetchone()[0]
            connection.executemany(
                "INSERT OR IGNORE INTO trial_symbol VALUES (?, ?)", [(symbol, experiment) for symbol in symbols]
            )
            connection.executemany("INSERT OR REPLACE INTO trial VALUES (?, ?, ?, ?, ?)", rows)
            after = connection.execute(count, (experiment,)).fetchone()[0]
        return int(after - before)

    def count_trials(self, symbols: Sequence[str]) -> int:
        """Count the trials of all experiments that share at least one of these symbols, failed ones included."""
        with self._connected() as connection:
            return int(connection.execute(*_among("SELECT COUNT(*) FROM trial", "trial", symbols)).fetchone()[0])

    def open_holdout(self, experiment: str, symbols: Sequence[str], border: int, reason: str) -> int:
        """Record the opening of a hold-out; call it before the hold-out is read, so that no opening is missed.

        Parameters
        ----------
        border : int64 ns UTC, where the hold-out begins.
        reason : why it was opened, in words.

        Returns
        -------
        The number of openings so far on any of these symbols, this one included: only the first is unbiased.
        """
        names = _checked_symbols(symbols)
        with self._writing() as connection:
            opening = connection.execute(
                "INSERT INTO opening (experiment, border, reason) VALUES (?, ?, ?)", (experiment, int(border), reason)
            ).lastrowid
            connection.executemany("INSERT INTO opening_symbol VALUES (?, ?)", [(name, opening) for name in names])
            query = _among("SELECT COUNT(*) FROM opening", "opening", symbols)
            return int(connection.execute(*query).fetchone()[0])

    def holdout_openings(self, symbols: Sequence[str]) -> list[dict[str, Any]]:
        """List the openings on any of these symbols, oldest first.

        Returns
        -------
        Dicts with ``number`` (in the whole ledger), ``experiment``, ``symbols``, ``border`` and ``reason``.
        """
        query, values = _among("SELECT number, experiment, border, reason FROM opening", "opening", symbols)
        of_opening = "SELECT symbol FROM opening_symbol WHERE opening = ? ORDER BY symbol"
        with self._connected() as connection:
            return [
                {
                    "number": number,
                    "experiment": experiment,
                    "symbols": [row[0] for row in connection.execute(of_opening, (number,))],
                    "border": border,
                    "reason": reason,
                }
                for number, experiment, border, reason in connection.execute(query + " ORDER BY number", values)
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
