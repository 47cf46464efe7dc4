"""The client that is its own service answers as a server does, and refuses alike."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.client import RequestRefused, ScoringClient
from tradesieve.serving.decision_store import open_store
from tradesieve.serving.in_process import InProcessClient

pytestmark = pytest.mark.slow


@pytest.fixture
def client(artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessClient]:
    monkeypatch.setenv("TRADESIEVE_CLOCK", "replay")
    monkeypatch.setenv("TRADESIEVE_DECISIONS", f"sqlite:///{tmp_path / 'decisions.db'}")
    with InProcessClient(artifact.folder, timeout=30.0, fallback="raise") as client:
        yield client


def question(bars: Bars, row: int) -> dict[str, Any]:
    window = bars[row - 119 : row + 1]
    asked = {"strategy": "breakout(lookback=20)", "symbol": "BTC-USD", "timeframe": "5m", "side": 1}
    return {**asked, "decision_time": int(window.close_time[-1]), "bars": window}


def test_it_answers_as_a_server_bit_for_bit(
    client: InProcessClient,
    artifact: Artifact,
    start_server: Callable[..., Any],
    bars_maker: Callable[..., Bars],
    tmp_path: Path,
) -> None:
    bars = bars_maker("BTC-USD")
    with ScoringClient(start_server(artifact.folder).url, timeout=30.0, fallback="raise") as served:
        client.wait_ready(1.0)
        assert client.model() == served.model()
        assert client.requirements("5m") == served.requirements("5m")
        for row in range(400, 420):
            assert client.score(**question(bars, row)) == served.score(**question(bars, row))
        assert client.append_bars(bars[280:421]) == served.append_bars(bars[280:421])
        asked = question(bars, 420) | {"bars": None, "request_id": "by-window"}
        assert client.score(**asked) == served.score(**asked)
        for wrong in ({"strategy": "nobody"}, {"decision_time": 7}, {"symbol": "ETH-USD", "bars": None}):
            said = []
            for each in (client, served):
                with pytest.raises(RequestRefused) as refused:
                    each.score(**question(bars, 420) | wrong)
                said.append((refused.value.status, refused.value.kind, str(refused.value).partition(" is refused")[2]))
            assert said[0] == said[1]
    client.close()
    store = open_store(f"sqlite:///{tmp_path / 'decisions.db'}")
    assert "by-window" in {decision["request_id"] for decision in store.decisions()}
    store.close()


def test_what_is_not_whole_answers_nothing(artifact: Artifact, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(artifact.folder, tmp_path / "bad"))
    (model,) = folder.rglob("model.txt")
    model.write_bytes(model.read_bytes() + b" ")
    with pytest.raises(TradesieveError, match="is cut short or altered"):
        InProcessClient(folder)
    with pytest.raises(BadInput):
        InProcessClient(tmp_path / "nowhere")
