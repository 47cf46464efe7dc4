"""The bot, over HTTP with a real service, takes the trades that research takes: every time, price, size and score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.trading.test_journal import entries_of
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.applications.proportional import Proportional
from tradesieve.models.artifact.artifact import Artifact, load_artifact, release, write_artifact
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.local_service import serve_locally
from tradesieve.pipelines.runs.paper_replay import PaperResult, difference, replay
from tradesieve.pipelines.runs.research_trades import load_model_chunk, research_trades
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.strategies.trades import TRADE_COLUMNS

pytestmark = pytest.mark.slow

DAY = 86_400_000_000_000
SYMBOL, TIMEFRAME, FINER = "TREND-A", "15m", "5m"


@dataclass(frozen=True)
class Released:
    """A model that came out of a real experiment, its service, and the bars that it trades."""

    settings: Settings
    artifact: Artifact
    bars: Bars
    finer: Bars
    url: str

    def replay(self, start: int | None, end: int | None) -> PaperResult:
        return replay(
            self.artifact.folder, self.settings,
            symbol=SYMBOL, timeframe=None, start_time=start, end_time=end, url=self.url,
        )  # fmt: skip

    def research(self, bars: Bars, start: int | None) -> pd.DataFrame:
        return research_trades(self.artifact, self.chunk(bars), self.settings, start_time=start)

    def chunk(self, bars: Bars) -> Chunk:
        stored = load_model_chunk(self.artifact, SYMBOL, TIMEFRAME, self.settings)
        return replace(stored, bars=bars, finer=self.finer)


@pytest.fixture(scope="module")
def artifact(settings: Settings) -> Artifact:
    market = SyntheticMarket(edge=0.2, reversion=0.06, n_days=90, timeframe=parse_timeframe(FINER))
    for symbol in (SYMBOL, "TREND-B"):
        settings.bars.append(market.generate(symbol)[0])
    experiment = Experiment(
        symbols=(SYMBOL, "TREND-B"),
        timeframes=(TIMEFRAME,),
        # One so tight that finer bars have to settle whether its stop or its target came first.
        strategies=(
            "volatility_breakout(stop_ranges=0.5,reward=1)",
            "opening_range_breakout",
            "dip_buying",
            "donchian_channel",
        ),
        num_strategies=4,
        # Terms of its own, which live has to know from the manifest.
        instruments={SYMBOL: {"taker_fee": 0.0003, "tick": 0.01}},
        settle_with=FINER,
        features="minimal",
        plan=Plan(engines={"lightgbm": 2}, applications=("proportional",), n_folds=3, minimum_trades=5),
    )
    result = run_experiment(experiment, settings)
    found = load_artifact(Path(result["artifact"]))
    return release(found, settings.home / "released" / "one", run_id=result["run_id"], override="a test")


@pytest.fixture(scope="module")
def released(settings: Settings, artifact: Artifact) -> Iterator[Released]:
    bars, finer = (settings.bars.load(SYMBOL, parse_timeframe(text)) for text in (TIMEFRAME, FINER))
    with serve_locally(artifact.folder, settings) as url:
        yield Released(settings, artifact, bars, finer, url)


def in_the_middle_of_a_position(released: Released) -> int:
    """Find a time at which a trade is open that was decided before it, with others to come."""
    trades = released.research(released.bars, int(released.bars.close_time[-3000]))
    long = trades[trades["bars_held"] >= 6].iloc[3]
    return int(long["entry_time"]) + 2 * released.bars.timeframe.duration


def assert_equal(result: PaperResult) -> None:
    """Compare every column without the help of `difference`."""
    assert len(result.trades) > 0
    for column in (*TRADE_COLUMNS, "size", "score"):
        live, research = result.trades[column].to_numpy(), result.research[column].to_numpy()
        assert live.dtype == research.dtype, column
        if live.dtype.kind in "fi":
            assert live.tobytes() == research.tobytes(), column
        else:
            assert live.tolist() == research.tolist(), column
    assert result.agrees


def test_every_trade_is_equal_bit_for_bit(released: Released) -> None:
    end = int(released.bars.close_time[-1])
    result = released.replay(end - 12 * DAY, end)
    assert_equal(result)
    sizes = result.trades["size"]
    assert (sizes > 0).any()
    assert (sizes == 0).any()
    assert len(np.unique(sizes)) > 3, "sizes between none and whole"
    assert result.trades["strategy"].nunique() >= 3
    assert result.n_bars == 12 * 96
    entries = entries_of(result.journal)
    assert [entry["event"] for entry in entries].count("decision") == result.n_asked
    closed = [entry for entry in entries if entry["event"] == "closed"]
    assert sorted(entry["net_return"] for entry in closed) == sorted(result.trades["net_return"])


@pytest.mark.parametrize("shift", [-2, -1, 0, 1, 2, 3])
def test_a_start_in_the_middle_of_a_position(released: Released, shift: int) -> None:
    """What was open before the start is inherited as a shadow; what is decided after it is met."""
    start = in_the_middle_of_a_position(released) + shift * released.bars.timeframe.duration
    result = released.replay(start, start + 3 * DAY)
    assert_equal(result)
    assert result.trades["decision_time"].min() > start


def test_a_start_at_the_very_moment_of_a_decision(released: Released) -> None:
    """What was decided at the start is history; what is decided one bar later is met."""
    trades = released.research(released.bars, int(released.bars.close_time[-800]))
    decided = int(trades["decision_time"].iloc[5])
    at_it = released.replay(decided, decided + DAY)
    before_it = released.replay(decided - 1, decided + DAY)
    assert_equal(at_it)
    assert_equal(before_it)
    assert decided not in set(at_it.trades["decision_time"])
    assert decided in set(before_it.trades["decision_time"])


def test_the_finer_bars_matter(released: Released) -> None:
    """The alarm: a bot that did not have them would take some trades that touched stop and target for losses."""
    without = replace(released, finer=released.finer[:0])
    first, second = (each.research(released.bars, None) for each in (released, without))
    both = min(len(first), len(second))
    differs = first["net_return"].to_numpy()[:both] != second["net_return"].to_numpy()[:both]
    start = int(first["decision_time"][int(np.flatnonzero(differs)[-1])]) - 1
    met = released.replay(start, start + 2 * DAY).trades
    until = released.bars.between(None, start + 2 * DAY)
    assert difference(met, released.research(until, start)) is None
    assert difference(met, without.research(until, start)) is not None


def test_the_open_position_matters(released: Released) -> None:
    """The alarm: a bot that began flat would meet another trade there."""
    start = in_the_middle_of_a_position(released)
    before = released.bars.between(None, start)
    inherited = released.research(released.bars, start)
    assert difference(inherited, inherited) is None
    later = released.bars[len(before) :]
    forgetful = released.research(later, None)
    assert difference(forgetful, inherited) is not None


def test_a_start_before_the_window_is_full(released: Released) -> None:
    """By default all bars are replayed: the first ones are history, since no decision can be asked for yet."""
    needed = released.artifact.requirements(TIMEFRAME).bars
    for start in (None, int(released.bars.close_time[3])):
        result = released.replay(start, int(released.bars.close_time[400]))
        assert_equal(result)
        assert result.n_bars == 401 - (needed - 1)
        assert result.trades["decision_time"].min() >= released.bars.close_time[needed - 1]


def test_an_end_in_the_middle_of_a_position(released: Released) -> None:
    """What has not closed by the end is in neither table."""
    end = in_the_middle_of_a_position(released)
    result = released.replay(end - 3 * DAY, end)
    assert_equal(result)
    assert result.trades["exit_time"].max() <= end


def test_the_service_is_started_where_none_is_named(released: Released) -> None:
    end = int(released.bars.close_time[-1])
    result = replay(
        released.artifact.folder, released.settings,
        symbol="TREND-B", timeframe=TIMEFRAME, start_time=end - 2 * DAY, end_time=end,
    )  # fmt: skip
    assert_equal(result)
    assert set(result.trades["symbol"]) == {"TREND-B"}


def test_a_service_with_another_threshold_is_reported(released: Released, tmp_path: Path) -> None:
    """A model that differs in nothing but its application is another model, and is not traded with."""
    given = {name: released.artifact.manifest[name] for name in (
        "experiment", "run_id", "created", "code", "dataset", "bars", "instances", "data_span", "n_trials", "gate",
        "override", "instruments", "settle_with",
    )}  # fmt: skip
    application = released.artifact.application
    assert isinstance(application, Proportional)
    vectors, _ = released.artifact.golden
    other = write_artifact(
        tmp_path / "other",
        model=released.artifact.model,
        features=[feature.name for feature in released.artifact.features],
        application=replace(application, low=float(np.nextafter(application.low, 0.0))),
        manifest=given | {"model": {"candidate": released.artifact.manifest["model"]["candidate"]}},
        golden=vectors,
    )
    end = int(released.bars.close_time[-1])
    with pytest.raises(BadInput, match=f"serves model {released.artifact.fingerprint}, not"):
        replay(
            other.folder, released.settings,
            symbol=SYMBOL, timeframe=None, start_time=end - 2 * DAY, end_time=end, url=released.url,
        )  # fmt: skip
    chunk = released.chunk(released.bars)
    sizes = research_trades(other, chunk, released.settings, start_time=end - 20 * DAY)
    said = difference(sizes, released.research(released.bars, end - 20 * DAY))
    assert said is not None
    assert "size is" in said


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_one_changed_price_is_reported(released: Released, column: str) -> None:
    """Bars that differ in one price of a bar that a trade was decided or entered on are no longer those traded."""
    end = int(released.bars.close_time[-1])
    result = released.replay(end - 2 * DAY, end)
    trade = result.trades[result.trades["exit_reason"].isin(["stop", "target"])].iloc[2]
    known = "decision_time" if column == "close" else "entry_time"
    row = int(np.searchsorted(released.bars.close_time, trade[known]))
    prices = {name: getattr(released.bars, name).copy() for name in ("open", "high", "low", "close")}
    prices[column][row] *= {"open": 1.0001, "high": 1.05, "low": 0.95, "close": 1.0001}[column]
    prices["high"][row] = max(values[row] for values in prices.values())
    prices["low"][row] = min(values[row] for values in prices.values())
    changed = replace(released.bars, **prices)
    said = difference(result.trades, released.research(changed, end - 2 * DAY))
    assert said is not None
    assert not replace(result, research=released.research(changed, end - 2 * DAY)).agrees


@pytest.mark.parametrize("column", [*TRADE_COLUMNS, "size", "score"])
def test_one_other_value_is_reported_by_its_column(released: Released, column: str) -> None:
    """One bit of one number, one letter of one name, or a number where there is none."""
    research = released.research(released.bars, int(released.bars.close_time[-500]))
    live = research.copy()
    value = live[column].iloc[2]
    if isinstance(value, str):
        other: object = value + "x"
    elif isinstance(value, float):
        other = 1.0 if np.isnan(value) else float(np.nextafter(value, np.inf))
    else:
        other = value + 1
    live.loc[2, column] = other
    said = difference(live, research)
    assert said is not None
    assert said.startswith(f"trade 2: {column} is ")
    assert difference(research.iloc[1:], research) == f"live has {len(research) - 1} trades, research {len(research)}"
    assert difference(research, research.copy()) is None


def test_no_number_is_equal_to_no_number_alone(released: Released) -> None:
    research = released.research(released.bars, int(released.bars.close_time[-500]))
    live = research.copy()
    live.loc[0, "r_multiple"] = np.nan
    assert difference(live, research) is not None
    assert difference(live, live.copy()) is None


def test_what_the_model_does_not_know_is_refused(released: Released) -> None:
    with pytest.raises(Unknown, match="'TREND-C': did you mean 'TREND-"):
        replay(
            released.artifact.folder, released.settings,
            symbol="TREND-C", timeframe=None, start_time=None, end_time=None, url=released.url,
        )  # fmt: skip
    with pytest.raises(BadInput, match="timeframe is 5m, but the model knows 15m"):
        replay(
            released.artifact.folder, released.settings,
            symbol=SYMBOL, timeframe="5m", start_time=None, end_time=None, url=released.url,
        )  # fmt: skip
    for start, end in ((int(released.bars.close_time[-1]), None), (None, int(released.bars.close_time[50]))):
        with pytest.raises(BadInput, match=r"no 15m bars|needs 100"):
            released.replay(start, end)
