"""The runs of an experiment in MLflow, for the tests."""

from __future__ import annotations

from tradesieve.models.tracking.connection import TrackingStore, connect, experiment_id


def finished_runs(store: TrackingStore, experiment: str) -> list[str]:
    """List the finished runs of an experiment, by its hash."""
    condition = f"tags.`tradesieve.experiment` = '{experiment}' and attributes.status = 'FINISHED'"
    return [run.info.run_id for run in connect(store).search_runs([experiment_id(store)], condition)]
