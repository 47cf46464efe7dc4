"""Every entry, exit and size, by `trades generate` on real bars: what the written trades say is what the bars allow."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.resampling import resample
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.command_line import main
from tradesieve.pipelines.settings import Settings
from tradesieve.strategies.modifiers.signal_prices import atr_at_decision
from tradesieve.strategies.registry import parse_strategy
from tradesieve.strategies.signals import Signals

RULE = "volatility_breakout(window=20,multiple=1,stop_ranges=2,reward=2,max_hold=24)"
HOUR = 3_600_000_000_000
# What is put on the rule: the exits that must then occur.
KINDS = {
    "": {"stop", "target", "time"},
    "fixed_stop(ranges=1)": {"stop", "target", "time"},
    "fixed_target(ranges=1)": {"stop", "target", "time"},
    "trailing(ranges=1)": {"trailing_stop", "target"},
    "break_even(after=0.5)": {"break_even", "stop", "target", "time"},
    "time_exit(bars=3)": {"time", "stop"},
    "session_end(minute=720)": {"session_end", "stop", "target"},
    "exchange_close(calendar=XNYS,before=60)": {"session_end", "stop", "target"},
    "opposite_exit": {"opposite", "stop", "target"},
    "time_exit(bars=3)+limit_exit(wait=2)": {"time", "stop"},
    "limit_entry(offset=0.5,expiry=3)": {"stop", "target", "time"},
    "stop_entry(offset=0.5,expiry=3)": {"stop", "target", "time"},
    "scale_out(share=0.5,reward=1)": {"stop", "target", "time"},
    "scale_out(share=0.3,reward=0.5)+scale_out(share=0.3,reward=1)+scale_out(share=0.2,reward=1.5)": {"stop", "target"},
    "scale_in(entries=3)": {"stop", "target", "time"},
    "cooldown(bars=10)": {"stop", "target", "time"},
    "fixed_fraction(fraction=0.25)": {"stop", "target", "time"},
    "risk_to_stop(risk=0.01,leverage=3)": {"stop", "target", "time"},
    "volatility_target(target=0.01,window=24,leverage=2)": {"stop", "target", "time"},
    "kelly(fraction=0.5,history=400,least=5)": {"stop", "target", "time"},
}


@pytest.fixture(scope="module")
def bars(real_bars: Bars) -> Bars:
    return resample(real_bars, parse_timeframe("1h"))


@pytest.fixture(scope="module")
def trades(
    real_bars: Bars, make_home: Callable[..., Settings], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pd.DataFrame]:
    """The trades of each kind, as one command writes them."""
    output = tmp_path_factory.mktemp("kinds") / "trades.csv"
    texts = {kind: f"{RULE}+{kind}".rstrip("+") for kind in KINDS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADESIEVE_HOME", str(make_home(bars=real_bars).home))
        command = ["trades", "generate", "--strategies", ",".join(texts.values()), "--timeframe", "1h"]
        patch.setattr(sys, "argv", ["tradesieve", *command, "--output", str(output)])
        main()
    table = pd.read_csv(output)
    own = {kind: table[table["strategy"] == parse_strategy(text).id] for kind, text in texts.items()}
    assert sum(map(len, own.values())) == len(table)
    return {kind: rows.reset_index(drop=True) for kind, rows in own.items()}


def signals_of(kind: str, trades: pd.DataFrame, bars: Bars) -> tuple[Signals, np.ndarray]:
    """Give the signals of a kind, and which of them each trade came from."""
    signals = parse_strategy(f"{RULE}+{kind}".rstrip("+")).signals(bars)
    rows = np.searchsorted(signals.decision_time, trades["decision_time"])
    assert (signals.decision_time[rows] == trades["decision_time"]).all()
    return signals, rows


@pytest.mark.parametrize("kind", KINDS)
def test_every_exit_occurs_and_no_other(kind: str, trades: dict[str, pd.DataFrame]) -> None:
    own = trades[kind]
    assert len(own) > 30
    assert KINDS[kind] <= set(own["exit_reason"]) <= KINDS[kind] | {"stop", "target", "time", "end_of_data"}
    assert set(own["side"]) == {1, -1}
    several = "scale_in" in kind
    assert set(own["n_entries"]) == ({1, 2, 3} if several else {1})
    assert own["n_exits"].max() == 1 + kind.count("scale_out")


def test_entries_wait_as_long_as_they_may(trades: dict[str, pd.DataFrame], bars: Bars) -> None:
    for kind in ("limit_entry(offset=0.5,expiry=3)", "stop_entry(offset=0.5,expiry=3)"):
        own = trades[kind]
        waited = (own["entry_time"] - own["decision_time"]) // HOUR
        assert set(waited) == {1, 2, 3}, kind
        signals, rows = signals_of(kind, own, bars)
        side, paid = own["side"].to_numpy(), own["entry_price"].to_numpy()
        asked = signals.limit[rows] if kind.startswith("limit") else signals.trigger[rows]
        better = side * (asked - paid)
        assert (better >= -1e-9).all() if kind.startswith("limit") else (better < 0).all()
        assert len(own) < len(trades[""]), "some are never met"
    assert (trades[""]["entry_time"] - trades[""]["decision_time"] == HOUR).all(), "at market: with the next bar"


def test_stops_and_targets_are_hit_where_they_stand(trades: dict[str, pd.DataFrame], bars: Bars) -> None:
    own = trades["fixed_stop(ranges=1)"]
    signals, rows = signals_of("fixed_stop(ranges=1)", own, bars)
    range_ = atr_at_decision(signals, bars, window=20)[rows]
    close = bars.close[np.searchsorted(bars.close_time, own["decision_time"])]
    np.testing.assert_allclose(own["stop"], close - own["side"] * range_, rtol=1e-12)
    left = bars.close_time.searchsorted(own["exit_time"])
    hit = (own["exit_reason"] == "stop").to_numpy()
    worst = np.where(own["side"] > 0, bars.low[left], bars.high[left])
    assert (own["side"] * (worst - own["stop"]) <= 0)[hit].all(), "the bar reached the stop"
    won = (own["exit_reason"] == "target").to_numpy()
    best = np.where(own["side"] > 0, bars.high[left], bars.low[left])
    assert (own["side"] * (best - own["target"]) >= 0)[won].all(), "the bar reached the target"
    assert (own["side"] * (worst - own["stop"]) > 0)[won].all(), "and not the stop"


def test_times_are_kept(trades: dict[str, pd.DataFrame], bars: Bars) -> None:
    own = trades["time_exit(bars=3)"]
    timed = own[own["exit_reason"] == "time"]
    assert (timed["bars_held"] == 3).all()
    assert (own["bars_held"] <= 3).all()
    waiting = trades["time_exit(bars=3)+limit_exit(wait=2)"]
    late = waiting[waiting["exit_reason"] == "time"]
    assert set(late["bars_held"]) <= {3, 4, 5}
    assert late["cost"].mean() < 0.8 * timed["cost"].mean(), "a limit order pays the maker fee and no spread"
    ended = trades["session_end(minute=720)"]
    ended = ended[ended["exit_reason"] == "session_end"]
    whole = np.diff(bars.close_time).max() == HOUR
    assert (ended["exit_time"] % (24 * HOUR) == 12 * HOUR).mean() == (1.0 if whole else pytest.approx(1.0, abs=0.05))
    closed = trades["exchange_close(calendar=XNYS,before=60)"]
    times = pd.to_datetime(closed[closed["exit_reason"] == "session_end"]["exit_time"], utc=True)
    hours = times.dt.tz_convert("America/New_York").dt.hour
    assert set(hours) <= {12, 15}, "an hour before the close, also on half days"


def test_a_losing_trade_is_followed_by_its_pause(trades: dict[str, pd.DataFrame]) -> None:
    own = trades["cooldown(bars=10)"]
    pause = (own["decision_time"].to_numpy()[1:] - own["exit_time"].to_numpy()[:-1]) // HOUR
    lost = own["gross_return"].to_numpy()[:-1] < 0
    assert pause[lost].min() >= 10
    assert pause[~lost].min() < 10
    plain = trades[""]
    soon = (plain["decision_time"].to_numpy()[1:] - plain["exit_time"].to_numpy()[:-1]) // HOUR
    assert soon[plain["gross_return"].to_numpy()[:-1] < 0].min() < 10, "which would not be without"


def test_parts_leave_one_after_another(trades: dict[str, pd.DataFrame]) -> None:
    own, plain = trades["scale_out(share=0.5,reward=1)"], trades[""]
    same = ["decision_time", "entry_price", "exit_time", "exit_reason"]
    pd.testing.assert_frame_equal(own[same], plain[same])
    won = own["exit_reason"] == "target"
    assert (own["n_exits"][won] == 2).all(), "who meets the target has met the first part"
    untouched = own["n_exits"] == 1
    pd.testing.assert_series_equal(own["net_return"][untouched], plain["net_return"][untouched])
    # Half at a reward of 1 and half at 2 is worth three quarters of both at 2.
    signal = (own["target"] - own["stop"]).abs() / 3
    move = (own["exit_price"] - own["entry_price"]).abs()
    full = (plain["exit_price"] - plain["entry_price"]).abs()
    np.testing.assert_allclose((full - move)[won], 0.5 * signal[won], atol=2e-3 * own["entry_price"][won].max())


def test_sizes_are_those_of_their_formula(trades: dict[str, pd.DataFrame], bars: Bars) -> None:
    assert set(trades["fixed_fraction(fraction=0.25)"]["stake"]) == {0.25}
    own = trades["risk_to_stop(risk=0.01,leverage=3)"]
    close = bars.close[np.searchsorted(bars.close_time, own["decision_time"])]
    risked = own["stake"] * (close - own["stop"]).abs() / close
    np.testing.assert_allclose(np.where(own["stake"] < 3, risked, 0.01), 0.01, rtol=1e-9)
    own = trades["volatility_target(target=0.01,window=24,leverage=2)"]
    logs = pd.Series(np.log(bars.close)).diff()
    daily = np.sqrt(logs.pow(2).rolling(24).sum() * 24 * HOUR / (pd.Series(bars.close_time).diff(24)))
    expected = np.minimum(2.0, 0.01 / daily.to_numpy()[np.searchsorted(bars.close_time, own["decision_time"])])
    np.testing.assert_allclose(own["stake"], expected, rtol=1e-9)
    own = trades["kelly(fraction=0.5,history=400,least=5)"]
    assert own["stake"].between(0, 1, inclusive="right").all()
    assert own["stake"].nunique() > 10
    own = trades["scale_in(entries=3)"]
    assert (own["stake"] == own["n_entries"]).all(), "each entry asks for the whole capital once more"
