"""Parts that several rooms' tests share: bars, a small real artifact, and real servers that never outlive the tests."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import hypothesis
import numpy as np
import pyarrow
import pytest

from tests.long_tests import LONG, LONGEST
from tests.pages import browser, named_sources, open_page, requested  # noqa: F401 - fixtures
from tests.servers.exchange import exchange  # noqa: F401
from tests.servers.postgres import postgres  # noqa: F401
from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_names import parse_features
from tradesieve.features.feature_sets import MINIMAL
from tradesieve.features.requirements import requirements_of
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.resampling import resample
from tradesieve.market.sources.reading import read_file
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.applications.base import Application
from tradesieve.models.applications.threshold import Threshold
from tradesieve.models.artifact.artifact import Artifact, write_artifact
from tradesieve.models.artifact.golden_vectors import GoldenVector
from tradesieve.models.artifact.signatures import KEYS_VARIABLE
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.lightgbm import LightGBMEngine
from tradesieve.models.protocol.candidate_rows import CandidateRows
from tradesieve.models.scopes.category_columns import with_category_columns
from tradesieve.models.scopes.registry import category_columns

# The same cases on every run: a change is judged by what it changes, not by what was drawn this time.
# No time is asserted: a busy machine is slow, not wrong.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("repeatable")

# Whatever their state folder, all tests of a process sign by one key.
_KEYS = tempfile.TemporaryDirectory(prefix="tradesieve-keys-")
os.environ[KEYS_VARIABLE] = _KEYS.name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of `LONG` as slow, and begin with the files of `LONGEST`."""
    here = Path(__file__).parent
    places = {item: item.path.relative_to(here).as_posix() for item in items}
    for item, place in places.items():
        if place.startswith(LONG):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: LONGEST.index(places[item]) if places[item] in LONGEST else len(LONGEST))


STRATEGIES = ("breakout(lookback=20)", "reversion(window=10)")
SYMBOLS = ("BTC-USD", "ETH-USD")
_MANY_DAYS = 5000


def synthetic_bars(symbol: str, *, timeframe: str = "5m", n_days: int = 12) -> Bars:
    """Make bars that are the same in every test; those of days and longer ones over many years."""
    parsed, day = parse_timeframe(timeframe), parse_timeframe("1d")
    if parsed < day:
        return SyntheticMarket(n_days=n_days, timeframe=parsed).generate(symbol)[0]
    return resample(SyntheticMarket(n_days=_MANY_DAYS, timeframe=day).generate(symbol)[0], parsed)


EVERY_INPUT = (
    "close__slope__window_20",
    "trade__side",
    "trade__agreeing",
    "trade__reward_to_risk",
    "trade__stop_distance__window_20",
    "trade__target_distance__window_20",
    "results__win_share__window_5",
    "results__mean_result__window_10",
    "close_of_ETH-USD__slope__window_30",
    "close_1h__slope__window_5",
    "bars_1h_so_far__range__window_2",
    "close_1h_of_ETH-USD__change__window_3",
    "close_aligned__slope__window_20",
    "bars_1h_so_far_aligned__position_in_range__window_2",
    "close_1h_aligned_of_ETH-USD__change__window_3",
    "close_aligned__tsfresh_ratio_beyond_r_sigma__r_1.5__window_30",
)
"""Features of all that a decision may know: bars, longer ones and those of another symbol, its terms, its record."""


