"""The application alone: what the running service never shows, and what its metrics say."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tradesieve.serving.champion import Champion
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.scoring import Scorer


class BrokenChampion(Champion):
    """A champion that fails in a way that nobody expected."""

    @property
    def scorer(self) -> Scorer:
        raise RuntimeError("a secret of the server")


def request(champion: Champion, metrics: Metrics, method: str, path: str) -> httpx.Response:
    """Send a request to the application, without a server."""
    transport = httpx.ASGITransport(build_application(champion, metrics))

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, json={})

    return asyncio.run(send())


def values(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Read the metrics as Prometheus does: values by name and labels."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_an_unexpected_error_is_a_problem_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    response = request(BrokenChampion(metrics), metrics, "POST", "/score")
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert response.json()["type"] == "urn:tradesieve:unexpected"
    assert "secret" not in response.text
    assert "'/score' failed" in caplog.text
    assert "a secret of the server" in caplog.text
    assert values(metrics)["tradesieve_requests_total", ("/score", "500")] == 1


def test_before_an_artifact_is_loaded_a_decision_is_refused() -> None:
    metrics = Metrics()
    response = request(Champion(metrics), metrics, "POST", "/score")
    assert (response.status_code, response.json()["detail"]) == (422, "no artifact is loaded yet")


def test_counters_are_there_before_the_first_request_and_no_series_says_when_it_began() -> None:
    names = {name for name, _ in values(Metrics())}
    assert values(Metrics())["tradesieve_decisions_total", ("accept",)] == 0
    assert {"tradesieve_model_swaps_total", "tradesieve_model_refusals_total", "tradesieve_score_seconds_count"} < names
    assert not [name for name in names if name.endswith("_created")]
