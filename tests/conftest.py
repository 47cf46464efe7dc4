"""Parts that several rooms' tests share: bars, a small real artifact, and real servers that never outlive the tests."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import hypothesis
import numpy as np
import pytest

from features.engine import compute, lookback
from features.sets import MINIMAL
from market.bars import Bars
from market.sources import read_bars
from market.synthetic import SyntheticMarket
from market.timeframes import parse_timeframe
from models.applications import Application, Threshold
from models.artifact import Artifact, write_artifact
from models.engines.base import Candidate
from models.engines.lightgbm import LightGBMEngine

# The same cases on every run: a change is judged by what it changes, not by what was drawn this time.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")

STRATEGIES = ("breakout(lookback=20)", "reversion(window=10)")
SYMBOLS = ("BTC-USD", "ETH-USD")


def synthetic_bars(symbol: str, *, timeframe: str = "5m", n_days: int = 12) -> Bars:
    """Make bars that are the same in every test."""
    return SyntheticMarket(n_days=n_days, timeframe=parse_timeframe(timeframe)).generate(symbol)[0]


def manifest_of(instances: list[str], **changes: object) -> dict:
    """Make the keys of a manifest that its writer gives."""
    return {
        "experiment": "e" * 16,
        "run_id": None,
        "created": "2026-01-01T00:00:00Z",
        "code": "c" * 16,
        "dataset": "d" * 16,
        "bars": {f"{symbol}|5m": synthetic_bars(symbol).fingerprint for symbol in SYMBOLS},
        "instances": instances,
        "data_span": [0, 1],
        "n_trials": 12,
        "gate": {"open": True, "conditions": []},
        "override": None,
        "model": {"candidate": {"engine": "lightgbm"}},
        **changes,
    }


def build_artifact(
    folder: Path,
    *,
    features: tuple[str, ...] = MINIMAL,
    application: Application | None = None,
    seed: int = 1,
    engine: object = None,
    candidate: Candidate | None = None,
    timeframe: str = "5m",
    n_golden: int = 6,
    **changes: object,
) -> Artifact:
    """Fit a small model on synthetic bars and write it as an artifact."""
    instances = [f"{strategy}|{symbol}|{timeframe}" for strategy in STRATEGIES for symbol in SYMBOLS]
    random = np.random.default_rng(seed)
    bars = {symbol: synthetic_bars(symbol, timeframe=timeframe) for symbol in SYMBOLS}
    first = lookback(features, parse_timeframe(timeframe)) + 5
    rows, sides, matrices = {}, {}, []
    for symbol in SYMBOLS:
        rows[symbol] = np.sort(random.choice(np.arange(first, len(bars[symbol])), size=400, replace=False))
        sides[symbol] = random.choice([-1.0, 1.0], size=400)
        times = bars[symbol].close_time[rows[symbol]]
        matrices.append(compute(bars[symbol], times, features, side=sides[symbol]))
    X = np.concatenate(matrices)
    y = (np.nan_to_num(X[:, 0]) + random.normal(size=len(X)) * 0.2 > np.nanmedian(X[:, 0])).astype(np.float64)
    chosen = candidate or Candidate("lightgbm", "gbdt", {"n_trees": 30})
    model = (engine or LightGBMEngine()).fit(chosen, X, y, np.ones(len(y)), seed=seed)  # type: ignore[attr-defined]
    golden = []
    for number in range(n_golden):
        instance = instances[number % len(instances)]
        symbol = instance.split("|")[1]
        row = rows[symbol][number * 7]
        golden.append((bars[symbol][: row + 1], int(bars[symbol].close_time[row]), sides[symbol][number * 7], instance))
    return write_artifact(
        folder,
        model=model,
        features=features,
        application=application or Threshold(float(np.median(model.predict(X)))),
        manifest=manifest_of(instances, **changes),
        golden=golden,
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real market data beside the repository; tests that need it are skipped without it."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not (folder / "dev").is_dir():
        pytest.skip("real market data is absent: there is no folder shared/data/dev beside the repository")
    return folder


@pytest.fixture(scope="session")
def market_bars() -> Bars:
    """Thirty days of 5-minute bars of a synthetic market with an edge."""
    return synthetic_bars("BTC-USD", n_days=30)


@pytest.fixture(scope="session")
def real_bars(shared_data: Path) -> Bars:
    """The first 20,000 real 5-minute bars of bitcoin."""
    path = shared_data / "dev" / "crypto_5m" / "binance_BTCUSDT_5m.parquet"
    return read_bars(path, symbol="BTC-USD", timeframe=parse_timeframe("5m"))[:20_000]


@pytest.fixture(scope="session")
def artifact_builder() -> Callable[..., Artifact]:
    """The function that builds an artifact, for tests that need one of their own."""
    return build_artifact


@pytest.fixture(scope="session")
def bars_maker() -> Callable[..., Bars]:
    """The function that makes the bars that the artifacts were trained on."""
    return synthetic_bars


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """An artifact that no test changes."""
    return build_artifact(tmp_path_factory.mktemp("artifact") / "first")


class Server:
    """A real server process with all its children, which end with the tests, however these end."""

    def __init__(self, command: list[str], *, port: int, log: Path, environment: dict[str, str], folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited, "BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "true", **environment},
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        atexit.register(self.stop)

    def wait_ready(self, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.text()}")
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2.0).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError(f"the server was not ready in {seconds} s:\n{self.text()}")

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; the workers follow when their supervisor is gone


def free_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """A function that starts a server on an artifact or a Bento; every one is stopped with the module."""
    from serving.export import serve_command

    started: list[Server] = []

    def start(target: str | Path, *, wait: bool = True, **environment: str) -> Server:
        folder = tmp_path_factory.mktemp("server")
        port = free_port()
        home = {"BENTOML_HOME": str(folder / "bentoml"), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        server = Server(
            serve_command(target, port=port),
            port=port,
            log=folder / "log",
            environment={**home, **environment},
            folder=folder,
        )
        started.append(server)
        if wait:
            server.wait_ready()
        return server

    yield start
    for server in started:
        server.stop()


class Postgres:
    """A real PostgreSQL server of the tests' own, with a password, in a folder that vanishes with it."""

    user = "trader"
    password = "s3cr:t/p@ss"  # signs that a URL has to escape

    def __init__(self, binaries: Path) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="tradesieve-postgres-"))
        atexit.register(self.stop)
        # The server refuses to run as root, who may run it as somebody else.
        account: dict[str, object] = {}
        if os.geteuid() == 0:
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            entry = names.get("postgres") or names["nobody"]
            account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        data = self.folder / "data"
        quiet = {"stdout": subprocess.DEVNULL, "cwd": self.folder, **account}
        made = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            self.user,
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "-E",
            "UTF8",
        ]
        subprocess.run([*made, "--locale=C", "--no-sync"], check=True, **quiet)  # type: ignore[call-overload]
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-p", str(self.port), "-k", self.folder, "-c", "fsync=off",
             "-c", "listen_addresses=127.0.0.1"],
            stderr=self.log,
            preexec_fn=_quit_with_parent,
            **quiet,  # type: ignore[call-overload]
        )  # fmt: skip
        self._wait()

    def url(self, *, password: str | None = None, database: str = "postgres", port: int | None = None) -> str:
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{self.user}:{secret}@127.0.0.1:{port or self.port}/{database}"

    def connect(self) -> Any:
        """Open a connection that commits by itself."""
        import psycopg

        return psycopg.connect(self.url(), autocommit=True, connect_timeout=5)

    def _wait(self) -> None:
        import psycopg

        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended with {self.process.returncode}")
            with contextlib.suppress(psycopg.OperationalError):
                self.connect().close()
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL was not ready in 60 s")

    def stop(self) -> None:
        process = getattr(self, "process", None)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # at once, without a word to whoever is connected
            process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


def _quit_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server; tests that need it are skipped where none is installed."""
    folders = [*map(Path, os.environ.get("PATH", "").split(os.pathsep)), *Path("/usr/lib/postgresql").glob("*/bin")]
    binaries = next(
        (folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None
    )
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: there is no initdb in PATH or in /usr/lib/postgresql")
    server = Postgres(binaries)
    yield server
    server.stop()
