"""Rate limits: how many requests a key may send, so that a bot that runs wild does not take the others' turn.

The environment variable ``TRADESIEVE_RATE_LIMIT`` is off by default, and written as ``200/second``, ``6000/minute`` or
``100000/hour``: so many at once, and as many again over each such time. Each worker counts on its own. A batch counts
as its candidates, and each message of a stream as a request. Without keys, all of this machine share one limit.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping

from starlette.types import Scope

from tradesieve.market.errors import BadInput
from tradesieve.serving.paths import OPEN_PATHS
from tradesieve.serving.problem_details import Problem

RATE_VARIABLE = "TRADESIEVE_RATE_LIMIT"

_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
_WRITTEN = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour)")


class RateLimit:
    """Counts requests by key: the generic cell rate algorithm, which keeps one number for each.

    Parameters
    ----------
    count, seconds : requests that a key may send at once, and again in as many seconds.
    now : seconds of a clock that never goes back.
    """

    def __init__(self, count: int, seconds: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._count, self._seconds, self._now = count, seconds, now
        self._free: dict[bytes, float] = {}  # when a key has its whole count again

    def wait(self, key: bytes, n_requests: int = 1) -> float:
        """Count requests, and return 0; or count nothing, and return the seconds until they are allowed."""
        now = self._now()
        # More than the whole count would never be allowed.
        cost = min(n_requests, self._count) * self._seconds / self._count
        free = max(now, self._free.get(key, now)) + cost
        if free - now > self._seconds * (1 + 1e-9):
            return free - now - self._seconds
        self._free[key] = free
        return 0.0

    def refusal(self, scope: Scope, n_requests: int = 1) -> Problem | None:
        """Count requests that `serving.access` has allowed; return why they are refused, None if they are not."""
        if scope["path"] in OPEN_PATHS or n_requests < 1:
            return None
        key = _key_of(scope) if scope["app"].state.access.roles else b""
        seconds = math.ceil(self.wait(key, n_requests))
        if not seconds:
            return None
        return Problem(
            429,
            "too-many",
            f"the key has sent more than {self._count} requests in {self._seconds:,.0f} s",
            hint=f"wait {seconds} s, or raise {RATE_VARIABLE} of the service",
            retry_after=seconds,
        )


def read_rate_limit(environment: Mapping[str, str]) -> RateLimit | None:
    """Read how many requests a key may send; None: as many as it likes.

    Raises
    ------
    BadInput : if it is not written ``COUNT/second``, ``COUNT/minute`` or ``COUNT/hour``.
    """
    text = environment.get(RATE_VARIABLE, "").strip()
    if not text:
        return None
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise BadInput(f"{RATE_VARIABLE} is {text!r}, but is written COUNT/second, COUNT/minute or COUNT/hour")
    return RateLimit(int(found[1]), _SECONDS[found[2]])


def _key_of(scope: Scope) -> bytes:
    """Return the key as `serving.access` reads it: written otherwise it is the same."""
    given = b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            given = value.partition(b" ")[2].strip()
    return given
