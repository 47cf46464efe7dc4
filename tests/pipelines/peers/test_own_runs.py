"""Backtests that other programs ran themselves, each in an environment of its own: `make test-peers`.

What they export is imported, and has the trades, the times and the net returns that they say it has; then it is
filtered, and the service answers for its strategy.
"""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import ROOT, Command
from tradesieve.market.bars import Bars
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import HOUR, parse_timeframe
from tradesieve.models.artifact.artifact import load_artifact, release
from tradesieve.pipelines.runs.local_service import serve_locally
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.client import ScoringClient

ENVIRONMENTS = Path(os.environ.get("TRADESIEVE_PEERS", ROOT / "var" / "peers"))
PROGRAMS = Path(__file__).parent / "programs"
SECONDS = 600
FEE = 0.0005
ROUNDED = 1e-8
"""freqtrade writes its returns with eight digits."""
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class OwnRun:
    """What a program exported, and what it says of its closed trades, in the order of their entries.

    Parameters
    ----------
    options : of the import.
    entry_time, exit_time : int64 ns UTC, its own time stamps: those at which bars open.
    net_return : after its fees.
    at_close : whether it fills at the close of the bar that it names, or at the open.
    """

    file: Path
    options: tuple[str, ...]
    strategy: str
    entry_time: np.ndarray
    exit_time: np.ndarray
    net_return: np.ndarray
    at_close: bool


def python_of(peer: str) -> Path:
    found = ENVIRONMENTS / peer / "bin" / "python"
    if not found.exists():
        pytest.skip(
            f"no environment of {peer} in {ENVIRONMENTS}: `make test-peers` makes it where it can be downloaded"
        )
    return found


