"""The demo: everything on a synthetic market with a known edge or none, in minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tradesieve.market.errors import lookup
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.paper_replay import PaperResult, replay
from tradesieve.pipelines.runs.release import release_run
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.export import require_serving

_TIMEFRAME = "15m"
_DAYS = 540
MARKETS = {
    "edge": ("TREND", SyntheticMarket(edge=0.2, reversion=0.06, n_days=_DAYS, timeframe=parse_timeframe(_TIMEFRAME))),
    "random": ("RANDOM", SyntheticMarket(edge=0.0, n_days=_DAYS, timeframe=parse_timeframe(_TIMEFRAME))),
}
"""Name of a market: the prefix of its symbols and its generator. With the edge, breakouts pay in trends only."""

_REPLAYED = 20 * DAY


@dataclass(frozen=True)
class Demo:
    """The outcome: the experiment's result, and the replay and the Bento's tag if the gate opened."""

    result: dict[str, Any]
    paper: PaperResult | None
    bento: str | None


def demo_experiment(market: str, settings: Settings, *, progress: Progress = silent) -> Experiment:
    """Store the bars of a synthetic market, and return the experiment on them.

    Raises
    ------
    Unknown : if there is no such market.
    """
    prefix, generator = lookup("market", market, MARKETS)
    symbols = [f"{prefix}-{letter}" for letter in "AB"]
    for done, symbol in enumerate(symbols):
        progress("market", done, len(symbols), symbol)
        settings.bars.append(generator.generate(symbol)[0])
    return Experiment(
        symbols=tuple(symbols),
        timeframes=(_TIMEFRAME,),
        strategies=("volatility_breakout", "opening_range_breakout", "dip_buying"),
        num_strategies=6,
    )


def run_demo(market: str, settings: Settings, *, progress: Progress = silent) -> Demo:
    """Run the experiment on a synthetic market; if the gate opens, export, serve and paper-trade the winner.

    Raises
    ------
    Unknown : if there is no such market.
    BadInput : if BentoML is not installed.
    """
    require_serving()
    experiment = demo_experiment(market, settings, progress=progress)
    result = run_experiment(experiment, settings, progress=progress)
    if not result["gate"]["open"]:
        return Demo(result, None, None)
    progress("export", 0, 1, "building the Bento")
    released, bento = release_run(settings, result["run_id"])
    symbol = experiment.symbols[0]
    end = settings.bars.span(symbol, parse_timeframe(_TIMEFRAME))[1]
    paper = replay(
        released.folder, settings, symbol=symbol, timeframe=_TIMEFRAME,
        start_time=end - _REPLAYED, end_time=end, progress=progress,
    )  # fmt: skip
    return Demo(result, paper, bento)
