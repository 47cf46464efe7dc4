from __future__ import annotations

import json
import math

import pytest

from tradesieve.market.calendars.trading_days import NEW_YORK
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.instruments import Instrument, instrument_from

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
        ({"calendar": ["XNYS"]}, "calendar is .*, but must be the name of one"),
    ],
)
def test_terms_from_settings_are_checked(terms, match):
    with pytest.raises(BadInput, match=match):
        instrument_from("X", terms)


def test_an_unknown_calendar_is_unknown():
    with pytest.raises(Unknown, match="calendar"):
        Instrument("X", calendar="")
