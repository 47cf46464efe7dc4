"""Tracking in MLflow: where it is, what it can hold, and the runs written there; nothing else imports it.

Everything before it in `models` is pure: no clock, no network, no environment.
"""

__all__ = ["serialisation", "connection", "run_records", "served_model", "runs", "tracking_process"]
