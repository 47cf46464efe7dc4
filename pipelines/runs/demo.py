"""The demo: everything on a synthetic market whose truth is known, in minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tradesieve.market.errors import lookup
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.paper_replay import PaperResult, replay
from tradesieve.pipelines.runs.release import release_run
from tradesieve.pipelines.settings import Settings

_TIMEFRAME = "15m"
_DAYS = 540
MARKETS = {
    "edge": ("TREND", SyntheticMarket(edge=0.2, reversion=0.06, n_days=_DAYS, timeframe=parse_timeframe(_TIMEFRAME))),
    "random": ("RANDOM", SyntheticMarket(edge=0.0, n_days=_DAYS, timeframe=parse_timeframe(_TIMEFRAME))),
}
"""Name: prefix of its symbols and its recipe. In the one breakouts pay in trends and lose in chop; in the other nothing
can be learned."""

_REPLAYED = 20 * 86_400_000_000_000


@dataclass(frozen=True)
class Demo:
    """What the demo gave: the experiment's result, and the replay when the gate opened."""

    result: dict[str, Any]
    paper: PaperResult | None
    bento: str | None


def run_demo(market: str, settings: Settings, *, progress: Progress = silent) -> Demo:
    """Make the market, run the experiment on it, and, if the gate opens, export, serve and paper-trade the winner.

    Raises
    ------
    Unknown : if there is no such market.
    """
    prefix, recipe = lookup("market", market, MARKETS)
    symbols = [f"{prefix}-{letter}" for letter in "AB"]
    for done, symbol in enumerate(symbols):
        progress("market", done, len(symbols), symbol)
        settings.bars.append(recipe.generate(symbol)[0])
    experiment = Experiment(
        symbols=tuple(symbols),
        timeframes=(_TIMEFRAME,),
        strategies=("volatility_breakout", "opening_range_breakout", "dip_buying"),
        num_strategies=6,
        plan=Plan(engines={"lightgbm": 5, "pycaret": 5}),
    )
    result = run_experiment(experiment, settings, progress=progress)
    if not result["gate"]["open"]:
        return Demo(result, None, None)
    progress("export", 0, 1, "building the Bento")
    released, bento = release_run(settings, result["run_id"])
    end = settings.bars.span(symbols[0], parse_timeframe(_TIMEFRAME))[1]
    paper = replay(
        released.folder, settings, symbol=symbols[0], timeframe=_TIMEFRAME,
        start_time=end - _REPLAYED, end_time=end, progress=progress,
    )  # fmt: skip
    return Demo(result, paper, bento)
