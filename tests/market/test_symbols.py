from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.errors import BadInput
from tradesieve.market.symbols import (
    file_name_of,
    find_symbol,
    normalise_symbol,
    pair_in_name,
    same_market,
    same_pair,
    symbol_of_file_name,
)

FORMS = {
    "BTC-USD": ["BTC-USD", "btc-usd", "BTC/USD", "BTCUSD", "btcusd", "BTC_USD", "XBT/USD", "XBTUSD", "tBTCUSD",
                "XXBTZUSD", "BTC-USD ", "COINBASE:BTC-USD", "X:BTCUSD", "XBT-USD"],
    "BTC-USDT": ["BTCUSDT", "BTC/USDT", "BINANCE:BTCUSDT", "tBTCUST", "BTC-USDT", "btc_usdt"],
    "EUR-USD": ["EUR_USD", "EURUSD", "EURUSD=X", "eurusd", "EUR/USD", "C:EURUSD", "OANDA:EUR_USD"],
    "USD-JPY": ["USDJPY", "JPY=X", "USD_JPY"],
    "ETH-BTC": ["ETHBTC", "ETH/BTC", "ETH/XBT", "XETHXXBT", "tETHBTC"],
    "XAU-USD": ["XAUUSD", "XAU_USD"],
    "SPX-USD": ["SPXUSD"],
    "DUSK-USD": ["tDUSK:USD", "DUSKUSD"],
    "1INCH-USDT": ["1INCHUSDT"],
    "KITE-USDT": ["KITEUSDT", "KITE/USDT"],
    "DOGE-USD": ["XDG/USD", "DOGEUSD", "XDGUSD"],
    "BTC-USDT-PERP": ["BTC/USDT:USDT", "BTC-USDT-SWAP", "BTC-USDT-PERP", "BTCUSDT.P", "BINANCE:BTCUSDT.P", "XBTUSDTM",
                      "tBTCF0:USTF0"],
    "BTC-USD-PERP.BTC": ["BTC/USD:BTC", "XBT/USD:XBT", "BTC-USD-PERP.BTC", "BTCUSD_PERP", "BTC-USD-SWAP",
                         "BTC-PERPETUAL", "PI_XBTUSD", "XBTUSDM"],
    "BTC-USD-PERP": ["PF_XBTUSD", "BTC-USD-PERP", "BTC/USD:USD"],
    "SOL-USDC-PERP": ["SOL_USDC-PERPETUAL", "SOLUSDC.P", "SOL/USDC:USDC"],
    "CL=F": ["CL=F", "cl=f", "NYMEX:CL=F"], "ES1!": ["ES1!", "CME_MINI:ES1!"], "ES 03-24": ["ES 03-24", "es 03-24"],
    "M&M.NS": ["M&M.NS", "m&m.ns"], "0700:HK": ["0700:HK"],
    "BTC-USDT-251226": ["BTC/USDT:USDT-251226", "BTCUSDT_251226", "BTC-USDT-251226"],
    "AAPL": ["AAPL", "aapl", "NASDAQ:AAPL"],
    "BRK.B": ["BRK.B", "brk.b", "BRK-B", "BRK/B"],
    "GSPC": ["^GSPC"],
    "SPY": ["SPY"], "X": ["X"], "F": ["F"], "GUSD": ["GUSD"], "6EH4": ["6EH4"], "ETH": ["ETH"],
    "TOOTHBTC": ["TOOTHBTC"], "MY_RULE": ["my_rule"], "TREND-A": ["TREND-A"],
    "USD": ["USD"], "USDT": ["USDT"], "EURO": ["EURO"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [(text, form) for form, texts in FORMS.items() for text in texts])
def test_what_vendors_write_becomes_one_form(text, expected):
    assert normalise_symbol(text) == expected


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text("ABUSDTXbtcEHPERKZ019-_./:^=&!FIM 03", min_size=1, max_size=14),
        st.tuples(
            st.sampled_from(["BTC", "XBT", "EUR", "KITE", "t", "X", "^"]),
            st.sampled_from(["", "/", ":", "-", "_"]),
            st.sampled_from(["USD", "USDT", "UST", "ETH", "USDT:USDT", "USD=X", "USD_251226"]),
        ).map("".join),
    )
)
def test_the_one_form_stays_as_it_is(text):
    try:
        found = normalise_symbol(text)
    except BadInput:
        return
    assert normalise_symbol(found) == found


