from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.trading_days import NEW_YORK
from tradesieve.market.default_costs import DEFAULT_COSTS, UNDESCRIBED
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.instruments import (
    Instrument,
    instrument_from,
    refuse_percentages,
    require_tick_fits,
)
from tradesieve.market.timeframes import parse_timeframe

RATES = ("maker_fee", "taker_fee", "half_spread", "slippage", "tick")


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", [-1e-9, math.nan, math.inf])
def test_a_cost_below_zero_or_none_is_refused_by_name(name, value):
    with pytest.raises(BadInput, match=rf"X: {name} is"):
        Instrument("X", **{name: value})


def test_costs_are_fractions_of_the_price():
    with pytest.raises(BadInput, match="half_spread and slippage together"):
        Instrument("X", half_spread=0.5, slippage=0.5)
    for name in ("maker_fee", "taker_fee"):
        with pytest.raises(BadInput, match=rf"{name} is 5.*fraction of the price below 1"):
            Instrument("X", **{name: 5})
    Instrument("X", maker_fee=0, taker_fee=0, half_spread=0, slippage=0, tick=1000.0)


def test_an_instrument_reads_back_from_its_plain_values():
    instrument = Instrument("SPY", taker_fee=0.001, tick=0.01, calendar="XNYS")
    terms = json.loads(json.dumps(instrument.as_dict()))
    assert instrument_from(terms.pop("symbol"), terms) == instrument
    assert instrument.trading_calendar is NEW_YORK


@pytest.mark.parametrize(
    ("terms", "match"),
    [
        ({"taker_fees": 0.1}, "did you mean 'taker_fee'"),
        ({"symbol": "Y"}, "unknown term of X 'symbol'"),
        ({"tick": "0.01"}, "tick is '0.01', but must be a number"),
        ({"tick": True}, "tick is True, but must be a number"),
        ({"tick": None}, "tick is None, but must be a number"),
        ({"calendar": "XNYZ"}, "did you mean 'XNYS'"),
        ({"kind": "stocks"}, "unknown kind of instrument 'stocks': did you mean 'stock'"),
        ({"fill_without_trades": 1}, "fill_without_trades is 1, but must be true or false"),
        ({"kind": 1}, "kind is 1, but must be a name"),
        ({"calendar": ["XNYS"]}, "calendar is .*, but must be a name"),
    ],
)
def test_terms_from_settings_are_checked(terms, match):
    with pytest.raises(BadInput, match=match):
        instrument_from("X", terms)


def test_waiting_for_trades_reads_back_and_the_default_leaves_no_mark():
    assert "fill_without_trades" not in Instrument("X").as_dict()
    terms = instrument_from("X", {"fill_without_trades": False}).as_dict()
    assert terms["fill_without_trades"] is False
    assert instrument_from(terms.pop("symbol"), terms) == Instrument("X", fill_without_trades=False)


def test_an_unknown_calendar_is_unknown():
    with pytest.raises(Unknown, match="calendar"):
        Instrument("X", calendar="")


@pytest.mark.parametrize("kind", DEFAULT_COSTS)
def test_a_kind_brings_its_default_costs_and_what_is_set_beats_them(kind):
    costs = DEFAULT_COSTS[kind]
    plain = instrument_from("X", {"kind": kind})
    assert {name: getattr(plain, name) for name in costs} == costs
    assert plain.default_costs == tuple(costs)
    own = instrument_from("X", {"kind": kind, "taker_fee": 0.0123})
    assert own.taker_fee == 0.0123
    assert own.default_costs == tuple(name for name in costs if name != "taker_fee")
    refuse_percentages("X", own.as_dict())
    terms = json.loads(json.dumps(own.as_dict()))
    assert instrument_from(terms.pop("symbol"), terms) == own


def test_an_instrument_without_a_kind_keeps_its_terms_and_its_plain_values():
    assert instrument_from("X", {}) == Instrument("X")
    assert {name: getattr(Instrument("X"), name) for name in DEFAULT_COSTS[UNDESCRIBED]} == DEFAULT_COSTS[UNDESCRIBED]
    assert "kind" not in Instrument("X").as_dict()


@pytest.mark.parametrize(
    ("terms", "question"),
    [
        ({"taker_fee": 0.5}, "X: taker_fee: 0.5 is 50 % of the price: did you mean 0.005?"),
        ({"maker_fee": 0.02}, "X: maker_fee: 0.02 is 2 % of the price: did you mean 0.0002?"),
        ({"slippage": 5}, "X: slippage: 5 is 500 % of the price: did you mean 0.0005?"),
        ({"long_carry": 0.1}, "X: long_carry: 0.1 is 10 % of the price: did you mean 0.001?"),
        ({"taker_fee": 0.5, "kind": "option"}, "did you mean 0.005?"),
    ],
)
def test_a_percentage_in_place_of_a_fraction_is_asked_about(terms, question):
    with pytest.raises(BadInput) as refused:
        refuse_percentages("X", terms)
    assert question in str(refused.value)


def test_an_option_may_have_the_spread_of_its_premium():
    refuse_percentages("X", {"kind": "option", "half_spread": 0.2, "slippage": 0.1})


def test_a_tick_that_is_not_of_these_prices_is_refused():
    timeframe = parse_timeframe("5m")
    prices = np.array([100.0, 80.0, 90.0])
    bars = Bars("X", timeframe, timeframe.duration * np.arange(1, 4), prices, prices, prices, prices, np.ones(3))
    for tick in (0.0, 0.01, 4.0):
        require_tick_fits(Instrument("X", tick=tick), bars)
    require_tick_fits(Instrument("X", tick=1000.0), bars[:0])
    for tick in (4.01, 1000.0):
        message = f"X: tick is {tick:g}, more than 5% of the price of 80 in its 5m bars at 1970-01-01"
        with pytest.raises(BadInput, match=message):
            require_tick_fits(Instrument("X", tick=tick), bars)
