"""Ten thousand decisions on real bars, with gaps and longer timeframes, by every way of asking, across a restart.

Each answer is what research computes in one batch, bit for bit. ``FUZZ_EXAMPLES`` is a fifth of the decisions.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.sync.client import connect

from tests.fuzz.test_service_fuzz import EXAMPLES
from tests.parity.test_served_equals_batch import FEATURES, stream_of
from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.resampling import resample
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.applications.kelly import Kelly
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.arrow_bodies import MEDIA_TYPE as ARROW

STRATEGY = "reversion(window=10)"
N_DECISIONS = 5 * EXAMPLES


@pytest.fixture(scope="module")
def gappy(real_bars: Bars) -> Bars:
    """Real bars of which a thirtieth is absent, some in a row."""
    chance = np.random.default_rng(8)
    keep = chance.random(len(real_bars)) > 0.03
    for first in chance.integers(0, len(real_bars), len(real_bars) // 1000):
        keep[first : first + int(chance.integers(2, 30))] = False
    return real_bars.where(keep)


class Asker:
    """Asks a service by every way."""

    def __init__(self, url: str, timeframe: str, stack: ExitStack, arrow_body: Callable[..., bytes]) -> None:
        self.http = stack.enter_context(httpx.Client(base_url=url, timeout=60.0))
        self.stream = stack.enter_context(connect(stream_of(url)))
        self.timeframe, self.arrow_body = timeframe, arrow_body

    def push(self, bars: Bars) -> None:
        sent = {"symbol": bars.symbol, "timeframe": str(bars.timeframe), "bars": columns(bars)}
        response = self.http.post("/v1/bars", json=sent)
        assert response.status_code == 200, response.text

    def ask(self, window: Bars, side: float) -> Iterator[tuple[str, dict[str, Any]]]:
        request = {
            "strategy": STRATEGY, "symbol": window.symbol, "timeframe": self.timeframe, "side": side,
            "decision_time": int(window.close_time[-1]),
        }  # fmt: skip
        full = {**request, "bars": columns(window)}
        yield "JSON", self.http.post("/v1/score", json=full).json()
        sent = self.arrow_body(window, request)
        yield "Arrow", self.http.post("/v1/score", content=sent, headers={"Content-Type": ARROW}).json()
        yield "pushed", self.http.post("/v1/score", json=request).json()
        shared = {"symbol": window.symbol, "timeframe": self.timeframe, "bars": full["bars"]}
        batch = {"candidates": [request, full], "shared": [shared]}
        for answer in self.http.post("/v1/score/batch", json=batch).json()["answers"]:
            yield "batch", answer["decision"]
        self.stream.send(json.dumps(request))
        yield "stream", json.loads(self.stream.recv())


def columns(bars: Bars) -> dict[str, list[Any]]:
    return {name: getattr(bars, name).tolist() for name in COLUMNS}


@pytest.mark.parametrize("timeframe", ["5m", "15m"])
def test_every_way_is_research(
    timeframe: str,
    gappy: Bars,
    artifact_builder: Callable[..., Artifact],
    start_server: Callable[..., Any],
    arrow_body: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    """At 15m the bars of 5m are pushed."""
    artifact = artifact_builder(
        tmp_path / "artifact", features=FEATURES, application=Kelly(1.7, 2.0), timeframe=timeframe
    )
    needed, read = artifact.requirements(timeframe).bars, resample(gappy, parse_timeframe(timeframe))
    rows = np.arange(needed + 20, len(read) - 1)[: N_DECISIONS if timeframe == "5m" else N_DECISIONS // 4]
    side = np.where(np.arange(len(rows)) % 2, 1.0, -1.0)
    scores = artifact.score(read, Decisions(read.close_time[rows], side))
    sizes = artifact.sizes(scores, [f"{STRATEGY}|BTC-USD|{timeframe}"] * len(rows))
    assert len(np.unique(scores)) > min(100, len(rows) // 3)
    counts: dict[str, int] = defaultdict(int)
    state, pushed = {"TRADESIEVE_SERVICE_STATE": str(tmp_path / "state")}, 0
    for half in np.array_split(np.arange(len(rows)), 2):  # the second half of a service that found the windows
        server = start_server(artifact.folder, **state)
        with ExitStack() as stack:
            asker = Asker(server.url, timeframe, stack, arrow_body)
            for place in half:
                row = int(rows[place])
                # A bar that is built is there once a short one has closed at its end or after it.
                known = int(np.searchsorted(gappy.close_time, read.close_time[row])) + 1
                while pushed < known:
                    asker.push(gappy[pushed : min(known, pushed + 200)])
                    pushed = min(known, pushed + 200)
                for way, answer in asker.ask(read[row + 1 - needed : row + 1], side[place]):
                    assert (answer["score"], answer["size"]) == (scores[place], sizes[place]), (way, row, answer)
                    counts[way] += 1
        server.stop()
    print(timeframe, dict(counts))
    assert min(counts.values()) >= len(rows)
