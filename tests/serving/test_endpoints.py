"""The application alone: what the running service never shows, what its metrics say, and how outcomes are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.champion import Champion
from tradesieve.serving.decision_log import DecisionLog
from tradesieve.serving.decision_store import Record, open_store
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.schemas import ScoreRequest
from tradesieve.serving.scoring import Scorer


class BrokenChampion(Champion):
    """A champion that fails in a way that nobody expected."""

    @property
    def scorer(self) -> Scorer:
        raise RuntimeError("a secret of the server")


def request(champion: Champion, metrics: Metrics, method: str, path: str, body: object = None) -> httpx.Response:
    """Send a request to the application, without a server."""
    transport = httpx.ASGITransport(build_application(champion, metrics))

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, json=body or {})

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


OUTCOME = {
    "strategy": "breakout(lookback=20)", "symbol": "BTC-USD", "timeframe": "5m", "side": "short",
    "decision_time": "2026-01-05T10:00:00Z", "entry_time": "2026-01-05T10:05:00Z", "exit_time": "2026-01-05T11:00:00Z",
    "entry_price": 100.0, "exit_price": 99.0, "net_return": 0.009, "size": 1.0, "exit_reason": "target",
}  # fmt: skip


@pytest.fixture
def logging_champion(artifact: Artifact, tmp_path: Path) -> Iterator[Champion]:
    champion = Champion(Metrics())
    champion._scorer = Scorer(artifact)
    champion.log = DecisionLog(open_store(f"sqlite:///{tmp_path / 'decisions.db'}"))
    yield champion
    champion.log.close()


def test_outcomes_are_stored_and_replace_themselves(logging_champion: Champion) -> None:
    def send(*outcomes: dict[str, object]) -> httpx.Response:
        return request(logging_champion, Metrics(), "POST", "/v1/outcomes", {"outcomes": outcomes})

    second = OUTCOME | {"decision_time": "2026-01-05T12:00:00Z"}
    assert send(OUTCOME, second).json() == {"stored": 2}
    assert send(OUTCOME | {"net_return": -0.01}).json() == {"stored": 1}
    assert logging_champion.log is not None
    assert logging_champion.log.store is not None
    rows = logging_champion.log.store.outcomes()
    assert [row["net_return"] for row in rows] == [-0.01, 0.009]
    assert (rows[0]["side"], rows[0]["exit_reason"]) == (-1.0, "target")
    assert logging_champion.log.store.outcomes(since=rows[1]["decision_time"]) == rows[1:]
    refused = send(OUTCOME | {"entry_price": -1.0})
    assert (refused.status_code, refused.json()["field"]) == (422, "outcomes[0].entry_price")
    with logging_champion.log.store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE decision_outcomes")
    assert (send(OUTCOME).status_code, send(OUTCOME).json()["type"]) == (503, "urn:tradesieve:unavailable")


def test_outcomes_need_a_store(artifact: Artifact) -> None:
    champion = Champion(Metrics())
    champion._scorer = Scorer(artifact)
    refused = request(champion, Metrics(), "POST", "/v1/outcomes", {"outcomes": [OUTCOME]})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:tradesieve:no-store")


def test_stages_ages_findings_and_models_are_counted(artifact: Artifact, make_request: Callable[..., dict]) -> None:
    metrics, found = Metrics(), list[Record]()
    scorer = Scorer(artifact, on_decision=found.append)
    still = make_request()
    for name in ("open", "high", "low", "close"):
        still["bars"][name] = [100.0] * len(still["bars"][name])
    for content in (make_request(), still):
        scorer.score(ScoreRequest(**content))
    log = DecisionLog(None, observe=metrics.observe)
    for record in found:
        log.add(record)
    log.close()
    counted = values(metrics)
    for stage in ("read", "bars", "features", "model", "guards"):
        assert counted["tradesieve_stage_seconds_count", (stage,)] == 2
    assert 0 < counted["tradesieve_stage_seconds_sum", ("model",)] < 10
    assert counted["tradesieve_window_age_seconds_count", ()] == 2
    assert counted["tradesieve_guard_findings_total", ("no-trade",)] == 1
    assert counted["tradesieve_model_decisions_total", (artifact.fingerprint, "champion")] == 2
