"""Real markets of a study: the default plan on bars of this machine, as it comes out.

The bars are not part of the project. They are Parquet files with the columns time (of the open, UTC), open, high, low,
close and volume, under the folder that ``make study`` names. A market whose files are missing is skipped, and said so.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.studies.runs import open_for_study
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.fitness.measures import measure
from tradesieve.models.json_values import json_safe
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search
from tradesieve.models.significance.bootstrap import lower_bound
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset
from tradesieve.strategies.registry import RULES
from tradesieve.strategies.statistics.daily_returns import sharpe


@dataclass(frozen=True)
class RealMarket:
    """Symbols that are searched together.

    Parameters
    ----------
    files : symbol to the file of its bars.
    stored, timeframe : of the files, and of the trades.
    kind : of the instruments, which gives them their costs.
    last_days : so many days up to the end of the bars; 0: all of them.
    """

    files: dict[str, str]
    stored: str
    timeframe: str
    kind: str
    last_days: int = 0

    def dataset(self, folder: Path, home: Path, plan: Plan, features: str | tuple[str, ...]) -> Dataset:
        """Import the bars of a folder, and make trades and features as an experiment does, in a state folder."""
        settings = Settings(home, "", "study", "study", "127.0.0.1", 5000)
        end = 0
        for symbol, file in self.files.items():
            bars, _ = read_file(folder / file, symbol=symbol, timeframe=parse_timeframe(self.stored))
            settings.bars.append(bars)
            end = max(end, int(bars.close_time[-1]))
        experiment = Experiment(
            symbols=tuple(self.files),
            timeframes=(self.timeframe,),
            num_strategies=len(RULES),
            start=str(pd.Timestamp(end - self.last_days * DAY)) if self.last_days else None,
            features=features,
            instruments={symbol: {"kind": self.kind} for symbol in self.files},
            plan=plan,
        )
        return build_dataset(experiment, load_chunks(experiment, settings), settings)


_COINS = {coin: f"crypto_1h/binance_{coin}USDT_1h.parquet" for coin in ("ADA", "BTC", "DOGE", "LINK", "SOL", "TRX")}
_EURUSD = {"EUR-USD": "forex_1m/histdata_EURUSD_1m.parquet"}
_SPX = {"SPX": "forex_1m/histdata_SPXUSD_1m.parquet"}

REAL_MARKETS = {
    "BTC 5m": RealMarket({"BTC-USDT": "crypto_5m/binance_BTCUSDT_5m.parquet"}, "5m", "5m", "perpetual"),
    "BTC 1h": RealMarket({"BTC-USD": "crypto_1h/bitstamp_BTCUSD_1h.parquet"}, "1h", "1h", "perpetual"),
    "six coins 1h": RealMarket({f"{coin}-USDT": path for coin, path in _COINS.items()}, "1h", "1h", "perpetual"),
    "EURUSD 15m": RealMarket(_EURUSD, "1m", "15m", "forex"),
    "EURUSD 5m": RealMarket(_EURUSD, "1m", "5m", "forex", last_days=360),
    "EURUSD 1m": RealMarket(_EURUSD, "1m", "1m", "forex", last_days=90),
    "SPX 5m": RealMarket(_SPX, "1m", "5m", "index", last_days=360),
    "SPX 1m": RealMarket(_SPX, "1m", "1m", "index", last_days=90),
    "NVDA 5m": RealMarket({"NVDA": "equity_5m/us_NVDA_5m.parquet"}, "5m", "5m", "stock"),
    "NVDA 1m": RealMarket({"NVDA": "equity_1m/us_NVDA_1m.parquet"}, "1m", "1m", "stock"),
}


def missing_files(name: str, folder: Path) -> list[Path]:
    """List the files of a market that are not there."""
    return [folder / file for file in REAL_MARKETS[name].files.values() if not (folder / file).is_file()]


def run_real(name: str, folder: Path) -> dict[str, Any]:
    """Search a real market by the default plan, and open its hold-out."""
    market, plan = REAL_MARKETS[name], Plan()
    with tempfile.TemporaryDirectory() as home:
        dataset = market.dataset(folder, Path(home), plan, Experiment.features)
        development, holdout = split_holdout(dataset, fraction=plan.holdout_fraction)
        started = time.process_time()
        result = search(development, plan, n_jobs=1)
        seconds = time.process_time() - started
        opened = open_for_study(holdout, result, plan, Ledger(Path(home) / "ledger.db"))
    row: dict[str, Any] = {
        "market": name,
        "n_trades": len(development),
        "holdout_days": len(daily_returns(holdout, opened.sizes)),
        "n_trials": opened.n_trials,
        "open": opened.gate.open,
        "failed": [condition.name for condition in opened.gate.conditions if not condition.passed],
        "search_seconds": round(seconds, 1),
    }
    for label, sizes in (("every_trade", np.ones(len(holdout))), ("holdout", opened.sizes)):
        measured = measure(holdout, sizes)
        row |= {f"{label}_sortino": measured.sortino, f"{label}_expectancy": measured.expectancy}
        row[f"{label}_kept"] = measured.n_trades
    return json_safe(row | _sharpe_interval(daily_returns(holdout, opened.sizes), holdout.calendar.days_per_year))


def _sharpe_interval(returns: np.ndarray, days_per_year: float) -> dict[str, float]:
    """Bound the Sharpe ratio at 95 % by the gate's own bootstrap; from above, it is that of the negated returns."""
    low, high = (
        sign * lower_bound(sign * returns, ratio="sharpe", days_per_year=days_per_year, confidence=0.975, seed=7)
        for sign in (1.0, -1.0)
    )
    return {"holdout_sharpe": sharpe(returns, days_per_year=days_per_year), "sharpe_low": low, "sharpe_high": high}
