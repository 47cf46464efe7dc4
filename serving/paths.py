"""The paths of the service. Each stands under the version of the interface, ``/v1``, and without it, as an alias.

Within a version, nothing that a request may hold goes, changes its meaning or becomes required, and nothing that a
response holds goes: there may be more in it.
"""

from __future__ import annotations

VERSION = "/v1"

PATHS = {
    "/score": "POST {strategy, symbol, timeframe, side, decision_time, bars or null, and what GET /model says that the "
    "model needs: stop, target, agreeing, results, others}: accept the trade, at which size?",
    "/bars": "POST {symbol, timeframe, bars, replace}: append closed bars to the service's own window",
    "/model": "GET the manifest of the model that answers, its fingerprint, and what a decision needs by timeframe",
    "/health": "GET whether it answers with the model that it should, and if not, since it refused that one",
    "/livez": "GET whether the process lives",
    "/readyz": "GET whether it answers",
    "/metrics": "GET counters for Prometheus",
    "/openapi.json": "GET a description of all this for programs",
}
"""Path to what it answers."""

METHODS = {"/score": "POST", "/bars": "POST"}
"""Path to its method where it is not GET."""

VERSIONED = ("/score", "/bars", "/model")
"""The paths of the interface; those of operation have no version."""


def plain(path: str) -> str:
    """Return a path without its version."""
    unversioned = path.removeprefix(VERSION)
    return unversioned if unversioned in VERSIONED else path
