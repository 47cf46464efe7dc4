"""Answers live bots over HTTP: request and response schemas, scoring, the BentoML service, its client, the export.

The service computes the features itself, from bars; training lives in `models`.
"""

__all__ = [
    "workers",
    "schemas",
    "problem_details",
    "arrow_bodies",
    "window_store",
    "bar_windows",
    "responses",
    "sent_bars",
    "decision_bars",
    "request_ids",
    "decision_store",
    "decision_log",
    "challengers",
    "scoring",
    "last_good",
    "champion",
    "metrics",
    "connections",
    "stream",
    "endpoints",
    "service",
    "in_process",
    "client_calls",
    "client",
    "export",
]
