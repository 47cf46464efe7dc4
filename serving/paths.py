"""The paths of the service. Each stands under the version of the interface, ``/v1``, and without it, as an alias.

Within a version, nothing that a request may hold goes, changes its meaning or becomes required, and nothing that a
response holds goes: there may be more in it.
"""

from __future__ import annotations

VERSION = "/v1"

PATHS = {
    "/score": "POST {strategy, symbol, timeframe, side, decision_time, bars or null, and what GET /model says that the "
    "model needs: stop, target, agreeing, results, others}: accept the trade, at which size?",
    "/score/batch": "POST {candidates, shared}: several such trades, and bars that they share: accept which, at which "
    "size?",
    "/stream": "GET a WebSocket: each message is what POST /score or POST /bars takes, each answer what it gives",
    "/bars": "POST {symbol, timeframe, bars, replace}: append closed bars to the service's own window",
    "/outcomes": "POST {outcomes}: store how trades ended, to be held against what was expected",
    "/model": "GET the manifest of the model that answers, its fingerprint, and what a decision needs by timeframe",
    "/admin/reload": "POST {}: look at once whether there is another model to answer with",
    "/health": "GET whether it answers with the model that it should, and if not, since it refused that one",
    "/livez": "GET whether the process lives",
    "/readyz": "GET whether it answers",
    "/metrics": "GET counters for Prometheus",
    "/openapi.json": "GET a description of all this for programs",
}
"""Path to what it answers."""

METHODS = {"/score": "POST", "/score/batch": "POST", "/bars": "POST", "/outcomes": "POST", "/admin/reload": "POST"}
"""Path to its method where it is not GET."""

VERSIONED = ("/score", "/score/batch", "/stream", "/bars", "/outcomes", "/model", "/admin/reload")
"""The paths of the interface; those of operation have no version."""

ARROW_PATHS = ("/score", "/bars")
"""The paths that read Arrow streams too."""


OPEN_PATHS = ("/health", "/livez", "/readyz")
"""The paths that need no key: whether it answers."""


def plain(path: str) -> str:
    """Return a path without its version."""
    unversioned = path.removeprefix(VERSION)
    return unversioned if unversioned in VERSIONED else path
