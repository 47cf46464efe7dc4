"""Laws of money through whole rules with modifiers: costs, doubled prices, mirrored prices, for every kind of trade.

`tests/market/test_fill_properties.py` holds the same laws for any signal; here they go the whole way, from bars to
trades.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import PRICES, Bars
from tradesieve.market.execution.records import EXIT_REASONS
from tradesieve.market.instruments import COSTS, Instrument
from tradesieve.market.resampling import resample
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.registry import MODIFIERS, parse_strategy

BUSY = "volatility_breakout(window=10,multiple=0.7)"
KINDS = {
    "stop": f"{BUSY}+fixed_stop(ranges=1)",
    "target": f"{BUSY}+fixed_target(ranges=1)",
    "reward": f"{BUSY}+fixed_stop(ranges=0.7)+reward_target(reward=1)",
    "trailing": f"{BUSY}+trailing(ranges=1)",
    "break-even": f"{BUSY}+break_even(after=0.5)",
    "time": f"{BUSY}+time_exit(bars=4)",
    "session": f"{BUSY}+session_end(minute=720)",
    "exchange": f"{BUSY}+exchange_close(calendar=XNYS,before=15)",
    "opposite": f"{BUSY}+opposite_exit",
    "limit exit": f"{BUSY}+opposite_exit+time_exit(bars=4)+limit_exit(wait=3)",
    "limit entry": f"{BUSY}+limit_entry(offset=0.3,expiry=4)",
    "stop entry": f"{BUSY}+stop_entry(offset=0.3,expiry=4)",
    "two parts": f"{BUSY}+scale_out(share=0.5,reward=0.5)",
    "four parts": f"{BUSY}+stop_entry(offset=0.1)+scale_out(share=0.25,reward=0.3)+scale_out(share=0.25,reward=0.6)"
    "+scale_out(share=0.25,reward=0.9)+break_even(after=0.8)",
    "adding": f"{BUSY}+scale_in(entries=3)+limit_entry(offset=0.2,expiry=4)+scale_out(share=0.5,reward=0.5)",
    "cooldown": f"{BUSY}+cooldown(bars=5)",
    "fraction": f"{BUSY}+fixed_fraction(fraction=0.25)",
    "risk": f"{BUSY}+risk_to_stop(risk=0.01,leverage=5)",
    "volatility": f"{BUSY}+volatility_target(target=0.02,window=50,leverage=5)",
    "kelly": f"{BUSY}+fixed_stop(ranges=2)+reward_target(reward=1)+kelly(history=300,least=5)",
    "flipped": f"{BUSY}+limit_entry(offset=0.3,expiry=4)+fixed_stop(ranges=1)+reward_target(reward=1)+flip",
    "channel": "donchian_channel(window=10,exit_window=5)+stop_entry(offset=0.1)+trailing(ranges=2)",
}  # fmt: skip
FREE = Instrument("BTC-USD", maker_fee=0.0, taker_fee=0.0, half_spread=0.0, slippage=0.0)
DEAR = Instrument(
    "BTC-USD", maker_fee=0.0004, taker_fee=0.001, half_spread=0.0002, slippage=0.0001, tick=0.01, slippage_ticks=2.0,
    slippage_range=0.05, long_carry=0.0003, short_carry=0.0005,
)  # fmt: skip
RATES = tuple(name for name in COSTS if name != "tick")
EVENTS = ["decision_time", "entry_time", "exit_time", "side", "bars_held", "n_entries", "n_exits", "exit_reason"]
RETURNS = ["stake", "gross_return", "cost", "net_return", "r_multiple", "mae", "mfe"]


@pytest.fixture(scope="module")
def finer() -> Bars:
    """Twelve days of 5-minute bars, whose prices are short enough to be doubled and turned without rounding."""
    bars = SyntheticMarket(n_days=12, volatility=0.05, timeframe=parse_timeframe("5m")).generate("BTC-USD")[0]
    return replace(bars, **{name: np.round(getattr(bars, name) * 4096) / 4096 for name in PRICES})


@pytest.fixture(scope="module")
def bars(finer: Bars) -> Bars:
    return resample(finer, parse_timeframe("15m"))


def test_every_modifier_and_every_exit_is_among_the_kinds(bars: Bars) -> None:
    """What the laws below are held for."""
    used = {piece.partition("(")[0] for text in KINDS.values() for piece in text.split("+")[1:]}
    assert used == set(MODIFIERS)
    tables = {kind: simulate(parse_strategy(text), bars, FREE) for kind, text in KINDS.items()}
    every = pd.concat(tables.values())
    assert set(every["exit_reason"]) == set(EXIT_REASONS.values())
    for kind, table in tables.items():
        assert {1, -1} == set(table["side"]), kind
        assert len(table) > 20, kind
    assert set(tables["four parts"]["n_exits"]) == {1, 2, 3, 4}
    assert set(tables["adding"]["n_entries"]) == {1, 2, 3}


@pytest.mark.parametrize("settled", [False, True], ids=["coarse", "settled"])
@pytest.mark.parametrize("kind", KINDS)
def test_costs_never_help_and_more_of_each_never_helps_more(kind: str, settled: bool, bars: Bars, finer: Bars) -> None:
    strategy, within = parse_strategy(KINDS[kind]), finer if settled else None

    def traded(instrument: Instrument) -> pd.DataFrame:
        return simulate(strategy, bars, instrument, finer=within)

    free, paid = traded(replace(FREE, tick=DEAR.tick)), traded(DEAR)
    assert (paid["net_return"] < free["net_return"]).all()
    assert (paid["cost"] > free["cost"]).all()
    for name in RATES:
        dearer = traded(replace(DEAR, **{name: 2 * getattr(DEAR, name)}))
        pd.testing.assert_frame_equal(
            dearer[[*EVENTS, "stake", "gross_return"]], paid[[*EVENTS, "stake", "gross_return"]]
        )
        assert (dearer["net_return"] <= paid["net_return"] + 1e-12).all(), name
        rests = kind != "channel" or name != "maker_fee"  # a kind without a resting order
        assert (dearer["net_return"].sum() < paid["net_return"].sum() - 1e-9) == rests, name


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_price_is_the_same_return(kind: str, bars: Bars, finer: Bars) -> None:
    """Powers of two are exact, so not one bit may differ. A tick is a price too."""
    strategy = parse_strategy(KINDS[kind])
    twice, twice_finer = (replace(each, **{name: 2 * getattr(each, name) for name in PRICES}) for each in (bars, finer))
    single = simulate(strategy, bars, DEAR, finer=finer)
    double = simulate(strategy, twice, replace(DEAR, tick=2 * DEAR.tick), finer=twice_finer)
    pd.testing.assert_frame_equal(double[EVENTS + RETURNS], single[EVENTS + RETURNS], check_exact=True)
    for name in ("entry_price", "exit_price"):
        assert (double[name] == 2 * single[name]).all()


# Of these the quantity or the stake follows from ratios of prices, which the mirror changes.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("adding", "kelly")])
def test_mirrored_prices_swap_long_and_short(kind: str, bars: Bars, finer: Bars) -> None:
    """Prices are turned upside down around a level far above them: moves stay what they are, but for their sign."""
    strategy = parse_strategy(KINDS[kind])
    level = 512.0

    def turned(each: Bars) -> Bars:
        open_, high, low, close = (level - getattr(each, name) for name in PRICES)
        return replace(each, open=open_, high=low, low=high, close=close)

    plain = simulate(strategy, bars, FREE, finer=finer)
    mirrored = simulate(strategy, turned(bars), FREE, finer=turned(finer))
    pd.testing.assert_frame_equal(mirrored.assign(side=-mirrored["side"])[EVENTS], plain[EVENTS], check_dtype=False)
    for name in ("entry_price", "exit_price"):
        np.testing.assert_allclose(mirrored[name], level - plain[name], rtol=0, atol=1e-8)
    for name in ("gross_return", "mae", "mfe"):
        moves = [table[name] * table["entry_price"] for table in (plain, mirrored)]
        np.testing.assert_allclose(*moves, rtol=0, atol=1e-8)
