"""Look-ups in figures."""

from __future__ import annotations

from typing import Any


def named(figure: Any, name: str) -> Any:
    """Return the trace of a name, of which there is one."""
    (trace,) = (trace for trace in figure.data if trace.name == name)
    return trace
