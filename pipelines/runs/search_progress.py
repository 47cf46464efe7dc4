"""Progress of a search: the best trial so far, and the time that is left."""

from __future__ import annotations

import math
import time

from tradesieve.models.protocol.trials import Trial
from tradesieve.pipelines.progress import Progress


class SearchProgress:
    """Reports finished fits with the time that is left and the best trial so far.

    Parameters
    ----------
    seconds : that the search may take; None: as many as it needs.
    """

    def __init__(self, report: Progress, *, seconds: float | None = None) -> None:
        self._report, self._limit, self._started = report, seconds, time.monotonic()
        self._best: Trial | None = None
        self._first: tuple[int, float] | None = None

    def judged(self, trial: Trial) -> None:
        """Take note of a judged trial."""
        if math.isfinite(trial.fitness) and (self._best is None or trial.fitness > self._best.fitness):
            self._best = trial

    def fitted(self, done: int, total: int, name: str) -> None:
        """Report a finished fit: how many are done of the most that there can be, and the candidate's name."""
        now = time.monotonic()
        left = self._seconds_left(done, total, now)
        details = [name if self._best is None else f"best {self._best.fitness:.3g} by {self._best.candidate.name}"]
        if left is not None:
            details.append(f"{_in_words(left)} left")
        self._report("search", done, total, ", ".join(reversed(details)))

    def _seconds_left(self, done: int, total: int, now: float) -> float | None:
        if self._first is None:
            self._first = (done, now)
        n_since, since = done - self._first[0], now - self._first[1]
        needed = since / n_since * (total - done) if n_since else None
        if self._limit is None:
            return needed
        allowed = max(0.0, self._started + self._limit - now)
        return allowed if needed is None else min(needed, allowed)


def _in_words(seconds: float) -> str:
    if seconds < 60.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 3600.0 else f"{seconds / 3600.0:.1f} h"
