"""The only door to MLflow: where it is, what it can hold, and the runs written there.

Everything left of here is pure: no clock, no network, no environment.
"""

__all__ = ["serialisation", "connection", "runs"]