def synthetic_decisions(bars: Bars, rows: np.ndarray, side: np.ndarray, *, seed: int = 0) -> Decisions:
    """Make decisions that know everything, in part that there is none of it."""
    random = np.random.default_rng([seed, len(rows)])
    price = bars.close[rows]
    distance = price * random.uniform(0.002, 0.02, len(rows))
    stop, target = price - side * distance, price + side * 2 * random.uniform(0.5, 1.5, len(rows)) * distance
    stop[random.random(len(rows)) < 0.1] = np.nan
    target[random.random(len(rows)) < 0.1] = np.nan
    return Decisions(
        time=bars.close_time[rows],
        side=side,
        stop=stop,
        target=target,
        agreeing=random.choice([np.nan, 0.0, 0.25, 1.0], len(rows)),
        results=random.normal(0.0, 0.01, len(rows) + 20),
        first_result=np.zeros(len(rows), np.int64),
        end_result=np.arange(len(rows)),
    )


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
    scope: str = "pooled",
    strategies: tuple[str, ...] = STRATEGIES,
    **changes: object,
) -> Artifact:
    """Fit a small model on synthetic bars and write it as an artifact; a scope needs its features among the others."""
    instances = [f"{strategy}|{symbol}|{timeframe}" for strategy in strategies for symbol in SYMBOLS]
    categories = category_columns([scope], instances)
    random = np.random.default_rng(seed)
    bars = {symbol: synthetic_bars(symbol, timeframe=timeframe) for symbol in SYMBOLS}
    needed = requirements_of(parse_features(features), parse_timeframe(timeframe))
    first = max(needed.bars, *needed.others.values(), 0) + 5
    rows, known, matrices = {}, {}, []
    for symbol in SYMBOLS:
        rows[symbol] = np.sort(random.choice(np.arange(first, len(bars[symbol])), size=400, replace=False))
        sides = random.choice([-1.0, 1.0], size=400)
        known[symbol] = synthetic_decisions(bars[symbol], rows[symbol], sides)
        matrices.append(compute(bars[symbol], known[symbol], features, others=bars))
    X = np.concatenate(matrices)
    y = (np.nan_to_num(X[:, 0]) + random.normal(size=len(X)) * 0.2 > np.nanmedian(X[:, 0])).astype(np.float64)
    chosen = candidate or Candidate("lightgbm", "gbdt", {"n_trees": 30})
    if scope == "pooled":
        model = (engine or LightGBMEngine()).fit(chosen, X, y, np.ones(len(y)), seed=seed)  # type: ignore[attr-defined]
    else:
        # The two strategies take turns in the rows of a symbol.
        instance = np.arange(len(y)) % 2 * len(SYMBOLS) + np.repeat(np.arange(len(SYMBOLS)), 400)
        time, ones = np.arange(len(y)), np.ones(len(y))
        plain = Dataset(
            X, features, y, ones, time, time + 1, ones, ones, instance, tuple(instances), (0, len(y)), ALWAYS
        )  # fmt: skip
        dataset = with_category_columns(plain, categories)
        model = CandidateRows(dataset, [None]).fit_with_members(replace(chosen, scope=scope), 0, seed=seed)
        X = dataset.X
    golden = []
    for number in range(n_golden):
        instance = instances[number % len(instances)]
        symbol = instance.split("|")[1]
        row = rows[symbol][number * 7]
        decision = known[symbol][number * 7 : number * 7 + 1]
        golden.append(GoldenVector(bars[symbol][: row + 1], decision, instance, bars))
    return write_artifact(
        folder,
        model=model,
        features=features,
        application=application or Threshold(float(np.median(model.predict(X)))),
        manifest=manifest_of(instances, **changes),
        golden=golden,
        categories=categories,
    )


@pytest.fixture(scope="module", autouse=True)
def no_user_module_stays() -> Iterator[None]:
    """Every file unloads the user modules that it loads: which file comes next is up to the workers."""
    yield
    stayed = {name for name, factor in FACTORS.items() if factor.module is not None}
    assert not stayed, "load user modules within `isolated_modules`"


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
    return read_file(path, symbol="BTC-USD", timeframe=parse_timeframe("5m"))[0][:20_000]


@pytest.fixture(scope="session")
def artifact_builder() -> Callable[..., Artifact]:
    """The function that builds an artifact, for tests that need one of their own."""
    return build_artifact


@pytest.fixture(scope="session")
def bars_maker() -> Callable[..., Bars]:
    """The function that makes the bars that the artifacts were trained on."""
    return synthetic_bars


@pytest.fixture(scope="session")
def columns_of() -> Callable[[Bars], dict[str, list]]:
    """A function that writes bars as an object of columns."""
    return lambda bars: {name: getattr(bars, name).tolist() for name in COLUMNS}


@pytest.fixture(scope="session")
def arrow_body() -> Callable[..., bytes]:
    """A function that writes bars and the rest of a request as an Arrow stream."""

    def write(bars: Bars, request: dict, **options: object) -> bytes:
        table = pyarrow.table({name: getattr(bars, name) for name in COLUMNS})
        table = table.replace_schema_metadata({"tradesieve": json.dumps(request)})
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as stream:
            stream.write_table(table)
        return sink.getvalue().to_pybytes()

    return write


@pytest.fixture(scope="session")
def decisions_maker() -> Callable[..., Decisions]:
    """The function that makes decisions that know everything."""
    return synthetic_decisions


@pytest.fixture(scope="session")
def full_artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """An artifact that looks at all that a decision may know; no test changes it."""
    return build_artifact(tmp_path_factory.mktemp("full") / "first", features=EVERY_INPUT, n_golden=8)


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

    def wait_ready(self, seconds: float = 180.0, *, path: str = "readyz") -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.text()}")
            try:
                if httpx.get(f"{self.url}/{path}", timeout=2.0).status_code == 200:
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
    from tradesieve.serving.export import serve_command

    started: list[Server] = []

    def start(target: str | Path, *, wait: bool = True, host: str | None = "127.0.0.1", **environment: str) -> Server:
        folder = tmp_path_factory.mktemp("server")
        port = free_port()
        home = {
            "TRADESIEVE_HOME": str(folder),
            "BENTOML_HOME": str(folder / "bentoml"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        command = serve_command(target, port=port)
        if host is None:  # leave it to BentoML
            at = command.index("--host")
            del command[at : at + 2]
        server = Server(
            command,
            port=port,
            log=folder / "log",
            # One worker starts sooner; the tests of several ask for them.
            # The bars of tests are of the past.
            environment={**home, "TRADESIEVE_WORKERS": "1", "TRADESIEVE_CLOCK": "replay", **environment},
            folder=folder,
        )
        started.append(server)
        if wait:
            server.wait_ready()
        return server

    yield start
    for server in started:
        server.stop()
