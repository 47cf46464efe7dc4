"""Retries: a request to an exchange is repeated while its failure may pass, each time after a longer wait."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tradesieve.market.errors import BadInput, Transient

_MAX_WAIT = 30.0
# ccxt calls these "not available", but a retry does not help: forbidden, gone, or closed to this country.
_FINAL = re.compile(r" (400|401|403|404|405|410|451) ")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class RetryPolicy:
    """How often a request is tried, with exponential backoff.

    Parameters
    ----------
    tries : how often in all, at least once.
    first_wait : seconds before the second try, doubled before each further one; the exchange's own Retry-After is used
        where it is longer.
    timeout : seconds after which a request without an answer has failed.
    sleep : the function that waits, in seconds.

    Raises
    ------
    BadInput : if `tries` is below 1, `first_wait` is negative, or `timeout` is not positive.
    """

    tries: int = 8
    first_wait: float = 0.5
    timeout: float = 10.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise BadInput(f"--tries is {self.tries}, but a request is tried at least once")
        if not (self.first_wait >= 0 and self.timeout > 0):
            raise BadInput(
                f"first_wait is {self.first_wait} and timeout {self.timeout}, but they must be seconds, from 0 and "
                "above 0"
            )


def with_retries(client: Any, request: Callable[[], Answer], policy: RetryPolicy) -> Answer:
    """Send a request until it is answered, or `policy` allows no further try.

    Parameters
    ----------
    client : the ccxt client that sends it.

    Raises
    ------
    Transient : if every try failed.
    BadInput : if the exchange refuses the request.
    """
    import ccxt

    for failures in range(1, policy.tries + 1):
        try:
            return request()
        except ccxt.OperationFailed as error:
            reason = _one_line(error)
            if _FINAL.search(f"{reason} "):
                raise BadInput(f"{client.id} refuses: {reason}") from error
            if failures == policy.tries:
                times = "once" if failures == 1 else f"{failures} times"
                raise Transient(
                    f"{client.id} does not answer, tried {times}: {reason}; bars received so far are stored, and the "
                    "same command continues from there"
                ) from error
            wait = policy.first_wait * 2 ** (failures - 1)
            policy.sleep(min(max(wait, _retry_after(client)), _MAX_WAIT))
        except ccxt.BaseError as error:
            raise BadInput(f"{client.id} refuses: {_one_line(error)}") from error
    raise BadInput("a request is tried at least once")


def _retry_after(client: Any) -> float:
    headers = client.last_response_headers or {}
    with suppress(KeyError, ValueError):
        return float(headers["Retry-After"])
    return 0.0


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
