"""What the service answers over HTTP is what research computed, bit for bit: scores and sizes of a batch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.sync.client import connect

from tradesieve.features.decisions import Decisions
from tradesieve.features.feature_sets import MINIMAL
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.models.applications.kelly import Kelly
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.scopes.registry import SCOPES, scope_features
from tradesieve.serving.arrow_bodies import MEDIA_TYPE as ARROW
from tradesieve.serving.client import ScoringClient
from tradesieve.serving.export import point_to
from tradesieve.serving.responses import Decision

pytestmark = pytest.mark.slow

# Besides the minimal set, one factor of each remaining kind: of the day, of whole bars, of tsfresh; and aligned ones.
FEATURES = (
    *MINIMAL,
    "bars__from_day_open",
    "bars__position_in_range__window_20",
    "bars__volume_balance__window_50",
    "close__fit__window_50",
    "close__tsfresh_cid_ce__normalize_True__window_50",
    "close_aligned__slope__window_30",
    "bars_1h_aligned__body_share__window_2",
)


@pytest.fixture(scope="module")
def kelly_artifact(artifact_builder: Callable[..., Artifact], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return artifact_builder(tmp_path_factory.mktemp("parity") / "a", features=FEATURES, application=Kelly(1.7, 2.0))


@pytest.fixture(scope="module")
def pointer(kelly_artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the service serves; to point it elsewhere swaps the model."""
    pointer = tmp_path_factory.mktemp("served") / "champion"
    point_to(pointer, kelly_artifact.folder)
    return pointer


@pytest.fixture(scope="module")
def url(pointer: Path, start_server: Callable[..., Any]) -> str:
    return start_server(pointer).url


@pytest.mark.parametrize("symbol", ["BTC-USD", "ETH-USD"])
def test_served_equals_batch(
    kelly_artifact: Artifact,
    url: str,
    symbol: str,
    bars_maker: Callable[..., Bars],
    columns_of: Callable[[Bars], dict[str, list]],
    arrow_body: Callable[..., bytes],
) -> None:
    """By every way of asking: bars in the request, as JSON or Arrow, or held, in a batch, on the stream."""
    bars, needed = bars_maker(symbol), kelly_artifact.requirements("5m").bars
    rows = np.arange(400, 3000, 13)
    side = np.where(np.arange(len(rows)) % 2, 1.0, -1.0)
    instance = f"reversion(window=10)|{symbol}|5m"
    scores = kelly_artifact.score(bars, Decisions(bars.close_time[rows], side))
    sizes = kelly_artifact.sizes(scores, [instance] * len(rows))
    assert 0 < np.count_nonzero(sizes) < len(sizes)
    assert len(np.unique(scores)) > 50

    given, held, streamed, in_arrow, batch = [], [], [], [], []
    with ScoringClient(url, timeout=10.0) as client, connect(stream_of(url)) as stream, httpx.Client() as http:
        client.append_bars(bars[: rows[0] + 1], replace=True)
        last = rows[0]
        for row, one_side in zip(rows, side, strict=True):
            question: dict[str, Any] = {
                "strategy": "reversion(window=10)",
                "symbol": symbol,
                "timeframe": "5m",
                "side": one_side,
                "decision_time": bars.close_time[row],
            }
            given.append(client.score(**question, bars=bars[row - needed + 1 : row + 1]))
            if row > last:
                client.append_bars(bars[last + 1 : row + 1])
                last = row
            held.append(client.score(**question))
            body = question | {"decision_time": int(bars.close_time[row])}
            stream.send(json.dumps(body))
            streamed.append(Decision.model_validate_json(stream.recv()))
            window = bars[row - needed + 1 : row + 1]
            sent = http.post(f"{url}/v1/score", content=arrow_body(window, body), headers={"Content-Type": ARROW})
            in_arrow.append(Decision.model_validate_json(sent.content))
            batch.append(body | {"bars": columns_of(window)})
        answers = http.post(f"{url}/v1/score/batch", json={"candidates": batch}, timeout=60.0).json()["answers"]
        in_batch = [Decision(**answer["decision"]) for answer in answers]
        # Candidates of one bar share its window.
        both = [body | {"bars": None, "side": one_side} for one_side in (1.0, -1.0)]
        shared = [{"symbol": symbol, "timeframe": "5m", "bars": columns_of(window)}]
        answers = http.post(f"{url}/v1/score/batch", json={"candidates": both, "shared": shared}).json()["answers"]
    at = np.repeat(bars.close_time[rows[-1:]], 2)
    pair = kelly_artifact.score(bars, Decisions(at, np.array([1.0, -1.0])))
    assert np.array([answer["decision"]["score"] for answer in answers]).tobytes() == pair.tobytes()
    for answers in (given, held, streamed, in_arrow, in_batch):
        assert np.array([answer.score for answer in answers]).tobytes() == scores.tobytes()
        assert np.array([answer.size for answer in answers]).tobytes() == sizes.tobytes()


def stream_of(url: str) -> str:
    return f"{url.replace('http', 'ws', 1)}/v1/stream"


