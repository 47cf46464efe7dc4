"""What ``/metrics`` says: counts for Prometheus, in its text format, kept in memory.

Addresses are counted by a fixed list, so that nobody can make the service keep a series for every address he invents.
"""

from __future__ import annotations

import bisect
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0)
"""Seconds. A decision takes well under a thousandth; what matters is the tail."""


class Metrics:
    """Counts of this process since it started."""

    def __init__(self) -> None:
        self._decisions: Counter[str] = Counter()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._within = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._lock = threading.Lock()

    def decided(self, accept: bool) -> None:
        """Count a decision."""
        with self._lock:
            self._decisions["accept" if accept else "refuse"] += 1

    def answered(self, address: str, status: int) -> None:
        """Count a request to one of the service's addresses, or to ``other``."""
        with self._lock:
            self._requests[address, status] += 1

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Time a request for a decision, from its arrival in the application to the answer."""
        start = perf_counter()
        try:
            yield
        finally:
            seconds = perf_counter() - start
            with self._lock:
                self._within[bisect.bisect_left(BUCKETS, seconds)] += 1
                self._seconds += seconds

    def text(self, *, fingerprint: str, n_swaps: int, n_refused_artifacts: int) -> str:
        """Write all counts, with the model that answers now."""
        with self._lock:
            decisions, requests = dict(self._decisions), sorted(self._requests.items())
            within, seconds = list(self._within), self._seconds
        bounds = [*(f"{bound:g}" for bound in BUCKETS), "+Inf"]
        cumulative = [sum(within[: i + 1]) for i in range(len(within))]
        name = "tradesieve_score_seconds"
        lines = [
            *_family("tradesieve_decisions_total", "counter", "Decisions answered."),
            *(
                f'tradesieve_decisions_total{{outcome="{outcome}"}} {decisions.get(outcome, 0)}'
                for outcome in ("accept", "refuse")
            ),
            *_family("tradesieve_requests_total", "counter", "Requests answered, by address and status."),
            *(
                f'tradesieve_requests_total{{endpoint="{address}",status="{status}"}} {n}'
                for (address, status), n in requests
            ),
            *_family(name, "histogram", "Time from a request's arrival to its answer."),
            *(f'{name}_bucket{{le="{bound}"}} {n}' for bound, n in zip(bounds, cumulative, strict=True)),
            f"{name}_sum {seconds!r}",
            f"{name}_count {cumulative[-1]}",
            *_family("tradesieve_model_swaps_total", "counter", "Artifacts that took over."),
            f"tradesieve_model_swaps_total {n_swaps}",
            *_family("tradesieve_model_refusals_total", "counter", "Artifacts that were refused."),
            f"tradesieve_model_refusals_total {n_refused_artifacts}",
            *_family("tradesieve_model_info", "gauge", "The artifact that answers."),
            f'tradesieve_model_info{{fingerprint="{fingerprint}"}} 1',
        ]
        return "\n".join(lines) + "\n"


def _family(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"
