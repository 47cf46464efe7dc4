"""Whatever bars are sent: no 500, no hang, no wrong acceptance. And nothing but health without a key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from tests.serving.hostile_bars import NONSENSE, UNUSUAL, cases, hold_to_the_law
from tradesieve.market.bars import Bars
from tradesieve.models.applications.threshold import Threshold
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.artifact.training_bars import TrainingBars

pytestmark = pytest.mark.slow

KEY = "a" * 30
ONLY_SIDE = {"ETH-USD": 1}


@pytest.fixture(scope="module")
def taking_all(
    artifact_builder: Callable[..., Artifact], bars_maker: Callable[..., Bars], tmp_path_factory: pytest.TempPathFactory
) -> Artifact:
    """An artifact that takes every trade: only checks and guards refuse."""
    training = {f"{symbol}|5m": TrainingBars.of(bars_maker(symbol)).as_dict() for symbol in ("BTC-USD", "ETH-USD")}
    return artifact_builder(
        tmp_path_factory.mktemp("hostile") / "artifact",
        application=Threshold(-1e9),
        training_bars=training,
        only_sides={f"breakout(lookback=20)|{symbol}|5m": float(side) for symbol, side in ONLY_SIDE.items()},
    )


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Any], taking_all: Artifact) -> Any:
    return start_server(taking_all.folder, TRADESIEVE_KEYS=f"admin:{KEY}", TRADESIEVE_CLOCK="system")


@pytest.fixture(scope="module")
def http(server: Any) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with httpx.Client(base_url=server.url, timeout=10.0, headers=headers) as client:
        yield client


def test_no_trade_follows_from_hostile_bars_and_what_is_taken_is_research(
    http: httpx.Client, server: Any, taking_all: Artifact, bars_maker: Callable[..., Bars]
) -> None:
    bars = {symbol: bars_maker(symbol) for symbol in ("BTC-USD", "ETH-USD")}
    seen: Counter[str] = Counter()

    def ask(case: dict[str, Any]) -> None:
        seen[hold_to_the_law(http, taking_all, bars[case["symbol"]], case, ONLY_SIDE)] += 1

    for number, name in enumerate([*NONSENSE, *UNUSUAL, ""]):
        for way in ("score", "batch", "pushed"):
            changes = [(name, 40)] if name else []
            ask({"end": 900 + number, "side": 1, "symbol": "ETH-USD", "changes": changes, "way": way})

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(cases)
    def every_case(case: dict[str, Any]) -> None:
        ask(case)

    every_case()
    assert min(seen["accepted"], seen["not taken"], seen["refused"]) >= 20, seen
    assert "Traceback" not in server.text()


def test_without_a_key_every_path_but_health_is_refused(server: Any, http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    assert document["security"] == [{"key": []}]
    answered, stranger = set(), httpx.Client(base_url=server.url, timeout=10.0)
    for path, operations in document["paths"].items():
        for place in (path, path.removeprefix("/v1")):
            for method in (*operations, "get", "post", "put", "delete", "options"):
                for headers in ({}, {"Authorization": f"Bearer {KEY[:-1]}"}, {"Authorization": f"Basic {KEY}"}):
                    response = stranger.request(method, place, headers=headers)
                    if response.status_code != 401:
                        answered.add(place)
    assert answered == {"/health", "/livez", "/readyz"}
    stranger.close()
    free = {path for path, operations in document["paths"].items() if operations.get("get", {}).get("security") == []}
    assert free == answered
