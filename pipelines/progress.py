"""Progress: how a step says how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int, str], None]
"""Called with the name of a stage, the number done, the number in all, and what is being done now."""


def silent(stage: str, done: int, total: int, detail: str) -> None:
    """Say nothing."""
