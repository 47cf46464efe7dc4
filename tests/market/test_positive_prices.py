"""Prices at or below zero: allowed where bars say so, and refused where returns are computed."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.features.engine.compute import compute
from tradesieve.market.bars import PRICES, Bars
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.market.positive_prices import require_positive_prices
from tradesieve.market.quality.checks import check_bars
from tradesieve.market.resampling import resample
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout

BARS, _ = SyntheticMarket(n_days=3, timeframe=parse_timeframe("15m")).generate("OIL")


def lowered(rows: slice, price: float = -1.0) -> Bars:
    """Set every price of some bars."""
    columns = {name: getattr(BARS, name).copy() for name in PRICES}
    for values in columns.values():
        values[rows] = price
    return BARS.with_columns({**columns, "allow_negative": True})


def test_bars_allow_such_prices_only_if_they_say_so() -> None:
    bars = lowered(slice(5, 6), 0.0)
    assert bars[3:9].allow_negative
    with pytest.raises(BadData, match=r"row 5 .* has a price that is not positive"):
        bars.with_columns({"allow_negative": False})
    assert BARS.with_columns({"allow_negative": True}).fingerprint == BARS.fingerprint


@pytest.mark.parametrize(
    ("rows", "advice"),
    [
        (slice(0, 2), "--from 2023-01-01T00:30:00Z"),
        (slice(5, 9), "--from 2023-01-01T02:15:00Z"),
        (slice(280, 288), "--to 2023-01-03T22:00:00Z"),
        (slice(0, 288), "no bar lies before or after; leave this symbol out"),
    ],
)
def test_the_refusal_names_the_first_bar_and_a_period_without_one(rows: slice, advice: str) -> None:
    with pytest.raises(BadInput, match=f"at or below zero has no meaning: .*{advice}"):
        require_positive_prices(lowered(rows))


def test_bars_without_such_a_price_are_like_any_others() -> None:
    bars = require_positive_prices(lowered(slice(5, 9))[9:])
    assert not bars.allow_negative
    assert bars.fingerprint == BARS[9:].fingerprint
    assert require_positive_prices(BARS) is BARS


def test_neither_trades_nor_factors_are_computed_on_them() -> None:
    bars = lowered(slice(5, 9))
    with pytest.raises(BadInput, match="at or below zero"):
        simulate(VolatilityBreakout(), bars, Instrument("OIL"))
    with pytest.raises(BadInput, match="at or below zero"):
        compute(bars, bars.close_time[[100]], ["close__change__window_5"])
    with pytest.raises(BadInput, match=r"OIL 15m: .* at or below zero"):
        compute(
            SyntheticMarket(n_days=3, timeframe=BARS.timeframe).generate("AAA")[0], BARS.close_time[[100]],
            ["close_of_OIL__change__window_5"], others={"OIL": bars},
        )  # fmt: skip


def test_resampling_keeps_them() -> None:
    days = resample(lowered(slice(5, 9)), parse_timeframe("1d"))
    assert days.allow_negative
    np.testing.assert_array_equal(days.low <= 0, [True, False, False])


@pytest.mark.parametrize("rows", [slice(5, 9), slice(0, 1), slice(0, 288)])
def test_a_check_reports_them_and_measures_the_others(rows: slice) -> None:
    checked = check_bars(lowered(rows))
    findings = {finding.kind: finding for finding in checked.findings}
    assert findings["negative_price"].count == rows.stop - rows.start
    assert not {"bad_print", "split", "jump"} & findings.keys()