def succeed(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def run_freqtrade(bars: Path, folder: Path) -> OwnRun:
    """Backtest with freqtrade, without a network.

    freqtrade asks the exchange for its markets before a backtest. Those of Coinspot are part of ccxt, so nothing is
    asked; that ccxt has no candles of it does not matter to a backtest, which reads files.
    """
    python, data = python_of("freqtrade"), folder / "data" / "coinspot"
    data.mkdir(parents=True)
    (data / "BTC_USDT-1h.feather").write_bytes(bars.read_bytes())
    prices = {"price_side": "same", "use_order_book": False}
    configuration = {
        "stake_currency": "USDT", "stake_amount": 1000, "dry_run": True, "dry_run_wallet": 1e9, "max_open_trades": 1,
        "fee": FEE, "trading_mode": "spot", "entry_pricing": prices, "exit_pricing": prices,
        "exchange": {"name": "coinspot", "pair_whitelist": ["BTC/USDT"], "ccxt_config": {"timeframes": {"1h": "1h"}}},
        "pairlists": [{"method": "StaticPairList"}], "experimental": {"block_bad_exchanges": False},
        "dataformat_ohlcv": "feather",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(configuration))
    succeed(
        python.with_name("freqtrade"), "backtesting", "--config", folder / "config.json", "--userdir", folder,
        "--datadir", data, "--strategy-path", PROGRAMS, "--strategy", "Breakout", "--export", "trades",
        "--cache", "none",
    )  # fmt: skip
    (file,) = (folder / "backtest_results").glob("*.zip")
    with zipfile.ZipFile(file) as archive:
        told = json.loads(archive.read(f"{file.stem}.json"))["strategy"]["Breakout"]
    assert told["total_trades"] == len(told["trades"])
    table = pd.DataFrame(told["trades"]).sort_values("open_timestamp")
    times = (table[name].to_numpy(dtype=np.int64) * 10**6 for name in ("open_timestamp", "close_timestamp"))
    return OwnRun(file, (), "Breakout", *times, table["profit_ratio"].to_numpy(), at_close=False)


def run_backtesting(bars: Path, folder: Path) -> OwnRun:
    file = folder / "breakout.csv"
    succeed(python_of("backtesting"), PROGRAMS / "backtesting_breakout.py", bars, file)
    table = pd.read_csv(file).sort_values("EntryTime")
    options = ("--symbol", "BTC-USDT", "--strategy", "breakout")
    return OwnRun(
        file, options, "breakout", *_times(table, "EntryTime", "ExitTime"), table["ReturnPct"].to_numpy(), False
    )


def run_vectorbt(bars: Path, folder: Path) -> OwnRun:
    file = folder / "breakout.csv"
    succeed(python_of("vectorbt"), PROGRAMS / "vectorbt_breakout.py", bars, file)
    table = pd.read_csv(file).query("Status == 'Closed'").sort_values("Entry Timestamp")
    options = ("--symbol", "BTC-USDT", "--decided", "at-close")
    times = _times(table, "Entry Timestamp", "Exit Timestamp")
    return OwnRun(file, options, "breakout", *times, table["Return"].to_numpy(), at_close=True)


def _times(table: pd.DataFrame, *columns: str) -> list[np.ndarray]:
    return [pd.to_datetime(table[name], utc=True).dt.as_unit("ns").astype("int64").to_numpy() for name in columns]


PEERS: dict[str, Callable[[Path, Path], OwnRun]] = {
    "freqtrade": run_freqtrade,
    "backtesting": run_backtesting,
    "vectorbt": run_vectorbt,
}


@pytest.fixture(scope="module")
def bars() -> Bars:
    market = SyntheticMarket(n_days=500, edge=0.5, timeframe=parse_timeframe("1h"), seed=11)
    return market.generate("BTC-USDT")[0]


@pytest.fixture(scope="module")
def settings(make_home: Callable[..., Settings], bars: Bars) -> Settings:
    return make_home(bars=bars)


@pytest.fixture(scope="module", params=PEERS)
def own(request: pytest.FixtureRequest, bars: Bars, tmp_path_factory: pytest.TempPathFactory) -> OwnRun:
    folder = tmp_path_factory.mktemp(request.param)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    opened = pd.to_datetime(bars.open_time, utc=True).as_unit("ms")
    pd.DataFrame({"date": opened, **columns}).to_feather(folder / "bars.feather")
    return PEERS[request.param](folder / "bars.feather", folder)


def test_a_run_of_its_own_is_imported_filtered_and_served(
    run: Command,
    settings: Settings,
    bars: Bars,
    own: OwnRun,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home, name = settings.home, request.node.callspec.params["own"]
    told = run("trades", "import", own.file, "--name", name, *own.options, "--json", home=home).json()
    assert (told["n_trades"], told["n_dropped"]) == (len(own.net_return), 0)
    assert told["n_trades"] > 100
    stored = settings.trade_sets.load(name).trades.sort_values("entry_time")
    # Decided at the open that the program names, which is the close before, or at the close of that bar. A fill is
    # known at the close of its bar.
    decided = own.entry_time + (HOUR if own.at_close else 0)
    assert stored["decision_time"].tolist() == decided.tolist()
    assert stored["entry_time"].tolist() == (decided + HOUR).tolist()
    assert stored["exit_time"].tolist() == (own.exit_time + HOUR).tolist()
    worst = np.abs(stored["net_return"].to_numpy() - own.net_return).max()
    assert worst <= ROUNDED
    # By our own arithmetic, prices and the fees at both ends make these returns; freqtrade's are of all that was paid.
    fees = FEE * (1 + stored["exit_price"] / stored["entry_price"])
    np.testing.assert_allclose(stored["cost"], fees, rtol=0, atol=3e-5)
    pooled = run("trades", "stats", "--trades", name, "--with-holdout", "--json", home=home).json()["pooled"]
    closed = stored[stored["exit_reason"] != "end_of_data"]
    assert pooled["n_trades"] == len(closed) >= len(stored) - 1

    options = ("--trades", name, "--features", "minimal", "--candidates", "1", "--applications", "threshold")
    result = run("model", "experiment", *options, "--json", home=home).json()
    assert result["data"]["trades"] == name
    found = load_artifact(Path(result["artifact"]))
    folder = settings.home / "released" / name
    artifact = release(found, folder, run_id=result["run_id"], override="a test, whatever the gate says")
    last = bars[-artifact.requirements("1h", "BTC-USDT").bars :]
    with serve_locally(artifact.folder, settings) as url, ScoringClient(url, timeout=10.0) as client:
        answer = client.score(
            strategy=own.strategy, symbol="BTC-USDT", timeframe="1h", side=1, decision_time=int(last.close_time[-1]),
            bars=last,
        )  # fmt: skip
    assert np.isfinite(answer.score)
    with capsys.disabled():
        mean = own.net_return.mean()
        print(f"\n{name}: {len(stored)} trades, times equal, mean {mean:.4%}, net returns within {worst:.1e}; served")
