"""What every rule promises: parameters that are checked, trades of both sides on ordinary bars, lines to be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.registry import RULES, parse_strategy
from tradesieve.strategies.rules.donchian_channel import DonchianChannel
from tradesieve.strategies.rules.rsi_reversal import RsiReversal, rsi_wilder
from tradesieve.strategies.rules.trend_day import TrendDay
from tradesieve.strategies.trades import check_trades

ONE_SIDED = {"dip_buying": {1}, "time_of_day": {1}}
WITHOUT_LINES = {"time_of_day", "random_entries"}
TOO_SHORT = {
    ("opening_range_breakout", "1d"),  # a session of daily bars has its opening and nothing after it
    ("dip_buying", "1m"),  # no minute falls as far
    ("double_top_bottom", "1d"),  # few days turn within a fifth of a percent of one another
}
OUT_OF_RANGE = {
    "donchian_channel": [{"window": 1}, {"exit_window": 0}, {"opposite_exit": 2}, {"max_hold": 0}],
    "moving_average_cross": [{"fast": 0}, {"slow": 20}, {"stop_ranges": 0.0}, {"reward": 0.0}, {"max_hold": 0}],
    "bollinger_reversion": [{"window": 1}, {"width": 0.0}, {"stop_deviations": -1.0}, {"max_hold": 0}],
    "rsi_reversal": [
        {"window": 1}, {"oversold": 0.0}, {"oversold": 50.0}, {"stop_ranges": 0.0}, {"reward": 0.0}, {"max_hold": 0},
    ],
    "reversal_breakout": [{"window": 1}, {"within": 0}, {"reward": 0.0}, {"max_hold": 0}],
    "support_resistance_breakout": [
        {"window": 1}, {"reach": 0}, {"touches": 1}, {"tolerance": 0.0}, {"life": 0}, {"stop_ranges": 0.0},
        {"reward": 0.0}, {"max_hold": 0},
    ],
    "double_top_bottom": [
        {"repetitions": 1}, {"gap": 0.0}, {"gap": 1.0}, {"tolerance": 0.0}, {"tolerance": 0.5}, {"reach": 0},
        {"window": 1}, {"patience": 0}, {"reward": 0.0}, {"max_hold": 0},
    ],
    "trend_day": [
        {"first_minutes": 0}, {"first_minutes": 1440}, {"session_minute": 1440}, {"sessions": 0}, {"narrow": -0.1},
        {"wide": 0.0}, {"extreme": 0.0}, {"extreme": 0.6}, {"reward": 0.0},
    ],
    "time_of_day": [
        {"minute": 1440}, {"minute": -1}, {"side": 0}, {"weekdays": 0}, {"weekdays": 128}, {"stop_loss": 1.0},
        {"reward": 0.0}, {"max_hold": 0},
    ],
    "timeframe_confirmation": [
        {"short": 0}, {"middle": 15}, {"long": 30}, {"window": 1}, {"stop_ranges": 0.0}, {"reward": 0.0},
        {"max_hold": 0},
    ],
    "random_entries": [
        {"probability": 0.0}, {"probability": 1.1}, {"seed": -1}, {"seed": 2**31}, {"stop_loss": 0.0}, {"reward": 0.0},
        {"max_hold": 0},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "wrong"), [(name, wrong) for name, cases in OUT_OF_RANGE.items() for wrong in cases], ids=str
)
def test_a_parameter_out_of_range_is_named(name, wrong):
    (parameter,) = wrong
    with pytest.raises(BadInput, match=f"{name}: {parameter} is .*out of range"):
        RULES[name](**wrong)
    with pytest.raises(BadInput, match=f"{name}: {parameter} is nan"):
        RULES[name](**{parameter: float("nan")})


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_rules_say_nothing_about_too_few_bars(name, n, market_bars):
    signals = RULES[name]().signals(market_bars[:n])
    assert len(signals) == 0
    for line in RULES[name]().lines(market_bars[:n]).values():
        assert line.shape == (n,)


@pytest.mark.parametrize("name", RULES)
def test_rules_trade_at_every_timeframe(name):
    for text in ("1m", "15m", "1h", "1d"):
        timeframe = parse_timeframe(text)
        bars, _ = SyntheticMarket(n_days=12 if text == "1m" else 400, timeframe=timeframe).generate("X")
        assert RULES[name]().supports(timeframe) == (name != "timeframe_confirmation" or text in ("1m", "15m"))
        if not RULES[name]().supports(timeframe):
            continue
        trades = simulate(RULES[name](), bars, Instrument("X"))
        check_trades(trades)
        assert len(trades) > 0 or (name, text) in TOO_SHORT


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("market", ["synthetic", "real"])
def test_rules_trade_both_sides_of_ordinary_bars(name, market, request):
    bars = request.getfixturevalue("market_bars" if market == "synthetic" else "real_bars")
    trades = simulate(RULES[name](), bars, Instrument("BTC-USD"))
    assert set(trades["side"]) == ONE_SIDED.get(name, {1, -1})
    assert len(trades) >= 8


@pytest.mark.parametrize("name", ["donchian_channel", "moving_average_cross"])
def test_rules_that_follow_trends_leave_when_the_market_turns(name, market_bars):
    trades = simulate(RULES[name](), market_bars, Instrument("BTC-USD"))
    assert (trades["exit_reason"] == "opposite").sum() > 10


def test_a_channel_may_let_breakouts_to_the_other_side_pass(market_bars):
    trades = simulate(DonchianChannel(opposite_exit=0), market_bars, Instrument("BTC-USD"))
    assert set(trades["exit_reason"]) - {"end_of_data"} == {"stop", "time"}


def test_a_trend_day_ends_with_its_session(market_bars):
    rule = TrendDay(sessions=1, session_minute=480, narrow=1.0, extreme=0.5, reward=9.0)
    trades = simulate(rule, market_bars, Instrument("BTC-USD"))
    timed = trades[trades["exit_reason"] == "session_end"]
    assert len(timed) > 3
    assert set((timed["exit_time"] - 480 * 60 * 10**9) % DAY) <= {0, market_bars.timeframe.duration}


@pytest.mark.parametrize("name", RULES)
def test_lines_are_prices_near_the_market(name, market_bars):
    lines = RULES[name]().lines(market_bars)
    assert bool(lines) == (name not in WITHOUT_LINES)
    for line in lines.values():
        assert line.dtype == np.float64
        assert line.shape == (len(market_bars),)
        known = np.isfinite(line)
        assert known.sum() > 100
        assert not np.isinf(line).any()
        distance = np.abs(line[known] / market_bars.close[known] - 1.0)
        assert np.median(distance) < 0.05


def test_a_close_below_the_line_of_the_index_is_an_index_below_its_level(market_bars):
    rule = RsiReversal(window=7, oversold=25.0)
    index, lines, close = rsi_wilder(market_bars.close, 7), rule.lines(market_bars), market_bars.close
    clear = np.isfinite(index) & (np.abs(index - 25.0) > 1e-6) & (np.abs(index - 75.0) > 1e-6)
    assert ((close < lines["oversold"]) == (index < 25.0))[clear].all()
    assert ((close > lines["overbought"]) == (index > 75.0))[clear].all()
    assert (index[clear] < 25.0).sum() > 50


def test_a_modified_rule_shows_the_lines_of_its_rule_and_runs_where_it_does(market_bars):
    text = "timeframe_confirmation(window=10)"
    plain, modified = parse_strategy(text), parse_strategy(f"{text}+trailing")
    lines = modified.lines(market_bars)
    assert list(lines) == ["average_15m", "average_30m", "average_1h"]
    for name, line in plain.lines(market_bars).items():
        np.testing.assert_array_equal(lines[name], line)
    assert not modified.supports(parse_timeframe("1h"))
    assert modified.supports(parse_timeframe("5m"))


@pytest.mark.parametrize("session", ["", "XNYS", "forex", "0930_America.New_York"])
@pytest.mark.parametrize("rule", ["opening_range_breakout", "trend_day", "time_of_day"])
def test_a_rule_of_sessions_does_not_run_on_bars_of_several_days(rule, session):
    strategy = parse_strategy(f"{rule}(session={session})" if session else f"{rule}()")
    for text, runs in {"5m": True, "4h": True, "1d": True, "2d": False, "7d": False, "1w": False, "1M": False}.items():
        assert strategy.supports(parse_timeframe(text)) == runs
