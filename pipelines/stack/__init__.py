"""The processes behind `tradesieve up`: Prefect, MLflow and the scoring service, started and stopped together.

The servers themselves come from the libraries and from `serving`.
"""

__all__ = ["ports", "processes", "configuration", "health", "supervisor"]
