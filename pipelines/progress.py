"""Progress: how a step reports how far it is, whoever listens."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int, str], None]
"""Called with the name of a stage, the number done, the total, and what is being done now."""


def silent(stage: str, done: int, total: int, detail: str) -> None:
    """Report nothing."""
