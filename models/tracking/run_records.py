"""Single MLflow runs: names, parameters, metrics with steps, datasets, and the times between which they ran."""

from __future__ import annotations

import contextlib
import getpass
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradesieve.market.errors import BadInput
from tradesieve.models.tracking.serialisation import params_of, split_metrics, split_steps

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric

SKIPPED_TAG = "tradesieve.skipped_metrics"
"""The tag with the names of the metrics that are not finite."""
_PARENT_TAG = "mlflow.parentRunId"
_LONGEST_TAG = 8000
_METRICS_AT_ONCE = 1000


@dataclass(frozen=True)
class TrackedDataset:
    """A dataset that a run read, as MLflow lists it.

    Parameters
    ----------
    name : shown in the list of runs.
    fingerprint : of its content; at most 36 characters.
    context : what it was for, such as ``development``.
    location : folder or URI of the bars that it was made from.
    columns : the names of its numeric columns.
    profile : plain values that describe it, such as the number of rows.
    """

    name: str
    fingerprint: str
    context: str
    location: str
    columns: Sequence[str]
    profile: Mapping[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def open_run(
    client: MlflowClient,
    experiment: str,
    content: Mapping[str, Any],
    *,
    tags: Mapping[str, Any],
    datasets: Sequence[TrackedDataset] = (),
    parent: str | None = None,
) -> Iterator[str]:
    """Record a run, and end it with the block: FINISHED, or FAILED if the block raises.

    Parameters
    ----------
    content : ``name``, ``params``, ``metrics``, ``steps``, ``start_time`` and ``end_time``, all optional; see
        `runs.track_experiment`.
    tags : of the run; a longer value than MLflow holds is cut.
    parent : id of the run that it is a child of.

    Yields
    ------
    The id of the run.
    """
    from mlflow.entities import Param

    metrics, skipped = split_metrics(content.get("metrics", {}))
    steps, never = split_steps(content.get("steps", {}))
    every_tag = {"mlflow.user": _user(), **tags}
    if skipped or never:
        every_tag[SKIPPED_TAG] = ", ".join([*skipped, *never])
    if parent is not None:
        every_tag[_PARENT_TAG] = parent
    started = content.get("start_time")
    run = client.create_run(
        experiment,
        start_time=None if started is None else _milliseconds(started),
        tags={name: _shortened(str(value)) for name, value in every_tag.items()},
        run_name=content.get("name"),
    )
    run_id = run.info.run_id
    with failed_on_error(client, run_id):
        params = [Param(name, value) for name, value in params_of(content.get("params", {})).items()]
        values = _metrics(metrics, steps)
        client.log_batch(run_id, metrics=values[:_METRICS_AT_ONCE], params=params)
        for first in range(_METRICS_AT_ONCE, len(values), _METRICS_AT_ONCE):
            client.log_batch(run_id, metrics=values[first : first + _METRICS_AT_ONCE])
        if datasets:
            client.log_inputs(run_id, [_input_of(dataset) for dataset in datasets])
        yield run_id
        ended = content.get("end_time")
        client.set_terminated(run_id, "FINISHED", end_time=None if ended is None else _milliseconds(ended))


@contextlib.contextmanager
def failed_on_error(client: MlflowClient, run_id: str) -> Iterator[None]:
    """Mark the run FAILED if the block raises."""
    try:
        yield
    except BaseException:
        # The first error is the one to raise, also when the store itself is gone.
        with contextlib.suppress(Exception):
            client.set_terminated(run_id, "FAILED")
        raise


def _metrics(metrics: Mapping[str, float], steps: Mapping[str, Mapping[int, float]]) -> list[Metric]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    own = [Metric(name, value, now, 0) for name, value in metrics.items()]
    return own + [Metric(name, value, now, step) for name, values in steps.items() for step, value in values.items()]


def _input_of(dataset: TrackedDataset) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    if len(dataset.fingerprint) > 36:
        raise BadInput(f"fingerprint {dataset.fingerprint!r} is longer than the 36 characters that MLflow holds")
    schema = [{"name": name, "type": "double", "required": True} for name in dataset.columns]
    entity = Dataset(
        dataset.name[:500],
        dataset.fingerprint,
        "local",
        json.dumps({"uri": dataset.location}),
        json.dumps({"mlflow_colspec": schema}),
        json.dumps(dict(dataset.profile)),
    )
    return DatasetInput(entity, [InputTag("mlflow.data.context", dataset.context)])


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TAG else f"{text[: _LONGEST_TAG - 1]}…"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return "unknown"
