"""The decision log: every decision goes to the store, and none waits for it.

A request leaves its decision in memory. A thread writes what has come, many decisions in one short transaction, twice a
second; at the end of a process, whatever is left. While the database cannot be written, decisions are kept and tried
again, up to a limit.

At the level DEBUG, the logger ``tradesieve.serving`` writes each as a line of JSON with the id of its request.

``TRADESIEVE_DECISIONS`` is the URL of the database, ``decisions.db`` in the state folder unless it is given, ``none``
for none; ``TRADESIEVE_DECISIONS_DAYS`` says for how many days decisions are kept.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tradesieve.market.errors import BadInput
from tradesieve.serving.decision_store import DecisionStore, Record, open_store

URL_VARIABLE, DAYS_VARIABLE = "TRADESIEVE_DECISIONS", "TRADESIEVE_DECISIONS_DAYS"

_DEFAULT_DAYS = 90.0
_SECONDS = 0.5
"""Between two transactions."""
_MOST_AT_ONCE = 1000
_MOST_WAITING = 100_000
"""Decisions kept while the database cannot be written, about 0.5 GB where each brings bars of its own."""
_MOST_KNOWN = 20_000
"""Fingerprints of windows that are remembered as written."""
_HOUR, _DAY_NS = 3600.0, 86_400_000_000_000

logger = logging.getLogger("tradesieve.serving")


@dataclass(frozen=True)
class LogSettings:
    """Where decisions go, and how long they stay.

    Parameters
    ----------
    url : None: nowhere.
    """

    url: str | None
    days: float


def read_log_settings(environment: Mapping[str, str]) -> LogSettings:
    """Read where decisions go.

    Raises
    ------
    BadInput : if the number of days is not above 0.
    """
    home = Path(environment.get("TRADESIEVE_HOME") or "var").absolute()
    url = environment.get(URL_VARIABLE) or f"sqlite:///{home / 'decisions.db'}"
    text = environment.get(DAYS_VARIABLE) or str(_DEFAULT_DAYS)
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0.0 < days < 1e6:
        raise BadInput(f"{DAYS_VARIABLE} is {text!r}, but must be a number of days above 0")
    return LogSettings(None if url == "none" else url, days)


class DecisionLog:
    """Writes and counts decisions off the path of requests. Thread-safe.

    Parameters
    ----------
    store : where they go; the log closes it. None: they are only counted.
    days : how long they stay.
    observe : called with each decision, in the log's own thread.
    shadow : gives the answers of challengers to a decision, to be logged beside it; see `serving.challengers`.
    """

    def __init__(
        self,
        store: DecisionStore | None,
        *,
        days: float = _DEFAULT_DAYS,
        observe: Callable[[Record], None] | None = None,
        shadow: Callable[[Record], Iterable[Record]] | None = None,
    ) -> None:
        self.store, self._days, self._observe, self._shadow = store, days, observe, shadow
        self._waiting: deque[Record] = deque()
        self._n_lost = 0
        self._known: set[str] = set()
        self._stop = threading.Event()
        self._pruned = -_HOUR
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)
        self._thread.start()

    def add(self, record: Record) -> None:
        """Take a decision; it is in the store within a second."""
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(record)
        else:
            self._n_lost += 1

    @property
    def n_waiting(self) -> int:
        """Decisions that are not in the store yet."""
        return len(self._waiting)

    def close(self) -> None:
        """Write what is left, and close the store."""
        self._stop.set()
        self._thread.join(30.0)
        while self._waiting and self._write():
            pass
        if lost := len(self._waiting) + self._n_lost:
            logger.error("%d decisions are lost: the store could not be written", lost)
        if self.store is not None:
            self.store.close()

    def _run(self) -> None:
        while not self._stop.wait(_SECONDS):
            while self._waiting and self._write() and not self._stop.is_set():
                pass
            if time.monotonic() - self._pruned > _HOUR:
                self._prune()

    def _write(self) -> bool:
        """Write the oldest decisions; they leave memory once they are in the store."""
        taken = [self._waiting[i] for i in range(min(_MOST_AT_ONCE, len(self._waiting)))]
        batch = [*taken, *self._shadows(taken)]
        try:
            if self.store is not None:
                self.store.write(batch, self._known)
        except Exception as error:  # a database may fail in any way; the service goes on
            if not self._failing:
                logger.error("decisions cannot be stored, they are kept and tried again: %s", first_line(error))
            self._failing = True
            return False
        if self._failing:
            logger.warning("decisions are stored again")
        self._failing = False
        for _ in taken:
            self._waiting.popleft()
        for record in batch:
            if self._observe is not None:
                self._observe(record)
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug("%s", _line(record))
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        return True

    def _shadows(self, taken: Sequence[Record]) -> list[Record]:
        return [] if self._shadow is None else [answer for record in taken for answer in self._shadow(record)]

    def _prune(self) -> None:
        self._pruned = time.monotonic()
        if self.store is None:
            return
        # What is remembered as written may be what is deleted now.
        self._known.clear()
        try:
            deleted = self.store.prune(time.time_ns() - int(self._days * _DAY_NS))
        except Exception as error:
            logger.error("old decisions cannot be deleted: %s", first_line(error))
            return
        if deleted:
            logger.info("deleted %d decisions older than %g days", deleted, self._days)


def open_log(
    settings: LogSettings,
    *,
    observe: Callable[[Record], None] | None = None,
    shadow: Callable[[Record], Iterable[Record]] | None = None,
) -> DecisionLog:
    """Start to log decisions.

    Parameters
    ----------
    observe, shadow : see `DecisionLog`.

    Raises
    ------
    BadInput : if the database cannot be reached or written.
    """
    store = None if settings.url is None else open_store(settings.url)
    return DecisionLog(store, days=settings.days, observe=observe, shadow=shadow)


def _line(record: Record) -> str:
    shown = ("request_id", "role", "model", "strategy", "symbol", "timeframe", "side", "decision_time", "score", "size",
             "accept", "reasons", "stages")  # fmt: skip
    return json.dumps({name: getattr(record, name) for name in shown})


def first_line(error: Exception) -> str:
    """Return what a database said, without the statement that it said it of."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