@pytest.mark.parametrize("text", ["", " ", "../x", "../../etc", "a/b/c", "BTC USD", "-BTC", "=F", "$X", "Ä", "A" * 65])
def test_what_is_no_symbol_is_refused(text):
    with pytest.raises(BadInput, match=r"symbol .* is not valid"):
        normalise_symbol(text)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("FETUSD", "FET-USD or FE-TUSD"),
        ("gmtbusd", "GMTB-USD or GMT-BUSD"),
        ("BTCUSD.P", "BTC-USD-PERP or BTC-USD-PERP.BTC"),
    ],
)
def test_what_may_be_two_pairs_is_refused(text, pairs):
    with pytest.raises(BadInput, match=f"may be {pairs}: write one of these"):
        normalise_symbol(text)


@settings(max_examples=300, deadline=None)
@given(
    st.from_regex(
        r"[A-Z0-9][A-Z0-9._=&!:+#@-]{0,12}|[A-Z]{2} \d\d-\d\d", fullmatch=True, alphabet=st.characters(codec="ascii")
    )
)
def test_a_symbol_comes_back_from_the_name_of_its_file(text):
    try:
        name = file_name_of(text)
    except BadInput:
        assert text.endswith("=X") or re.match("[A-Z_]+:", text)
        return
    assert symbol_of_file_name(name) == text
    assert re.fullmatch(r"[A-Za-z0-9._%-]*[A-Za-z0-9_%-]", name)
    assert not re.fullmatch(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", name)


def test_names_that_are_devices_on_windows_are_not_used_for_files():
    names = {symbol: file_name_of(symbol) for symbol in ("PRN", "CON", "AUX.L", "COM1", "PRNX", "BTC-USD", "BRK.B")}
    assert names == {
        "PRN": "%50RN", "CON": "%43ON", "AUX.L": "%41UX.L", "COM1": "%43OM1", "PRNX": "PRNX", "BTC-USD": "BTC-USD",
        "BRK.B": "BRK.B",
    }  # fmt: skip
    assert all(symbol_of_file_name(name) == symbol for symbol, name in names.items())


def test_a_symbol_is_found_under_any_of_its_names():
    stored = ["BTC-USDT", "BTC-USDT-PERP", "BRK.B", "CL=F", "fet-usd"]
    for text, expected in (
        ("btcusdt", "BTC-USDT"), ("BTCUSDT.P", "BTC-USDT-PERP"), ("BRK-B", "BRK.B"), ("NYMEX:CL=F", "CL=F"),
        ("FET/USD", "fet-usd"), ("ETHUSDT", None), ("BTC-USD", None), ("no symbol", None),
    ):  # fmt: skip
        assert find_symbol(text, stored) == expected, text
    with pytest.raises(BadInput, match="symbol 'BTCUSD' may be btc-usd or btcusd : write one of these"):
        find_symbol("BTCUSD", ["btc-usd", "btcusd "])
    assert find_symbol("BTCUSDT", ["BTCUSDT", "BTC-USDT"]) == "BTCUSDT", "as it is written comes first"


def test_which_symbols_may_stand_for_one_another():
    assert same_market("BTC-USD", "BTC-USD")
    assert same_market("BTC-USD", "BTC-USDT")
    assert same_market("BTC-USDC", "BTC-USDT")
    assert same_pair("BTC-USD", "BTC-USDT-PERP")
    assert same_pair("BTC-USD-PERP.BTC", "BTC-USD")
    assert same_pair("BTC-USDT-251226", "BTC-USDT")
    for other in ("ETH-USDT-PERP", "BTC-USDT", "BTC-EUR-PERP", "BTC"):
        assert not same_pair("BTC-USDT", other)
    for other in ("ETH-USD", "BTC-EUR", "BTC-USDT-PERP", "BTC", "SPY"):
        assert not same_market("BTC-USD", other)
    assert not same_market("SPY", "QQQ")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BTCUSDT-1m-2024-01.csv", "BTC-USDT"),
        ("Bitstamp_BTCUSD_d.csv", "BTC-USD"),
        ("coinbase-1d-btc-usd.csv", "BTC-USD"),
        ("HISTDATA_COM_ASCII_EURUSD_M12018.zip", "EUR-USD"),
        ("DAT_ASCII_EURUSD_M1_2019.csv", "EUR-USD"),
        ("EURUSD60.csv", "EUR-USD"),
        ("EURUSDh1.csv", "EUR-USD"),
        ("XRP_ETH-1m.feather", "XRP-ETH"),
        ("BTCUSD_PERP-1m-2024-01.csv", "BTC-USD-PERP.BTC"),
        ("BTC-USDT-SWAP-candles.csv", "BTC-USDT-PERP"),
        ("BYBIT_BTCUSDT.P, 60.csv", "BTC-USDT-PERP"),
        ("btc.parquet", None),
        ("us_SPY_1m.parquet", None),
        ("ETH-BTC and BTC-USD.csv", None),
        ("BTCUSD_ETHUSD.csv", None),
        ("bars.csv", None),
        ("", None),
    ],
)
def test_the_pair_that_a_files_name_tells(name, expected):
    assert pair_in_name(name) == expected
