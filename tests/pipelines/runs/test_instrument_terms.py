"""Every term of an instrument, written in the YAML of an experiment, costs in the trades what it costs by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tradesieve.market.bars import Bars
from tradesieve.market.instruments import COSTS, Instrument
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.command_line import main
from tradesieve.pipelines.settings import Settings

QUARTER = parse_timeframe("15m")
MIDNIGHT = 1_704_153_600_000_000_000  # 2024-01-02
# Decided at midnight at 100, in at the open of the next bar, told to leave after three bars, out at the open after.
PRICES = {
    "open": (99.0, 99.0, 100.0, 103.0, 105.0, 110.0, 111.0, 111.0),
    "high": (99.5, 100.5, 101.0, 105.0, 108.5, 113.0, 111.5, 111.5),
    "low": (98.5, 98.5, 99.0, 102.5, 104.5, 109.0, 110.5, 110.5),
    "close": (99.0, 100.0, 100.5, 104.0, 108.0, 111.0, 111.0, 111.0),
}
IN, OUT, IN_RANGE, OUT_RANGE = 100.0, 110.0, 2.0, 4.0
HELD = 45 / 1440  # days from the close of the bar of the entry to that of the bar of the exit
AT_MARKET = "time_of_day(minute=0,side={side},stop_loss=0.5,reward=1,max_hold=3)"
RESTING = AT_MARKET + "+limit_entry(offset=0,expiry=1,window=1)+limit_exit(wait=1)"
FREE = dict.fromkeys((name for name in COSTS if name != "tick"), 0.0)
Generate = Callable[..., pd.Series]


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Settings]) -> Path:
    time = MIDNIGHT + QUARTER.duration * np.arange(-1, 7)
    columns = {name: np.array(values) for name, values in PRICES.items()}
    return make_home(bars=Bars("AAA", QUARTER, time, **columns, volume=np.ones(8))).home


@pytest.fixture
def generated(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generate:
    """A function of the terms to the one trade that the command writes to a CSV file."""

    def generate(*, rule: str = AT_MARKET, side: int = 1, **terms: float) -> pd.Series:
        config, output = tmp_path / "experiment.yaml", tmp_path / "trades.csv"
        values = {
            "symbols": ["AAA"], "timeframes": ["15m"], "strategies": [rule.format(side=side)], "num_strategies": None,
            "instruments": {"AAA": FREE | terms},
        }  # fmt: skip
        config.write_text(yaml.safe_dump(values))
        monkeypatch.setenv("TRADESIEVE_HOME", str(home))
        command = ["trades", "generate", "--with-holdout", "--config", str(config)]
        monkeypatch.setattr(sys, "argv", ["tradesieve", *command, "--output", str(output), "--replace"])
        main()
        (row,) = pd.read_csv(output).to_dict("records")
        return pd.Series(row)

    return generate


def check(trade: pd.Series, *, side: int, paid: float, received: float, fees: float = 0.0, carry: float = 0.0) -> None:
    """Hold a trade to prices and charges that were worked out by hand."""
    gross = side * (OUT - IN) / IN
    net = side * (received - paid) / paid - fees - carry
    assert trade["entry_price"] == pytest.approx(paid, abs=1e-9)
    assert trade["exit_price"] == pytest.approx(received, abs=1e-9)
    assert trade["gross_return"] == pytest.approx(gross, abs=1e-12)
    assert trade["net_return"] == pytest.approx(net, abs=1e-12)
    assert trade["cost"] == pytest.approx(gross - net, abs=1e-12)


@pytest.mark.parametrize("side", [1, -1])
def test_what_is_free_costs_nothing(generated: Generate, side: int) -> None:
    trade = generated(side=side)
    check(trade, side=side, paid=IN, received=OUT)
    assert (trade["cost"], trade["bars_held"], trade["exit_reason"]) == (0.0, 3, "time")


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("terms", "at_entry", "at_exit"),
    [
        ({"half_spread": 0.01}, 1.0, 1.1),
        ({"slippage": 0.02}, 2.0, 2.2),
        ({"half_spread": 0.01, "slippage": 0.02}, 3.0, 3.3),
        ({"slippage_ticks": 3, "tick": 0.5}, 1.5, 1.5),
        ({"slippage_range": 0.25}, 0.25 * IN_RANGE, 0.25 * OUT_RANGE),
        ({"slippage_range": 0.25, "slippage_ticks": 2, "tick": 0.25, "slippage": 0.01}, 2.0, 2.75),  # 2.6 on the grid
    ],
)
def test_spread_and_slippage_move_the_price_against_us(
    generated: Generate, terms: dict[str, float], at_entry: float, at_exit: float, side: int
) -> None:
    check(generated(side=side, **terms), side=side, paid=IN + side * at_entry, received=OUT - side * at_exit)


@pytest.mark.parametrize("side", [1, -1])
def test_a_market_order_is_rounded_to_the_tick_against_us(generated: Generate, side: int) -> None:
    paid, received = (102.0, 108.0) if side > 0 else (99.0, 111.0)  # 100.1 and 109.89, 99.9 and 110.11
    check(generated(side=side, slippage=0.001, tick=3.0), side=side, paid=paid, received=received)


@pytest.mark.parametrize("side", [1, -1])
def test_fees_are_paid_on_both_sides_by_the_kind_of_the_order(generated: Generate, side: int) -> None:
    trade = generated(side=side, taker_fee=0.004, maker_fee=0.015)
    check(trade, side=side, paid=IN, received=OUT, fees=0.004 * (1 + OUT / IN))


def test_resting_orders_pay_the_maker_fee_and_no_spread(generated: Generate) -> None:
    trade = generated(
        rule=RESTING, maker_fee=0.001, taker_fee=0.015, half_spread=0.04, slippage=0.04, slippage_range=1.0
    )
    check(trade, side=1, paid=IN, received=OUT, fees=0.001 * (1 + OUT / IN))


@pytest.mark.parametrize(("side", "charged"), [(1, "long_carry"), (-1, "short_carry")])
def test_carry_is_paid_for_the_time_held_by_its_side(generated: Generate, side: int, charged: str) -> None:
    check(generated(side=side, **{charged: 0.02}), side=side, paid=IN, received=OUT, carry=0.02 * HELD)
    other = ({"long_carry", "short_carry"} - {charged}).pop()
    assert generated(side=side, **{other: 0.02})["cost"] == 0.0


def test_no_term_is_left_out() -> None:
    """The tests above name every cost there is."""
    tried = {"half_spread", "slippage", "slippage_ticks", "tick", "slippage_range", "taker_fee", "maker_fee",
             "long_carry", "short_carry"}  # fmt: skip
    no_costs = {"symbol", "calendar", "kind", "fill_without_trades"}
    assert tried == set(COSTS) == set(Instrument.__dataclass_fields__) - no_costs


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ("{slippage_ticks: 2}", "AAA: slippage_ticks is 2, but tick is 0: set tick too"),
        ("{slipage_range: 0.1}", "unknown term of AAA 'slipage_range': did you mean 'slippage_range'?"),
        ("{long_carry: -0.001}", "AAA: long_carry is -0.001, but a cost is zero or positive and finite"),
        ("{short_carry: 3 %}", "AAA: short_carry is '3 %', but must be a number"),
        ("{tick: .nan}", "AAA: tick is nan, but a cost is zero or positive and finite"),
        ("0.1", "instruments.AAA: should be a valid dictionary, got 0.1"),
    ],
)
def test_a_term_that_cannot_be_is_one_line(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terms: str,
    said: str,
) -> None:
    (config := tmp_path / "experiment.yaml").write_text(f"symbols: [AAA]\ninstruments:\n  AAA: {terms}\n")
    monkeypatch.setenv("TRADESIEVE_HOME", str(home))
    monkeypatch.setattr(sys, "argv", ["tradesieve", "trades", "generate", "--config", str(config)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert capsys.readouterr().err == f"tradesieve: {said}\n"
