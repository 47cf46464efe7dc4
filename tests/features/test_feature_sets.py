from __future__ import annotations

import pytest

from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_names import example_of, parse_feature
from tradesieve.features.feature_sets import (
    MINIMAL,
    MOST_SYMBOLS,
    SETS,
    SETS_OF_SYMBOLS,
    expand,
    stands_for_symbols,
)
from tradesieve.market.errors import BadInput, Unknown


def test_a_pattern_means_every_combination_in_the_order_of_its_parts():
    assert expand(["close|close_1h__slope__window_20|50"]) == (
        "close__slope__window_20",
        "close__slope__window_50",
        "close_1h__slope__window_20",
        "close_1h__slope__window_50",
    )
    many = expand(["close|close_1h|close_of_SPY__slope|trendiness|volatility__window_10|20|50"])
    assert len(many) == 27
    assert all(str(parse_feature(name).input) == name.partition("__")[0] for name in many)
    assert expand(["close__macd__fast_8|12__slow_26__signal_9"]) == tuple(
        f"close__macd__fast_{fast}__slow_26__signal_9" for fast in (8, 12)
    )
    assert expand(["close__tsfresh_cid_ce__normalize_True|False__window_50"]) == tuple(
        f"close__tsfresh_cid_ce__normalize_{value}__window_50" for value in (True, False)
    )


def test_sets_hold_sets_and_every_feature_once():
    own = {"calm": ["close__volatility__window_10|100"], "both": ["minimal", "calm", MINIMAL[0]]}
    assert expand(["both"], own) == (*MINIMAL, "close__volatility__window_10", "close__volatility__window_100")
    assert expand([MINIMAL[3], "minimal"]) == (MINIMAL[3], *(name for name in MINIMAL if name != MINIMAL[3]))
    for name, names in SETS.items():
        assert expand([name]) == names
    assert expand([]) == ()


def test_each_stands_for_every_symbol_of_the_experiment():
    assert expand(["close_beside_each|bars_1h_aligned_of_each__slope|range__window_5"], symbols=["AAA", "BTC-USD"]) == (
        *(f"close_beside_{symbol}__{rest}" for symbol in ("AAA", "BTC-USD")
          for rest in ("slope__window_5", "range__window_5")),
        *(f"bars_1h_aligned_of_{symbol}__{rest}" for symbol in ("AAA", "BTC-USD")
          for rest in ("slope__window_5", "range__window_5")),
    )  # fmt: skip
    assert expand(["close_of_each|close_beside_each__slope__window_5"], symbols=["AAA"]) == (
        "close_of_AAA__slope__window_5",
    )
    assert expand(["mine"], {"mine": ["close_beside_each__slope__window_5"]}, symbols=["A", "B"])[1].startswith(
        "close_beside_B"
    )


@pytest.mark.parametrize("name", SETS_OF_SYMBOLS)
def test_a_set_of_symbols_is_empty_for_one_and_bounded_for_many(name):
    assert expand(["minimal", name], symbols=["AAA"]) == MINIMAL
    two = expand([name], symbols=["AAA", "BBB"])
    assert len(two) == 20
    assert {parse_feature(each).input.symbol for each in two} == {"AAA", "BBB"}
    assert all(parse_feature(each).input.beside for each in two)
    assert sum(parse_feature(each).input.aligned for each in two) == 10
    many = expand([name], symbols=[f"S{number}" for number in range(30)])
    assert len(many) == 10 * MOST_SYMBOLS
    assert {parse_feature(each).input.symbol for each in many} == {f"S{number}" for number in range(MOST_SYMBOLS)}


def test_it_is_known_what_depends_on_the_symbols():
    own = {"mine": ["minimal", "others"], "others": ["close|close_beside_each__slope__window_5"]}
    assert stands_for_symbols(["other_symbols"])
    assert stands_for_symbols(["mine"], own)
    assert not stands_for_symbols(["minimal", "close_of_SPY__slope__window_5"], own)


@pytest.mark.parametrize(
    ("items", "own", "error", "match"),
    [
        (["standart"], {}, Unknown, "unknown feature set 'standart': did you mean 'standard'"),
        (["callm"], {"calm": ["minimal"]}, Unknown, "did you mean 'calm'"),
        (["a"], {"a": ["b"], "b": ["a"]}, BadInput, "feature set 'a' contains itself: a > b > a"),
        (["wide"], {"wide": ["minimal"]}, BadInput, "feature set 'wide' is built in"),
        (["minimal"], {"other_symbols": ["minimal"]}, BadInput, "feature set 'other_symbols' is built in"),
        (["other_symbol"], {}, Unknown, "did you mean 'other_symbols'"),
        (["minimal"], {"my__own": ["minimal"]}, BadInput, "'my__own': only names of features have two underscores"),
    ],
)
def test_a_list_that_cannot_be_written_out_says_why(items, own, error, match):
    with pytest.raises(error, match=match):
        expand(items, own)


def test_every_factor_has_an_example_that_reads_back():
    for factor in FACTORS.values():
        feature = example_of(factor)
        assert feature is not None, factor.name
        assert parse_feature(feature.name) == feature
    assert example_of(FACTORS["macd"]).name == "close__macd__fast_12__slow_26__signal_9"
    assert FACTORS["mean_pair"].source == "Brock, Lakonishok and LeBaron (1992), Simple technical trading rules"
    assert FACTORS["win_share"].equals == "(results > 0).rolling(window).mean()"
    assert FACTORS["win_share"].source == ""


def test_alternatives_of_markets_are_markets():
    names = expand(
        ["clock__since_open|to_close__session_0930_America.New_York|XNYS", "clock__to_close__session_minute_5|9"]
    )
    markets = ("0930_America.New_York", "XNYS")
    assert names == (
        *(f"clock__{factor}__session_{market}" for factor in ("since_open", "to_close") for market in markets),
        "clock__to_close__session_minute_5",
        "clock__to_close__session_minute_9",
    )
    assert [parse_feature(name).name for name in names] == list(names)
