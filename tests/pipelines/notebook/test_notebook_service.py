"""A run that a notebook serves, and the client that asks it, with the real service."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import tradesieve as ts
from tradesieve.market.bars import Bars
from tradesieve.market.errors import Refused, Transient
from tradesieve.pipelines.notebook.runs import Run
from tradesieve.pipelines.runs.finished_runs import LAST, find_run
from tradesieve.pipelines.settings import read_settings

BAD = ts.TradesieveError


@pytest.fixture
def closed(finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose gate is closed, in a home of its own."""
    home = tmp_path / "home"
    shutil.copytree(finished.settings.home, home)
    monkeypatch.setenv("TRADESIEVE_HOME", str(home))
    return Run(find_run(read_settings(), LAST))


@pytest.mark.slow
def test_a_run_is_served_until_it_is_stopped(closed: Run, small_bars: Bars) -> None:
    with ts.serve(closed, override="to watch it") as service, service.client(timeout=10.0) as client:
        assert isinstance(client, ts.Client)
        assert repr(service) == f"service of model {service.model} at {service.url}"
        needed = client.requirements("15m").bars
        asked: dict[str, Any] = {
            "strategy": closed.finished.experiment.chosen_strategies()[0].id,
            "symbol": "AAA",
            "timeframe": "15m",
            "side": 1,
            "decision_time": small_bars.to_frame()["close_time"].iloc[-1],
        }
        found = client.score(**asked, bars=small_bars[-needed:])
        assert found.model == service.model
        # The same from a data frame, whose times are datetimes, and from the service's own window.
        assert client.score(**asked, bars=small_bars[-needed:].to_frame()) == found
        client.append_bars(small_bars[-needed:].to_frame(), symbol="AAA", timeframe="15m")
        assert client.score(**asked) == found
        with pytest.raises(BAD, match="in use"):
            ts.serve(closed, override="to watch it", port=urlsplit(service.url).port)
    with ts.Client(service.url, timeout=0.5) as client, pytest.raises(Transient):
        client.model()
    service.stop()


def test_what_cannot_be_served_is_refused(closed: Run, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="gate"):
        ts.serve(closed)
    with pytest.raises(BAD, match="no model is exported yet"):
        ts.serve()
    with pytest.raises(BAD, match="override goes with a run"):
        ts.serve(tmp_path, override="to watch it")
    sealed = closed.finished.result | {"gate": None}
    with pytest.raises(BAD, match="is sealed"):
        ts.serve(Run(type(closed.finished)(closed.finished.path, sealed)))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BAD, match="in use"):
            ts.serve(closed, port=taken.getsockname()[1])
