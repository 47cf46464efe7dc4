from __future__ import annotations

import re
from dataclasses import fields
from inspect import cleandoc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.strategies.registry import (
    MODIFIERS,
    RULES,
    choose_strategies,
    count_available,
    get_rule,
    parse_strategy,
)
from tradesieve.strategies.rules.dip_buying import DipBuying
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout

EVERY = [strategy for rule in RULES.values() for strategy in rule.variants()]


def test_every_variant_of_every_grid_reads_back_from_its_id():
    assert len(EVERY) >= 80
    for strategy in EVERY:
        again = parse_strategy(strategy.id)
        assert again == strategy
        assert again.id == strategy.id
        assert [type(value) for value in vars(again).values()] == [type(value) for value in vars(strategy).values()]
    assert len({strategy.id for strategy in EVERY}) == len(set(EVERY)) == len(EVERY)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_named_like_its_file_and_its_grid_like_its_parameters(name):
    rule = get_rule(name)
    assert rule.name == name == rule.__module__.rpartition(".")[2]
    assert set(rule.grid) <= {field.name for field in fields(rule)}
    assert rule() in list(rule.variants()), "the default is part of the default grid"
    assert next(rule.variants()).id == next(rule.variants()).id
    for parameter in (field.name for field in fields(rule)):
        assert re.search(rf"^{parameter} : ", cleandoc(rule.__doc__), re.MULTILINE), f"{parameter} is documented"


@given(
    price_move=st.floats(1e-12, 1e6, allow_subnormal=False),
    drop=st.floats(-1, 0, exclude_min=True, exclude_max=True, allow_subnormal=False),
    history=st.integers(2, 10**12),
)
def test_two_strategies_never_share_an_id(price_move, drop, history):
    strategy = DipBuying(price_move=price_move, drop_threshold=drop, history=history)
    assert parse_strategy(strategy.id) == strategy


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("volatilty_breakout", "unknown strategy 'volatilty_breakout': did you mean 'volatility_breakout'"),
        ("zzz", "known: bollinger_reversion, dip_buying, donchian_channel, "),
        ("volatility_breakout(windw=3)", "unknown parameter of volatility_breakout 'windw': did you mean 'window'"),
        ("volatility_breakout(window=3,window=4)", "window is given twice"),
        ("volatility_breakout(window=abc)", "window is 'abc', which is not a number"),
        ("volatility_breakout(window)", "window is '', which is not a number"),
        ("volatility_breakout(window=2.5)", "window is 2.5, but must be a whole number"),
        ("volatility_breakout(reward=inf)", "reward is inf, but must be finite"),
        ("volatility_breakout(multiple=nan)", "multiple is nan, but must be finite"),
        ("volatility_breakout(window=1)", "window is 1, which is out of range: bars of"),
        ("volatility_breakout(", "is not understood: write rule or rule"),
        ("volatility breakout", "is not understood"),
        ("", "is not understood"),
    ],
)
def test_what_is_no_strategy_says_so_and_helps(text, match):
    with pytest.raises(BadInput, match=match):
        parse_strategy(text)


def test_parameters_left_out_keep_their_defaults_and_spaces_do_not_count():
    assert parse_strategy("volatility_breakout") == parse_strategy("volatility_breakout()") == VolatilityBreakout()
    assert parse_strategy(" volatility_breakout( window = 50 , reward=3.0) ") == VolatilityBreakout(
        window=50, reward=3.0
    )
    assert parse_strategy("volatility_breakout(window=5e1)").id == VolatilityBreakout(window=50).id


@pytest.mark.parametrize(
    "wrong",
    [
        {"drop_threshold": 0.0}, {"drop_threshold": -1.0}, {"price_move": 0.0}, {"look_back": 0}, {"history": 1},
        {"profit_target": 0.0}, {"stop_loss": 0.0}, {"stop_loss": 1.0}, {"price_move": float("nan")},
    ],
)  # fmt: skip
def test_a_parameter_out_of_range_is_named(wrong):
    (name,) = wrong
    with pytest.raises(BadInput, match=f"dip_buying: {name} is "):
        DipBuying(**wrong)


def test_a_choice_takes_one_of_each_rule_in_turn():
    chosen = choose_strategies(len(RULES) + 2)
    assert [strategy.name for strategy in chosen] == [*RULES, *list(RULES)[:2]]
    assert choose_strategies(3) == chosen[:3], "more of them never changes the first ones"
    assert list(RULES)[:3] == ["volatility_breakout", "opening_range_breakout", "dip_buying"]
    assert set(choose_strategies(None)) == set(EVERY)
    assert {strategy.name for strategy in choose_strategies(4, rules=("dip_buying",))} == {"dip_buying"}


def test_all_stands_for_every_rule():
    assert choose_strategies(None, rules=("all",)) == choose_strategies(None)
    assert choose_strategies(20, rules=("all",)) == choose_strategies(20)
    assert choose_strategies(9, rules=("all",), sampling="random") == choose_strategies(9, sampling="random")
    exact = parse_strategy("dip_buying(look_back=7)")
    both = choose_strategies(None, rules=("all", exact.id))
    assert both[0] == exact
    assert set(both) == {exact, *choose_strategies(None)}
    assert count_available(("all", exact.id)) == len(both)
    assert (
        count_available(("volatility_breakout+trailing(ranges=" + "|".join(map(str, range(2, 4002))) + ")",)) > 10_000
    )


def test_whole_instances_come_first_and_count_once():
    exact = "volatility_breakout(window=33)"
    first = next(VolatilityBreakout.variants())
    chosen = choose_strategies(3, rules=("volatility_breakout", exact, first.id))
    assert [strategy.id for strategy in chosen[:2]] == [parse_strategy(exact).id, first.id]
    assert len({strategy.id for strategy in chosen}) == 3
    assert choose_strategies(None, rules=(exact,)) == (parse_strategy(exact),)


@pytest.mark.parametrize(
    ("count", "rules", "match"),
    [
        (0, (), "number of strategies is 0"),
        (-3, (), "number of strategies is -3"),
        (10_000, (), r"10000 strategies were requested, but the grids of all rules hold \d+"),
        (2, ("volatility_breakout(window=33)",), "hold 1"),
        (1, ("dip_bying",), "did you mean 'dip_buying'"),
    ],
)
def test_a_choice_that_cannot_be_made_says_why(count, rules, match):
    with pytest.raises(BadInput, match=match):
        choose_strategies(count, rules=rules)


def test_unknown_names_are_unknown():
    with pytest.raises(Unknown):
        get_rule("")


def test_every_parameter_says_what_it_is_when_it_is_refused():
    for kind in (*RULES.values(), *MODIFIERS.values()):
        for field in fields(kind):
            assert kind._described(field.name).startswith(": "), f"{kind.name}: {field.name} is not in its docstring"
