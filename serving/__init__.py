"""Answers live bots over HTTP: request and response schemas, scoring, the BentoML service, its client, the export.

The service computes the features itself, from bars; training lives in `models`.
"""

__all__ = [
    "schemas",
    "problem_details",
    "bar_windows",
    "decision_bars",
    "scoring",
    "champion",
    "metrics",
    "endpoints",
    "service",
    "client",
    "export",
]
