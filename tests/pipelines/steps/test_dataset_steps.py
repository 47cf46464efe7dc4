"""The steps keep what they made, know when it is out of date, and never believe a damaged file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unwritable import no_room
from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.market.bars import Bars
from tradesieve.market.caches import CacheWarning
from tradesieve.market.errors import BadInput
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps import trade_batches
from tradesieve.pipelines.steps.chunk_trades import TradedChunk, generate_trades
from tradesieve.pipelines.steps.chunks import Chunk, calendar_of, instance_names, load_chunks, period_of
from tradesieve.pipelines.steps.dataset import build_dataset, compute_features
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.backtest.trade_decisions import decisions_of

MakeHome = Callable[..., Settings]


@pytest.fixture(scope="module")
def few_bars(small_bars: Bars) -> Bars:
    return small_bars[:2000]


@pytest.fixture
def home(make_home: MakeHome, few_bars: Bars) -> Settings:
    return make_home(bars=few_bars)


class Listener:
    """Collects what a step tells of its progress."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def __call__(self, stage: str, done: int, total: int, detail: str) -> None:
        assert 0 <= done <= total
        self.told.append((stage, detail))

    @property
    def read(self) -> bool:
        return bool(self.told) and all(": read " in detail for _, detail in self.told)


def changed(bars: Bars, row: int) -> Bars:
    """Change one price by the least there is."""
    close = bars.close.copy()
    close[row] = np.nextafter(close[row], bars.low[row] if close[row] > bars.low[row] else bars.high[row])
    return replace(bars, close=close)


def only_file(folder: Path) -> Path:
    (path,) = [path for path in folder.rglob("*") if path.is_file()]
    return path


def test_trades_are_read_the_second_time(small_experiment: Experiment, home: Settings) -> None:
    (chunk,) = load_chunks(small_experiment, home)
    listener = Listener()
    first = generate_trades(chunk, home, progress=listener)
    assert not listener.read
    again = Listener()
    second = generate_trades(chunk, home, progress=again)
    assert again.read
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    expected = [simulate(strategy, chunk.bars, chunk.instrument) for strategy in chunk.strategies]
    assert len(first) == sum(map(len, expected)) > 50


def test_features_are_read_the_second_time(small_experiment: Experiment, home: Settings) -> None:
    (chunk,) = load_chunks(small_experiment, home)
    trades, names = generate_trades(chunk, home), small_experiment.feature_names()
    first = compute_features(TradedChunk(chunk, trades), names, home)
    listener = Listener()
    second = compute_features(TradedChunk(chunk, trades), names, home, progress=listener)
    assert listener.read
    assert first.tobytes() == second.tobytes()
    decisions = Decisions(trades["decision_time"].to_numpy(), trades["side"].to_numpy(float))
    expected = compute(chunk.bars, decisions, names)
    assert first.tobytes() == expected.tobytes()
    assert second.flags.c_contiguous


def test_other_features_are_not_taken_for_these(small_experiment: Experiment, home: Settings) -> None:
    (chunk,) = load_chunks(small_experiment, home)
    trades, names = generate_trades(chunk, home), list(small_experiment.feature_names())
    first = compute_features(TradedChunk(chunk, trades), names, home)
    turned = compute_features(TradedChunk(chunk, trades), names[::-1], home)
    np.testing.assert_array_equal(turned, first[:, ::-1])
    np.testing.assert_array_equal(compute_features(TradedChunk(chunk, trades), names[2:4], home), first[:, 2:4])


@pytest.mark.parametrize("row", [100, 1999])
def test_one_changed_price_is_computed_anew(
    small_experiment: Experiment, make_home: MakeHome, few_bars: Bars, row: int
) -> None:
    settings = make_home(bars=few_bars)
    generate_trades(load_chunks(small_experiment, settings)[0], settings)
    settings.bars.append(changed(few_bars, row), replace=True)
    listener = Listener()
    generate_trades(load_chunks(small_experiment, settings)[0], settings, progress=listener)
    assert not listener.read


@pytest.mark.parametrize(
    "change",
    [
        {"instruments": {"AAA": {"maker_fee": 0.00021}}},
        {"num_strategies": 2},
        {"strategies": ("dip_buying",)},
        {"end": "2023-01-20"},
    ],
)
def test_what_trades_follow_from_is_part_of_their_name(
    small_experiment: Experiment, home: Settings, change: dict[str, object]
) -> None:
    generate_trades(load_chunks(small_experiment, home)[0], home)
    listener = Listener()
    (chunk,) = load_chunks(replace(small_experiment, **change), home)
    generate_trades(chunk, home, progress=listener)
    assert not listener.read


