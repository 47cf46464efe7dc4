"""Request ids: one name for a decision in the client's journal, the service's log and the stored decisions."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable

HEADER = "X-Request-ID"

_NAME = HEADER.lower().encode()
_ALLOWED = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


def new_request_id() -> str:
    """Make an id that no other request has."""
    return uuid.uuid4().hex


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id that a request brings, or a new one where it brings none, or one that is no plain short word."""
    for name, value in headers:
        if name == _NAME and _ALLOWED.fullmatch(value):
            return value.decode()
    return new_request_id()


def with_request_id(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with the id of its request."""
    return [*headers, (_NAME, request_id.encode())]
