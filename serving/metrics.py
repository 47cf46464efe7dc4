"""Prometheus metrics of the service: in memory, or in mapped files that its workers share.

The environment variable ``PROMETHEUS_MULTIPROC_DIR``, which BentoML sets, names the folder of the files. Requests are
counted by a fixed list of paths, so that no client can make the service keep a series for every path that it invents.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from tradesieve.serving.decision_store import Record
from tradesieve.serving.feature_drift import FeatureDrift

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4

BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0)
"""Seconds. A decision takes about a thousandth; what matters is the tail."""

STAGE_BUCKETS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1)
AGE_BUCKETS = (0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3600.0, 86400.0)

# A series with the time at which each other series began is of no use to anybody here.
disable_created_metrics()


class Metrics:
    """Counts of this service since it started, in registries of their own."""

    def __init__(self) -> None:
        shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self._registry, self._own = CollectorRegistry(), CollectorRegistry()
        if shared:
            MultiProcessCollector(self._registry)
        registry = None if shared else self._registry
        self.decisions = Counter("tradesieve_decisions", "Decisions by outcome.", ["outcome"], registry=registry)
        self.requests = Counter(
            "tradesieve_requests", "Requests by path and status.", ["endpoint", "status"], registry=registry
        )
        self.score_seconds = Histogram(
            "tradesieve_score_seconds",
            "Seconds from the arrival of a score request to its response.",
            buckets=BUCKETS,
            registry=registry,
        )
        self.swaps = Counter("tradesieve_model_swaps", "Artifacts that replaced another one.", registry=registry)
        self.refusals = Counter("tradesieve_model_refusals", "Artifacts that were refused.", registry=registry)
        # Each worker's own: it holds no number, and workers may differ for a moment while they swap.
        self.model = Info("tradesieve_model", "The artifact that answers.", registry=self._own)
        self.stage_seconds = Histogram(
            "tradesieve_stage_seconds",
            "Seconds of each stage of a decision.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        self.window_age = Histogram(
            "tradesieve_window_age_seconds",
            "Seconds from the close of a decision's last bar to the decision.",
            buckets=AGE_BUCKETS,
            registry=registry,
        )
        self.findings = Counter("tradesieve_guard_findings", "Findings of guards.", ["guard"], registry=registry)
        self.models = Counter("tradesieve_model_decisions", "Decisions by model.", ["model", "role"], registry=registry)
        self.feature_drift = Gauge(
            "tradesieve_feature_drift",
            "Interquartile ranges of training from its median to that of the last decisions.",
            ["model", "feature"],
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._drift: tuple[str, FeatureDrift] | None = None
        for outcome in ("accept", "refuse"):
            self.decisions.labels(outcome)  # both series are there before the first decision

    def watch(self, model: str, drift: FeatureDrift | None) -> None:
        """Observe the features of decisions of a model from now on; None: nothing is known of its training."""
        self._drift = None if drift is None else (model, drift)

    def observe(self, record: Record) -> None:
        """Count what a decision shows beside its outcome; called off the path of requests."""
        self.models.labels(record.model, record.role).inc()
        if record.role != "champion":
            return
        for stage, nanoseconds in record.stages.items():
            self.stage_seconds.labels(stage).observe(nanoseconds / 1e9)
        self.window_age.observe(max(0.0, (record.time - record.decision_time) / 1e9))
        watched = self._drift
        if watched is not None and watched[0] == record.model:
            for feature, distance in watched[1].add(record.features).items():
                self.feature_drift.labels(record.model, feature).set(distance)
        for reason in record.reasons:
            if reason.startswith("guard "):
                self.findings.labels(reason.removeprefix("guard ").partition(":")[0]).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry) + generate_latest(self._own)
