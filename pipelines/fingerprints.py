"""Identity: when is a stored result still the result? When everything that made it is the same."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from tradesieve.pipelines.settings import ROOT


@cache
def code_fingerprint(*rooms: str) -> str:
    """Hash the source of rooms and the locked versions of what they call."""
    digest = hashlib.sha256()
    files = sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))
    for path in [*files, ROOT / "requirements.lock"]:
        if path.exists():
            digest.update(str(path.relative_to(ROOT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def identity(*parts: Any) -> str:
    """Hash plain values to a short name."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
