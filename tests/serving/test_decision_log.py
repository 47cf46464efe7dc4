"""Decisions are stored whole, off the path of requests, in SQLite and PostgreSQL, and none is lost at a stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.servers.postgres import Postgres
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.client import ScoringClient
from tradesieve.serving.decision_log import DecisionLog, read_log_settings
from tradesieve.serving.decision_store import DecisionStore, Record, open_store
from tradesieve.serving.schemas import ScoreRequest
from tradesieve.serving.scoring import Scorer

DAY = 86_400_000_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'decisions.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    with server.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS decisions, decision_windows, outcomes")
    return server.url().replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def store(url: str) -> Iterator[DecisionStore]:
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def records(full_artifact: Artifact) -> list[Record]:
    """What the scorer says of eight golden vectors, which hold all that a decision may be given."""
    found: list[Record] = []
    scorer = Scorer(full_artifact, on_decision=found.append)
    columns = lambda bars: {name: getattr(bars, name).tolist() for name in COLUMNS}  # noqa: E731
    for number, vector in enumerate(full_artifact.golden[0]):
        decision = vector.decision
        terms = {name: float(getattr(decision, name)[0]) for name in ("stop", "target", "agreeing")}
        request = ScoreRequest(
            strategy=vector.instance_name.split("|")[0], symbol=vector.bars.symbol, timeframe="5m",
            side=float(decision.side[0]), decision_time=int(decision.time[0]), bars=columns(vector.bars),
            results=decision.results.tolist(), others={name: columns(bars) for name, bars in vector.others.items()},
            **{name: None if value != value else value for name, value in terms.items()},
        )  # fmt: skip
        scorer.score(request, request_id=f"request-{number}")
    return found


def same(mine: Bars, theirs: Bars) -> bool:
    return all(getattr(mine, name).tobytes() == getattr(theirs, name).tobytes() for name in COLUMNS)


def test_a_decision_comes_back_as_it_was_made(store: DecisionStore, records: list[Record]) -> None:
    assert len(records) == 8
    written = store.write(records, known := set())
    rows = {row["request_id"]: row for row in store.decisions()}
    names = {row["window"] for row in rows.values()} | {
        name for row in rows.values() for name in row["others"].values()
    }
    windows = store.windows(names)
    assert written == len(windows) == len(known)
    for record in records:
        row = rows[record.request_id]
        for name in ("time", "role", "model", "strategy", "symbol", "timeframe", "side", "decision_time", "score",
                     "size", "accept", "reasons", "stages", "terms"):  # fmt: skip
            assert row[name] == getattr(record, name), name
        assert row["features"].tobytes() == record.features.tobytes()
        assert same(windows[row["window"]], record.window)
        assert set(row["others"]) == set(record.others)
        assert all(same(windows[row["others"][symbol]], bars) for symbol, bars in record.others.items())
    assert any(record.others for record in records)
    assert set(records[0].terms) == {"stop", "target", "agreeing", "results"}
    assert set(records[0].stages) == {"read", "bars", "features", "model", "guards"}
    times = [row["decision_time"] for row in store.decisions()]
    assert times == sorted(times)
    middle = times[4]
    assert [row["decision_time"] for row in store.decisions(since=middle)] == [each for each in times if each >= middle]
    assert [row["decision_time"] for row in store.decisions(until=middle)] == [each for each in times if each <= middle]


def test_a_window_is_stored_once_and_stays_while_it_is_needed(store: DecisionStore, records: list[Record]) -> None:
    old, new = records[0]._replace(time=10 * DAY), records[0]._replace(time=20 * DAY, request_id="later")
    first = store.write([old, old], set())
    assert store.write([new], set()) == first, "written by another worker, which does not know them"
    assert store.prune(15 * DAY) == 2
    (left,) = store.decisions()
    assert left["request_id"] == "later"
    assert same(store.windows([left["window"]])[left["window"]], records[0].window)
    assert store.prune(30 * DAY) == 1
    assert store.windows([left["window"]]) == {}


def test_all_of_many_decisions_arrive(url: str, records: list[Record]) -> None:
    log = DecisionLog(open_store(url))
    for number in range(3000):
        log.add(records[number % 8]._replace(request_id=str(number), time=time.time_ns()))
    log.close()
    store = open_store(url, create=False)
    assert sorted(int(row["request_id"]) for row in store.decisions()) == list(range(3000))
    store.close()


def test_a_database_that_fails_costs_no_decision(tmp_path: Path, records: list[Record]) -> None:
    """A table that is gone for a while stands for a disk or a server that is."""
    store = open_store(f"sqlite:///{tmp_path / 'decisions.db'}")
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE decisions RENAME TO away")
    log = DecisionLog(store)
    log.add(records[0]._replace(time=time.time_ns()))
    end = time.monotonic() + 20.0
    while not log._failing:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert log.n_waiting == 1
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO decisions")
    log.close()
    assert len(list(store.decisions())) == 1


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    found = read_log_settings({"TRADESIEVE_HOME": str(tmp_path)})
    assert (found.url, found.days) == (f"sqlite:///{tmp_path / 'decisions.db'}", 90.0)
    assert read_log_settings({"TRADESIEVE_DECISIONS": "none"}).url is None
    assert read_log_settings({"TRADESIEVE_DECISIONS_DAYS": "7"}).days == 7.0
    for wrong in ("0", "-1", "soon", "nan", "inf"):
        with pytest.raises(BadInput, match="TRADESIEVE_DECISIONS_DAYS is"):
            read_log_settings({"TRADESIEVE_DECISIONS_DAYS": wrong})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing", "is not valid"),
        ("mysql://user:secret@host/db", r"not in mysql: mysql://user:\*\*\*@host/db"),
        ("postgresql+psycopg://user:secret@127.0.0.1:1/db", "cannot be stored in postgresql"),
        ("sqlite:////proc/none/decisions.db", "cannot be stored in sqlite"),
    ],
)
def test_a_database_that_cannot_be_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as refused:
        open_store(url)
    assert "secret" not in str(refused.value)


def test_what_was_never_stored_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no decision is stored yet"):
        open_store(f"sqlite:///{tmp_path / 'decisions.db'}", create=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_service_that_is_stopped_has_stored_every_answer(
    artifact: Artifact, tmp_path: Path, start_server: Callable[..., Any], bars_maker: Callable[..., Bars]
) -> None:
    url = f"sqlite:///{tmp_path / 'decisions.db'}"
    server = start_server(artifact.folder, TRADESIEVE_DECISIONS=url)
    bars = bars_maker("BTC-USD")
    answers = {}
    with ScoringClient(server.url, timeout=20.0) as client:
        for row in range(200, 260):
            window = bars[row - 99 : row + 1]
            answers[f"row-{row}"] = client.score(
                strategy="breakout(lookback=20)", symbol="BTC-USD", timeframe="5m", side=1,
                decision_time=int(window.close_time[-1]), bars=window, request_id=f"row-{row}",
            )  # fmt: skip
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(60)
    store = open_store(url, create=False)
    rows = {row["request_id"]: row for row in store.decisions()}
    store.close()
    assert rows.keys() == answers.keys()
    for name, answer in answers.items():
        assert (rows[name]["score"], rows[name]["size"]) == (answer.score, answer.size)
        assert np.isfinite(rows[name]["features"]).any()