def test_one_other_bit_in_a_bar_is_not_lost_on_the_way(
    kelly_artifact: Artifact, url: str, bars_maker: Callable[..., Bars]
) -> None:
    """The alarm itself: windows that differ by one step of a float must not have to give one answer."""
    bars = bars_maker("BTC-USD")
    window = bars[500 - kelly_artifact.requirements("5m").bars : 500]
    close = window.close.copy()
    close[-1] = np.nextafter(close[-1], window.low[-1])
    other = Bars(
        "BTC-USD", bars.timeframe, window.close_time, window.open, window.high, window.low, close, window.volume
    )
    with ScoringClient(url, timeout=10.0) as client:
        assert client.append_bars(window, replace=True).known == 0
        with pytest.raises(ValueError, match=f"{close[-1]:.17g}"):
            client.append_bars(other)


@pytest.mark.parametrize("scope", [name for name in SCOPES if name != "pooled"])
def test_a_model_of_each_scope_is_served_as_in_batch(
    scope: str,
    url: str,
    pointer: Path,
    artifact_builder: Callable[..., Artifact],
    bars_maker: Callable[..., Bars],
    tmp_path: Path,
) -> None:
    """The service tells rule, symbol and instance by itself from the trade that it is asked about."""
    features = (*MINIMAL, *(name for name in scope_features([scope]) if name not in MINIMAL))
    artifact = artifact_builder(tmp_path / "a", features=features, scope=scope)
    point_to(pointer, artifact.folder)
    bars, needed, rows = bars_maker("ETH-USD"), artifact.requirements("5m").bars, np.arange(400, 3000, 97)
    side = np.where(np.arange(len(rows)) % 2, 1.0, -1.0)
    strategies = [("reversion(window=10)", "breakout(lookback=20)")[place % 3 % 2] for place in range(len(rows))]
    instances = [f"{strategy}|ETH-USD|5m" for strategy in strategies]
    decisions = Decisions(bars.close_time[rows], side)
    expected = artifact.score(bars, decisions, instance_names=instances)
    with ScoringClient(url, timeout=10.0) as client:
        _wait_for(client, artifact)
        answers = [
            client.score(**_asked(bars, row, needed, strategy, one_side))
            for row, strategy, one_side in zip(rows, strategies, side, strict=True)
        ]
    assert np.array([answer.score for answer in answers]).tobytes() == expected.tobytes()
    assert len(np.unique(expected)) > 10
    if artifact.categories.names:
        swapped = artifact.score(bars, decisions, instance_names=[*instances[1:], instances[0]])
        assert (swapped != expected).any(), "the alarm: the model knows the instance"
        with pytest.raises(BadInput, match="decisions need as many instance names, got 0"):
            artifact.score(bars, decisions)


def _wait_for(client: ScoringClient, artifact: Artifact) -> None:
    end = time.monotonic() + 120.0
    while client.model()["fingerprint"] != artifact.fingerprint:
        assert time.monotonic() < end, "the service did not swap the model"
        time.sleep(0.05)


def _asked(bars: Bars, row: int, needed: int, strategy: str, side: float) -> dict[str, Any]:
    window = bars[row - needed + 1 : row + 1]
    return {
        "strategy": strategy, "symbol": bars.symbol, "timeframe": "5m", "side": side,
        "decision_time": bars.close_time[row], "bars": window,
    }  # fmt: skip


def test_every_input_is_served_as_in_batch(
    full_artifact: Artifact,
    start_server: Callable[..., Any],
    bars_maker: Callable[..., Bars],
    decisions_maker: Callable,
) -> None:
    """Its terms, its record and the bars of another symbol, sent along or held by the service."""
    bars, other, rows = bars_maker("BTC-USD"), bars_maker("ETH-USD"), np.arange(400, 1400, 9)
    decisions = decisions_maker(bars, rows, np.where(np.arange(len(rows)) % 2, 1.0, -1.0))
    expected = full_artifact.score(bars, decisions, others={"ETH-USD": other})
    given, held = [], []
    with ScoringClient(start_server(full_artifact.folder).url, timeout=10.0) as client:
        required = client.requirements("5m")
        client.append_bars(other[: rows[0]], replace=True)
        last = rows[0]
        for place, row in enumerate(rows):
            client.append_bars(other[last : row + 1])
            last = row + 1
            end = decisions.end_result[place]
            question: dict[str, Any] = {
                "strategy": "reversion(window=10)",
                "symbol": "BTC-USD",
                "timeframe": "5m",
                "side": decisions.side[place],
                "decision_time": bars.close_time[row],
                "bars": bars[row + 1 - required.bars : row + 1],
                **{name: getattr(decisions, name)[place] for name in ("stop", "target", "agreeing")},
                "results": decisions.results[max(0, end - required.results) : end],
            }
            seen = {symbol: other[row + 1 - n : row + 1] for symbol, n in required.others.items()}
            given.append(client.score(**question, others=seen))
            held.append(client.score(**question))
    for answers in (given, held):
        assert np.array([answer.score for answer in answers]).tobytes() == expected.tobytes()
    assert len(np.unique(expected)) > 30
