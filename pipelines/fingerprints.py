"""Cache keys from code and inputs: a stored result is reused only under the key of all that it follows from.

Code counts by room and by file content, so that any change in a room invalidates what the room made. The column cache
of `features.engine` is finer: it hashes the code of each factor by itself.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from tradesieve.pipelines.settings import ROOT


@cache
def code_fingerprint(*rooms: str) -> str:
    """Hash the source files of rooms and the locked versions of their dependencies."""
    digest = hashlib.sha256()
    files = sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))
    for path in [*files, ROOT / "requirements.lock"]:
        if path.exists():
            digest.update(str(path.relative_to(ROOT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def cache_key(*parts: Any) -> str:
    """Hash plain values to a short key."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
