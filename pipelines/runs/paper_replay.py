"""Paper trading: replay stored bars through bot and service, and hold the trades against those of research."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from tradesieve.features.requirements import Requirements
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, TradesieveError, Transient, Unknown
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.artifact.artifact import Artifact, load_artifact
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.evaluation import finer_of, instrument_of, research_trades
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_others
from tradesieve.serving.client import ScoringClient
from tradesieve.serving.export import serve_command
from tradesieve.strategies.registry import parse_strategy
from tradesieve.strategies.trades import TRADE_COLUMNS
from tradesieve.trading.bot import Bot
from tradesieve.trading.brokers.paper import PaperBroker
from tradesieve.trading.feed import ReplayFeed
from tradesieve.trading.journal import Journal

_START_SECONDS = 90.0


@dataclass(frozen=True)
class PaperResult:
    """What a replay gave.

    Parameters
    ----------
    trades : all that closed within the time, taken ones (size above 0) and shadows, as the bot met them.
    research : the same trades as research has them, from the same artifact.
    n_asked : how many times the service was asked.
    n_bars : how many bars were replayed.
    journal : where every decision was written down.
    """

    trades: pd.DataFrame
    research: pd.DataFrame
    n_asked: int
    n_bars: int
    journal: Path

    @property
    def agrees(self) -> bool:
        """True when live and research are equal: the same trades, prices, sizes and scores, bit for bit."""
        return difference(self.trades, self.research) is None


def replay(
    artifact_folder: Path,
    settings: Settings,
    *,
    symbol: str,
    timeframe: str | None,
    start_time: int | None,
    end_time: int | None,
    url: str | None = None,
    progress: Progress = silent,
) -> PaperResult:
    """Replay stored bars of one symbol through the bot and the service.

    Parameters
    ----------
    artifact_folder : the model that the service answers with.
    timeframe : None takes the only one that the model was trained on.
    start_time, end_time : int64 ns UTC, see `trading.feed`. Bars that come before the model's windows are full are
        history: the service answers from whole windows only.
    url : of a running service; None starts one and stops it afterwards.

    Raises
    ------
    BadInput : if the model does not know the symbol or timeframe, bars are missing, or `url` serves another model.
    """
    artifact = load_artifact(artifact_folder)
    timeframe = _known_timeframe(artifact, symbol, timeframe)
    instrument = instrument_of(artifact, symbol)
    strategies = [
        parse_strategy(instance.strategy) for instance in artifact.instances if instance.series == (symbol, timeframe)
    ]
    bars = settings.bars.load(symbol, parse_timeframe(timeframe)).between(None, end_time)
    required = artifact.requirements(timeframe, symbol)
    others = load_others(required.others, bars, settings)
    start_time = _first_decidable(bars, others, required, start_time)
    finer = finer_of(artifact, settings, bars)
    feed = ReplayFeed(bars, start_time, end_time, finer)
    brokers = [PaperBroker(strategy, instrument, timeframe) for strategy in strategies]
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    journal_path = settings.home / "journal" / f"{symbol}-{timeframe}-{stamp}.jsonl"
    with contextlib.ExitStack() as stack:
        if url is None:
            progress("serve", 0, 1, "starting the service")
            url = stack.enter_context(served(artifact_folder, settings))
        client = stack.enter_context(ScoringClient(url, timeout=10.0))
        answering = client.model()
        if answering["fingerprint"] != artifact.fingerprint:
            raise BadInput(f"{url} answers with model {answering['fingerprint']}, not with {artifact.fingerprint}")
        journal = stack.enter_context(Journal(journal_path))
        feeds = {other: ReplayFeed(seen) for other, seen in others.items()}
        bot = Bot(brokers, client=client, journal=journal, requirements=client.requirements(timeframe), others=feeds)
        trades = bot.run(feed, on_bar=lambda done, total: progress("replay", done, total, f"{symbol} {timeframe}"))
    research = research_trades(artifact, bars, instrument, start_time=start_time, finer=finer, others=others)
    return PaperResult(trades, research, bot.n_asked, len(feed), journal_path)


def difference(live: pd.DataFrame, research: pd.DataFrame) -> str | None:
    """Name the first difference between two tables of trades; None when they are equal, bit for bit."""
    if len(live) != len(research):
        return f"live has {len(live)} trades, research {len(research)}"
    for column in (*TRADE_COLUMNS, "size", "score"):
        mine, theirs = live[column].to_numpy(), research[column].to_numpy()
        same = mine == theirs
        if mine.dtype.kind == "f":
            same = same | (np.isnan(mine) & np.isnan(theirs))
        if not np.all(same):
            row = int(np.argmin(same))
            return f"trade {row}: {column} is {mine[row]!r} live and {theirs[row]!r} in research"
    return None


def _first_decidable(
    bars: Bars, others: Mapping[str, Bars], required: Requirements, start_time: int | None
) -> int | None:
    """Move the start to where each replayed bar has every whole window behind it."""
    found = start_time
    for seen, needed in ((bars, required.bars), *((others[symbol], n) for symbol, n in required.others.items())):
        if len(seen) < needed:
            raise BadInput(
                f"{seen.symbol}: {len(seen)} bars of {seen.timeframe} lie up to the end of the replay, but the model "
                f"needs {needed} for its first decision"
            )
        if needed > 1 or seen is not bars:
            full = int(seen.close_time[needed - 1]) - 1  # the bar that fills the window is the first one replayed
            found = full if found is None else max(found, full)
    return found


def _known_timeframe(artifact: Artifact, symbol: str, timeframe: str | None) -> str:
    symbols = dict.fromkeys(instance.symbol for instance in artifact.instances)
    if symbol not in symbols:
        raise Unknown("symbol of this model:", symbol, symbols)
    timeframes = dict.fromkeys(instance.timeframe for instance in artifact.instances if instance.symbol == symbol)
    if timeframe is None and len(timeframes) == 1:
        return next(iter(timeframes))
    if timeframe is None or timeframe not in timeframes:
        raise BadInput(f"timeframe is {timeframe}, but the model knows {', '.join(timeframes)}: name one of them")
    return timeframe


@contextlib.contextmanager
def served(artifact_folder: Path, settings: Settings) -> Iterator[str]:
    """Serve an artifact on a free port for as long as the block lasts; give its address.

    Raises
    ------
    TradesieveError : if the service does not start; shows the end of its log.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = settings.home / "logs" / "paper-service.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "BENTOML_HOME": str(settings.home / "bentoml-paper"),
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "true",
    }
    with open(log, "w") as out:
        process = subprocess.Popen(
            serve_command(artifact_folder, port=port), env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_ready(url, process, log)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    with ScoringClient(url) as client:
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            with contextlib.suppress(Transient):
                client.wait_ready(1.0)
                return
    tail = " ".join(log.read_text().splitlines()[-3:])
    raise TradesieveError(f"the service did not start: {tail or 'its log is empty'}")
