"""Paper trading: replay stored bars through the bot and the service, and compare the trades with those of research."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from tradesieve.features.requirements import Requirements
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.symbols import file_name_of, find_symbol
from tradesieve.models.artifact.artifact import Artifact, load_artifact
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.local_service import serve_locally
from tradesieve.pipelines.runs.research_trades import load_model_chunk, research_trades
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.serving.client import ScoringClient
from tradesieve.strategies.trades import TRADE_COLUMNS
from tradesieve.trading.bot import Bot, require_weights
from tradesieve.trading.brokers.paper import PaperBroker
from tradesieve.trading.feed import ReplayFeed
from tradesieve.trading.journal import Journal


@dataclass(frozen=True)
class PaperResult:
    """The result of a replay.

    Parameters
    ----------
    trades : all that closed within the period as the bot met them, taken ones (size above 0) and shadows.
    research : the same trades as research computes them from the same artifact.
    n_asked : number of requests to the service.
    n_bars : number of bars replayed.
    journal : the file that records every decision.
    weights : share of the capital by name of the instance; None: not given.
    """

    trades: pd.DataFrame
    research: pd.DataFrame
    n_asked: int
    n_bars: int
    journal: Path
    weights: Mapping[str, float] | None = None

    @property
    def agrees(self) -> bool:
        """True if live and research are equal: the same trades, prices, sizes and scores, bit for bit."""
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
    weights: Mapping[str, float] | None = None,
    progress: Progress = silent,
) -> PaperResult:
    """Replay stored bars of one symbol through the bot and the service.

    What it trades after the model's training is a look at the hold-out, which is recorded in the ledger.

    Parameters
    ----------
    artifact_folder : the model that the service serves.
    timeframe : None takes the only one that the model was trained on.
    start_time, end_time : int64 ns UTC, see `trading.feed`. Bars before the model's windows are whole are history: the
        service answers from whole windows only.
    url : of a running service; None starts one and stops it afterwards.
    weights : share of the capital by name of the instance, for the journal; trades and sizes are those without it.

    Raises
    ------
    BadInput : if the model does not know the symbol or timeframe, bars or weights are missing, `url` serves another
        model, or the model was trained on imported trades.
    """
    artifact = load_artifact(artifact_folder)
    if "trades" in artifact.manifest:
        raise BadInput(
            f"the model was trained on the imported trades {artifact.manifest['trades']}, whose rules are known by "
            "name only, so there is nothing to replay: let their own program ask the service (`tradesieve model run`) "
            "with the strategy, side, decision_time and bars, or score stored trades with `tradesieve model eval`"
        )
    symbol, timeframe = _select_series(artifact, symbol, timeframe)
    chunk = load_model_chunk(artifact, symbol, timeframe, settings, end_time=end_time)
    require_weights(weights, chunk.instance_names)
    start_time = _first_decidable(chunk, artifact.requirements(timeframe, symbol), start_time)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    journal_path = settings.home / "journal" / f"{file_name_of(symbol)}-{timeframe}-{stamp}.jsonl"
    feed = ReplayFeed(chunk.bars, start_time, end_time, chunk.finer)
    with contextlib.ExitStack() as stack:
        if url is None:
            progress("serve", 0, 1, "starting the service")
            url = stack.enter_context(serve_locally(artifact_folder, settings))
        client = stack.enter_context(ScoringClient(url, timeout=10.0, fallback="raise"))
        served = client.model()["fingerprint"]
        if served != artifact.fingerprint:
            raise BadInput(f"{url} serves model {served}, not {artifact.fingerprint}")
        bot = Bot(
            [PaperBroker(strategy, chunk.instrument, timeframe) for strategy in chunk.strategies],
            client=client,
            journal=stack.enter_context(Journal(journal_path)),
            requirements=client.requirements(timeframe),
            others={other: ReplayFeed(bars) for other, bars in chunk.others.items()},
            weights=weights,
            model=served,
            reports=True,
        )
        _record_look(artifact, chunk, start_time, settings)
        trades = bot.run(feed, on_bar=lambda done, total: progress("replay", done, total, chunk.name))
    research = research_trades(artifact, chunk, settings, start_time=start_time)
    return PaperResult(trades, research, bot.n_requests, len(feed), journal_path, weights)


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


def _record_look(artifact: Artifact, chunk: Chunk, start_time: int | None, settings: Settings) -> None:
    first, last = int(artifact.manifest["data_span"][1]) + 1, int(chunk.bars.close_time[-1])
    first = first if start_time is None else max(first, start_time + 1)
    if first <= last:
        settings.ledger.open_once(artifact.manifest["experiment"], [chunk.symbol], (first, last), "paper", look=True)


def _first_decidable(chunk: Chunk, required: Requirements, start_time: int | None) -> int | None:
    """Move the start to where every window is whole at each replayed bar."""
    found = start_time
    for bars, n_needed in chunk.windows(required):
        if len(bars) < n_needed:
            raise BadInput(
                f"{bars.symbol}: {len(bars)} bars of {bars.timeframe} lie up to the end of the replay, but the model "
                f"needs {n_needed} for its first decision"
            )
        if n_needed > 1 or bars is not chunk.bars:
            # The bar that completes the window is the first one replayed.
            whole = int(bars.close_time[n_needed - 1]) - 1
            found = whole if found is None else max(found, whole)
    return found


def _select_series(artifact: Artifact, text: str, timeframe: str | None) -> tuple[str, str]:
    symbols = dict.fromkeys(instance.symbol for instance in artifact.instances)
    symbol = find_symbol(text, symbols)
    if symbol is None:
        raise Unknown("symbol of this model:", text, symbols)
    timeframes = dict.fromkeys(instance.timeframe for instance in artifact.instances if instance.symbol == symbol)
    if timeframe is None and len(timeframes) == 1:
        return symbol, next(iter(timeframes))
    if timeframe is None or timeframe not in timeframes:
        raise BadInput(f"timeframe is {timeframe}, but the model knows {', '.join(timeframes)}: name one of them")
    return symbol, timeframe
