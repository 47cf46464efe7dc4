"""Workers: how many processes answer, and where they keep what they share."""

from __future__ import annotations

from collections.abc import Mapping

from tradesieve.market.errors import BadInput

STATE_VARIABLE, WORKERS_VARIABLE = "TRADESIEVE_SERVICE_STATE", "TRADESIEVE_WORKERS"

_MOST_WORKERS = 64


def read_workers(environment: Mapping[str, str]) -> int:
    """Read the number of workers, two by default: while one that died starts again, the other answers.

    Raises
    ------
    BadInput : if it is not a whole number from 1 to 64.
    """
    text = environment.get(WORKERS_VARIABLE) or "2"
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_WORKERS):
        raise BadInput(f"{WORKERS_VARIABLE} is {text!r}, but must be a whole number from 1 to {_MOST_WORKERS}")
    return int(text)
