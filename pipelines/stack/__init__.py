"""`tradesieve up`: the processes of Prefect, MLflow and the service, their ports, start and stop.

The servers themselves are libraries' own or `serving`.
"""

__all__ = ["ports", "processes", "supervisor"]
