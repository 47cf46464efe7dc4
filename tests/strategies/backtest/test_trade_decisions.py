"""Decisions laid out from trades: equal to a slow, obvious reference, and blind to whatever came later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.backtest.trade_decisions import decisions_of
from tradesieve.strategies.registry import parse_strategy
from tradesieve.strategies.trades import pool_trades

RULES = (
    "volatility_breakout(multiple=0.5)",
    "volatility_breakout(multiple=1)",
    "volatility_breakout(multiple=0.5)+limit_entry(offset=0.2,expiry=3)",
    "volatility_breakout(multiple=0.5)+opposite_exit+scale_in(entries=2)",
    "dip_buying",
    "volatility_breakout(multiple=1000)",
    "moving_average_cross(fast=5,slow=15)+opposite_exit",
    "moving_average_cross(fast=10,slow=30)+trailing(ranges=3)",
)


def names_of(*symbols: str) -> list[str]:
    return [f"{parse_strategy(text).id}|{symbol}|5m" for symbol in symbols for text in RULES]


def trades_of(*markets: Bars) -> pd.DataFrame:
    return pool_trades(
        [simulate(parse_strategy(text), bars, Instrument(bars.symbol)) for bars in markets for text in RULES]
    )


@pytest.fixture(scope="module")
def markets() -> tuple[Bars, Bars]:
    market = SyntheticMarket(n_days=12, seed=3)
    return market.generate("BTC-USD")[0], market.generate("ETH-USD")[0]


def reference(trades: list[dict], names: list[str], row: int) -> dict:
    """Look through all trades for what was known at one decision."""

    def name(trade: dict) -> str:
        return f"{trade['strategy']}|{trade['symbol']}|{trade['timeframe']}"

    def rule(name: str) -> tuple[str, str]:
        return name.split("(")[0], name.split("|", 1)[1]

    asked = trades[row]
    now = asked["decision_time"]
    own = [trade for trade in trades if name(trade) == name(asked)]
    known = [trade for trade in own if trade["exit_time"] <= now and trade["exit_reason"] != "end_of_data"]
    known.sort(key=lambda trade: (trade["exit_time"], trade["decision_time"]))
    others = [other for other in names if other != name(asked) and rule(other) == rule(name(asked))]
    holding = [
        any(
            name(trade) == other and trade["side"] == asked["side"] and trade["entry_time"] <= now < trade["exit_time"]
            for trade in trades
        )
        for other in others
    ]
    return {
        "results": [trade["net_return"] for trade in known],
        "agreeing": sum(holding) / len(others) if others else None,
    }


def assert_as_reference(decisions: Decisions, trades: pd.DataFrame, names: list[str], rows: np.ndarray) -> None:
    table = trades.to_dict("records")
    for row in rows:
        expected = reference(table, names, int(row))
        found = decisions.results[decisions.first_result[row] : decisions.end_result[row]]
        assert found.tolist() == expected["results"], row
        if expected["agreeing"] is None:
            assert np.isnan(decisions.agreeing[row])
        else:
            assert decisions.agreeing[row] == expected["agreeing"]


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_decisions_are_those_of_the_reference(markets: tuple[Bars, Bars], seed: int | None) -> None:
    """In decision order, and in any other: what was known does not depend on how the table is sorted."""
    trades, names = trades_of(*markets), names_of("BTC-USD", "ETH-USD")
    if seed is not None:
        trades = trades.sample(frac=1.0, random_state=seed).reset_index(drop=True)
        names = list(np.random.default_rng(seed).permutation(names))
    assert len(trades) > 500
    decisions = decisions_of(trades, names)
    for column in ("side", "stop", "target"):
        np.testing.assert_array_equal(getattr(decisions, column), trades[column].to_numpy(float))
    np.testing.assert_array_equal(decisions.time, trades["decision_time"])
    rows = np.random.default_rng(5).choice(len(trades), 60, replace=False)
    assert_as_reference(decisions, trades, names, rows)
    assert len(np.unique(decisions.agreeing[~np.isnan(decisions.agreeing)])) > 3
    assert np.isnan(decisions.agreeing).any(), "dip-buying is alone of its rule"
    assert (trades["exit_reason"] == "end_of_data").any()


def test_two_trades_of_one_instance_may_close_in_one_bar() -> None:
    """An old position leaves at the open, the new one is stopped: the record has them in that order."""
    trades = pd.DataFrame(
        {
            "strategy": "rule()", "symbol": "A", "timeframe": "1h", "decision_time": [3, 1, 6, 5],
            "entry_time": [5, 2, 7, 6], "exit_time": [5, 5, 8, 9], "side": [-1, 1, 1, 1], "stop": np.nan, "target": 2.0,
            "net_return": [0.3, 0.1, 0.5, 0.4], "exit_reason": ["stop", "opposite", "time", "end_of_data"],
        }
    )  # fmt: skip
    decisions = decisions_of(trades, ["rule()|A|1h", "rule(x=1)|A|1h"])
    assert decisions.results.tolist() == [0.1, 0.3, 0.5]
    assert decisions.first_result.tolist() == [0, 0, 0, 0]
    assert decisions.end_result.tolist() == [0, 0, 2, 2]
    assert decisions.agreeing.tolist() == [0.0, 0.0, 0.0, 0.0], "one's own position is no agreement"


def test_what_came_later_changes_nothing(markets: tuple[Bars, Bars]) -> None:
    """Trades of bars that are cut at a time give the same decisions before it, bit for bit."""
    bars, _ = markets
    trades, names = trades_of(bars), names_of("BTC-USD")
    whole = decisions_of(trades, names)
    for cut in (700, 1500, 2500, 3300):
        border = int(bars.close_time[cut])
        early = trades_of(bars[: cut + 1])
        part = decisions_of(early, names)
        # An order that still waits at the cut is no trade yet: it is in the whole table alone, as the last of its own.
        keys = ["strategy", "decision_time"]
        rows = trades.reset_index().merge(early[keys], on=keys)["index"].to_numpy()
        assert len(rows) == len(early) > 20
        assert (trades["entry_time"].to_numpy()[np.setdiff1d(np.arange(len(trades)), rows)] > border).all()
        for column in ("time", "side", "stop", "target", "agreeing"):
            assert getattr(part, column).tobytes() == getattr(whole, column)[rows].tobytes(), column
        for mine, row in enumerate(rows):
            now = part.results[part.first_result[mine] : part.end_result[mine]]
            then = whole.results[whole.first_result[row] : whole.end_result[row]]
            assert now.tobytes() == then.tobytes()


def test_a_look_into_the_future_would_be_seen(markets: tuple[Bars, Bars]) -> None:
    """The alarm: results that count from the entry on, and positions that count from the decision on, are others."""
    trades, names = trades_of(markets[0]), names_of("BTC-USD")
    early = trades.assign(exit_time=trades["entry_time"])
    assert (decisions_of(early, names).end_result >= decisions_of(trades, names).end_result).all()
    assert (decisions_of(early, names).end_result > decisions_of(trades, names).end_result).any()
    wished = trades.assign(entry_time=trades["decision_time"])
    assert np.nanmean(decisions_of(wished, names).agreeing) > np.nanmean(decisions_of(trades, names).agreeing)


def test_no_trades_and_strange_ones(markets: tuple[Bars, Bars]) -> None:
    trades, names = trades_of(markets[0]), names_of("BTC-USD")
    nothing = decisions_of(trades[:0], names)
    assert len(nothing) == 0
    assert len(nothing.results) == 0
    with pytest.raises(BadInput, match=r"trades of dip_buying\(.*\)\|BTC-USD\|5m, which is not among the instances"):
        decisions_of(trades, [name for name in names if not name.startswith("dip")])
    with pytest.raises(BadInput, match="is named twice"):
        decisions_of(trades, [*names, names[0]])