def test_what_trades_do_not_follow_from_is_not(small_experiment: Experiment, home: Settings) -> None:
    """Another search on the same trades does not simulate them again."""
    generate_trades(load_chunks(small_experiment, home)[0], home)
    listener = Listener()
    other = replace(small_experiment, features="standard", plan=replace(small_experiment.plan, seed=1))
    generate_trades(load_chunks(other, home)[0], home, progress=listener)
    assert listener.read


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "other table", "flipped", "a column less"])
@pytest.mark.parametrize("kind", ["trades", "factors"])
def test_a_damaged_file_is_made_again(small_experiment: Experiment, home: Settings, kind: str, damage: str) -> None:
    (chunk,) = load_chunks(small_experiment, home)
    names = small_experiment.feature_names()[:1]

    def made() -> bytes:
        trades = generate_trades(chunk, home)
        return trades.to_csv().encode() + compute_features(TradedChunk(chunk, trades), names, home).tobytes()

    good = made()
    path = only_file(home.home / kind)
    whole = path.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "text":
        path.write_text("hello")
    elif damage == "flipped":
        path.write_bytes(whole[:100] + bytes([whole[100] ^ 16]) + whole[101:])
    elif kind == "factors":
        np.save(path, np.zeros(3 if damage == "other table" else 0))
    elif damage == "other table":
        pd.DataFrame({"a": [1.0]}).to_parquet(path)
    else:
        pd.read_parquet(path).drop(columns="stake").to_parquet(path)
    assert made() == good
    assert path.read_bytes() == whole, "and is whole afterwards"


def test_no_flipped_bit_is_read_as_another_number(small_experiment: Experiment, home: Settings) -> None:
    """Wherever a disk loses a bit: what is read is what was written, or it is made again."""
    (chunk,) = load_chunks(small_experiment, home)
    trades = generate_trades(chunk, home)
    path = only_file(home.home / "trades")
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        pd.testing.assert_frame_equal(generate_trades(chunk, home), trades, check_exact=True)


def test_features_of_all_that_a_decision_knows(
    small_experiment: Experiment, make_home: MakeHome, few_bars: Bars
) -> None:
    """Computed with the trades' own terms and record, and bars of another symbol; kept under all of these."""
    names = (
        "trade__agreeing",
        "trade__reward_to_risk",
        "results__win_share__window_3",
        "close_of_BBB__change__window_2",
    )
    experiment = replace(small_experiment, features=names, strategies=("volatility_breakout",), num_strategies=4)
    settings = make_home(bars=few_bars)
    with pytest.raises(BadInput, match="features read BBB beside AAA: no bars of BBB"):
        load_chunks(experiment, settings)
    settings.bars.append(replace(few_bars[700::2], symbol="BBB"))
    (chunk,) = load_chunks(experiment, settings)
    assert list(chunk.fingerprints) == ["AAA|15m", "BBB|15m"]
    trades = generate_trades(chunk, settings)
    X = compute_features(TradedChunk(chunk, trades), names, settings)
    decisions = decisions_of(trades, instance_names([chunk]))
    expected = compute(chunk.bars, decisions, names, others={"BBB": replace(few_bars[700::2], symbol="BBB")})
    np.testing.assert_array_equal(X, expected)
    early = trades["decision_time"] < few_bars.close_time[702]
    assert np.isnan(X[early, 3]).all()
    assert np.isfinite(X[~early, 3]).all()
    assert np.isfinite(X[:, :3]).any(axis=0).all()


@pytest.mark.parametrize(("row", "known"), [(300, True), (640, False)])
def test_other_bars_of_another_symbol_are_other_features(
    small_experiment: Experiment, make_home: MakeHome, few_bars: Bars, row: int, known: bool
) -> None:
    """If they were known by the end of the own bars."""
    names = ("close_of_BBB__change__window_2", "close__slope__window_20")
    end = str(np.datetime64(int(few_bars.close_time[1500]), "ns"))[:16]
    experiment = replace(small_experiment, features=names, end=end)
    settings, other = make_home(bars=few_bars), replace(few_bars[700::2], symbol="BBB")
    settings.bars.append(other)
    (chunk,) = load_chunks(experiment, settings)
    trades = generate_trades(chunk, settings)
    first = compute_features(TradedChunk(chunk, trades), names, settings)
    settings.bars.append(changed(other, row), replace=True)
    (chunk,) = load_chunks(experiment, settings)
    listener = Listener()
    again = compute_features(TradedChunk(chunk, trades), names, settings, progress=listener)
    assert listener.read != known
    assert (again[:, 0].tobytes() != first[:, 0].tobytes()) == known
    assert again[:, 1].tobytes() == first[:, 1].tobytes()


def test_rules_that_never_trade_make_an_empty_table(small_experiment: Experiment, home: Settings) -> None:
    silent = replace(
        small_experiment, strategies=("volatility_breakout(multiple=1000)",), num_strategies=None, start=None
    )
    (chunk,) = load_chunks(silent, home)
    for _ in range(2):
        trades = generate_trades(chunk, home)
        assert len(trades) == 0
        assert compute_features(TradedChunk(chunk, trades), silent.feature_names(), home).shape == (0, 13)
    with pytest.raises(BadInput, match="made no trade that closed"):
        build_dataset(silent, [chunk], home)


