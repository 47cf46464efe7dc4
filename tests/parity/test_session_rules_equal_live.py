"""Rules of sessions on bars of sessions: bot, service and research take the same trades, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.resampling import resample
from tradesieve.market.session_bars import SessionBars
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import HOUR, parse_timeframe
from tradesieve.models.artifact.artifact import load_artifact, release
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.paper_replay import PaperResult, replay
from tradesieve.pipelines.settings import Settings
from tradesieve.strategies.trades import TRADE_COLUMNS

pytestmark = pytest.mark.slow

RULES = (
    "opening_range_breakout(opening_minutes=60,reward=1)",
    "trend_day(first_minutes=60,extreme=0.5)",
    "time_of_day(max_hold=3)",
    "dip_buying",
)
FEATURES = ("minimal", "clock__since_open__session_XNYS", "clock__to_close__session_0930_America.New_York")


@pytest.fixture(scope="module")
def replayed(settings: Settings) -> PaperResult:
    """A model of a stock's hours in its sessions, and its replay from winter into summer."""
    market = SyntheticMarket(edge=0.2, reversion=0.06, n_days=800, timeframe=parse_timeframe("30m"))
    for symbol in ("AAA", "BBB"):
        settings.bars.append(resample(market.generate(symbol)[0], parse_timeframe("1h"), sessions=Sessions("XNYS")))
    experiment = Experiment(
        symbols=("AAA", "BBB"),
        timeframes=("1h",),
        strategies=RULES,
        num_strategies=len(RULES),
        instruments={symbol: {"kind": "stock"} for symbol in ("AAA", "BBB")},
        features=FEATURES,
        plan=Plan(engines={"lightgbm": 2}, applications=("proportional",), n_folds=3, minimum_trades=5),
    )
    result = run_experiment(experiment, settings)
    found = load_artifact(Path(result["artifact"]))
    artifact = release(found, settings.home / "released" / "one", run_id=result["run_id"], override="a test")
    bars = settings.bars.load("AAA", parse_timeframe("1h"))
    assert isinstance(bars, SessionBars)
    assert set(np.diff(bars.close_time)[:6].tolist()) >= {HOUR // 2, HOUR}, "the last half hour of a session"
    end = int(bars.close_time[-1])
    return replay(
        artifact.folder, settings, symbol="AAA", timeframe="1h", start_time=end - 240 * 24 * HOUR, end_time=end
    )


def test_every_trade_is_equal_bit_for_bit(replayed: PaperResult) -> None:
    assert replayed.agrees
    for column in (*TRADE_COLUMNS, "size", "score"):
        live, research = replayed.trades[column].to_numpy(), replayed.research[column].to_numpy()
        assert live.tobytes() == research.tobytes() if live.dtype.kind in "fi" else live.tolist() == research.tolist()
    rules = replayed.trades["strategy"].str.partition("(")[0]
    assert {"opening_range_breakout", "trend_day", "time_of_day"} <= set(rules)
    assert replayed.trades["strategy"][rules != "dip_buying"].str.contains("session=XNYS").all()


def test_the_rules_decide_at_the_clock_of_new_york_in_summer_and_winter(replayed: PaperResult) -> None:
    trades = replayed.trades[replayed.trades["strategy"].str.startswith("time_of_day")]
    local = pd.to_datetime(trades["decision_time"], utc=True).dt.tz_convert("America/New_York")
    assert set(local.dt.strftime("%H:%M")) == {"10:30"}
    assert local.map(lambda time: time.utcoffset()).nunique() == 2