def test_the_dataset_pools_chunks_in_decision_order(
    small_experiment: Experiment, make_home: MakeHome, few_bars: Bars
) -> None:
    settings = make_home(bars=few_bars)
    settings.bars.append(replace(few_bars[500:], symbol="BBB"))
    both = replace(small_experiment, symbols=("BBB", "AAA"), timeframes=("15m", "1h"))
    chunks = load_chunks(both, settings)
    assert [chunk.name for chunk in chunks] == ["BBB 15m", "BBB 1h", "AAA 15m", "AAA 1h"]
    dataset = build_dataset(both, chunks, settings)
    assert len(dataset.instance_names) == 3 * 4
    assert dataset.period == (int(few_bars.close_time[0]), int(few_bars.close_time[-1]))
    assert np.all(np.diff(dataset.decision_time) >= 0)
    for chunk in chunks:
        trades = generate_trades(chunk, settings)
        trades = trades[trades["exit_reason"] != "end_of_data"]
        decisions = Decisions(trades["decision_time"].to_numpy(), trades["side"].to_numpy(dtype=np.float64))
        X = compute(chunk.bars, decisions, dataset.feature_names)
        for strategy in chunk.strategies:
            code = dataset.instance_names.index(f"{strategy.id}|{chunk.symbol}|{chunk.timeframe}")
            mine, theirs = dataset.instance == code, (trades["strategy"] == strategy.id).to_numpy()
            assert dataset.net_return[mine].tolist() == trades["net_return"][theirs].tolist()
            np.testing.assert_array_equal(dataset.X[mine], X[theirs])
            np.testing.assert_array_equal(dataset.y[mine], trades["net_return"][theirs] > 0)


def test_a_label_reads_features_that_the_model_does_not(small_experiment: Experiment, home: Settings) -> None:
    plan = replace(small_experiment.plan, label="scaled_return")
    with_volatility = replace(small_experiment, plan=plan)
    without = replace(with_volatility, features=("clock__day_sine",))
    (one, other) = (
        build_dataset(experiment, load_chunks(experiment, home), home) for experiment in (with_volatility, without)
    )
    assert other.feature_names == ("clock__day_sine",)
    assert "close__volatility__window_50" in one.feature_names
    np.testing.assert_array_equal(one.y, other.y)
    assert np.corrcoef(one.y, one.net_return)[0, 1] > 0.5


def test_a_period_without_bars_is_refused(small_experiment: Experiment, home: Settings) -> None:
    with pytest.raises(BadInput, match="no bars of AAA lie after 2030"):
        load_chunks(replace(small_experiment, start="2030"), home)
    with pytest.raises(BadInput, match="no bars of BBB at 15m or shorter are stored; stored: AAA 15m"):
        load_chunks(replace(small_experiment, symbols=("BBB",)), home)


def test_borders_are_after_start_and_up_to_end(small_experiment: Experiment, home: Settings) -> None:
    (chunk,) = load_chunks(replace(small_experiment, start="2023-01-03", end="2023-01-05"), home)
    day, start = 86_400_000_000_000, 1_672_704_000_000_000_000
    assert chunk.bars.close_time[0] == start + day // 96
    assert chunk.bars.close_time[-1] == start + 2 * day
    assert period_of([chunk]) == (start + day // 96, start + 2 * day)


def test_instruments_of_two_calendars_count_every_day(small_experiment: Experiment, few_bars: Bars) -> None:
    def chunk(calendar: str) -> Chunk:
        terms = {"AAA": {"calendar": calendar}}
        return Chunk(few_bars, replace(small_experiment, instruments=terms).instrument("AAA"), ())

    assert calendar_of([chunk("weekdays"), chunk("weekdays")]).days_per_year == 260
    assert calendar_of([chunk("weekdays"), chunk("always")]).days_per_year == 365


def test_caches_that_cannot_be_used_change_no_result(
    small_experiment: Experiment, make_home: MakeHome, few_bars: Bars, home: Settings
) -> None:
    blocked = make_home(bars=few_bars)
    for folder in ("trades", "factors"):
        (blocked.home / folder).write_text("a file")
    good = build_dataset(small_experiment, load_chunks(small_experiment, home), home)
    with pytest.warns(CacheWarning) as warned:
        made = build_dataset(small_experiment, load_chunks(small_experiment, blocked), blocked)
    assert made.fingerprint == good.fingerprint
    assert {str(each.message).partition(":")[0] for each in warned} == {
        f"the cache {blocked.home}/{folder} cannot be used" for folder in ("trades", "factors")
    }


def test_a_cache_that_fills_up_on_the_way_changes_no_trade(
    small_experiment: Experiment, make_home: MakeHome, few_bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trade_batches, "BATCH_SIZE", 1)
    settings = make_home(bars=few_bars)
    (chunk,) = load_chunks(small_experiment, settings)
    assert len(chunk.strategies) > 1
    trades = generate_trades(chunk, settings)
    smallest = min(path.stat().st_size for path in (settings.home / "trades").rglob("*.parquet"))
    again = make_home(bars=few_bars)
    with no_room(smallest + 1), pytest.warns(CacheWarning, match="trades cannot be used: "):
        with_less_room = generate_trades(load_chunks(small_experiment, again)[0], again)
    pd.testing.assert_frame_equal(with_less_room, trades)
