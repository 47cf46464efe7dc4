"""A strategy with modifiers as text: it reads back, and a text may mean many."""

from __future__ import annotations

import itertools
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.modifiers.base import ModifiedStrategy
from tradesieve.strategies.modifiers.exits import ScaleOut, Trailing
from tradesieve.strategies.modifiers.timed_exits import ExchangeClose
from tradesieve.strategies.parameter_grid import Grid
from tradesieve.strategies.registry import (
    MODIFIERS,
    RULES,
    choose_strategies,
    count_strategies,
    get_modifier,
    has_explicit_parameters,
    parse_strategy,
    sample_strategies,
)
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout


@st.composite
def modifiers(draw: st.DrawFn) -> tuple:
    """Draw modifiers that may stand together, most of their parameters anything in range."""
    kinds = {}
    for name in draw(st.lists(st.sampled_from(list(MODIFIERS)), min_size=1, max_size=6, unique=True)):
        kind = get_modifier(name)
        values = {}
        for field in fields(kind):
            if field.type == "int":
                values[field.name] = draw(st.integers(2, 1000))
            elif field.type == "float":
                values[field.name] = draw(st.floats(1e-12, 0.999, allow_subnormal=False))
        kinds[kind.aspect] = kind(**values)
    return tuple(kinds.values())


@settings(max_examples=150)
@given(modifiers(), st.integers(2, 10**9), st.floats(1e-9, 1e9, allow_subnormal=False))
def test_every_strategy_reads_back_from_its_id_and_keeps_it(chosen, window, multiple):
    strategy = ModifiedStrategy(VolatilityBreakout(window=window, multiple=multiple), chosen)
    again = parse_strategy(strategy.id)
    assert again == strategy
    assert again.id == strategy.id
    assert "|" not in strategy.id, "which separates the parts of an instance's name"
    assert parse_strategy(Instance.parse(str(Instance(strategy.id, "BTC-USD", "5m"))).strategy) == strategy


def test_defaults_spaces_words_and_exponents():
    strategy = parse_strategy(
        " volatility_breakout( window = 50 ) + trailing + exchange_close( calendar =XLON)+fixed_fraction(fraction=1e+1)"
    )
    assert strategy.id == (
        "volatility_breakout(window=50,multiple=2,stop_ranges=2,reward=2,max_hold=48)+trailing(ranges=3,window=20)"
        "+exchange_close(calendar=XLON,before=0)+fixed_fraction(fraction=10)"
    )
    assert strategy.modifiers[:2] == (Trailing(), ExchangeClose(calendar="XLON"))
    assert parse_strategy("dip_buying+opposite_exit").id.endswith(")+opposite_exit()")


def test_a_modifier_that_is_given_several_times_adds_one_each():
    strategy = parse_strategy("dip_buying+scale_out(share=0.5,reward=2)+scale_out(share=0.25,reward=1)")
    assert set(strategy.modifiers) == {ScaleOut(0.5, 2.0), ScaleOut(0.25, 1.0)}
    other = parse_strategy("dip_buying+scale_out(share=0.25,reward=1)+scale_out(share=0.5,reward=2)")
    assert strategy == other
    assert strategy.id == other.id


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("dip_buying+trailling(ranges=2)", "unknown modifier 'trailling': did you mean 'trailing'"),
        ("dip_buying+trailing(range=2)", "unknown parameter of trailing 'range': did you mean 'ranges'"),
        ("dip_buying+trailing(ranges=0)", "trailing: ranges is 0, which is out of range: how far it trails"),
        ("dip_buying+trailing(ranges=x)", "ranges is 'x', which is not a number"),
        ("dip_buying+time_exit(bars=2.5)", "bars is 2.5, but must be a whole number"),
        ("dip_buying+exchange_close(calendar=12)", "calendar is '12', which is not a word"),
        ("dip_buying+exchange_close(calendar=XNYZ)", "unknown calendar 'XNYZ'"),
        ("dip_buying+", "is not understood: write rule or rule"),
        ("+trailing", "is not understood: write rule or rule"),
        ("trailing(ranges=2)", "unknown strategy 'trailing'"),
        ("dip_buying+dip_buying", "unknown modifier 'dip_buying'"),
        ("dip_buying+trailing(ranges=2|3)", r"is more than one: use .* only where several are chosen"),
        ("dip_buying+limit_entry+stop_entry", "limit_entry and stop_entry both set how a trade is entered"),
    ],
)  # fmt: skip
def test_what_is_no_strategy_says_so_and_helps(text, match):
    with pytest.raises(BadInput, match=match):
        parse_strategy(text)


def test_several_values_mean_one_strategy_for_each_combination():
    text = "volatility_breakout(window=10|20|40,reward=3)+trailing(ranges=2|3)+time_exit(bars=5|6)"
    chosen = choose_strategies(None, rules=[text])
    expected = itertools.product((10, 20, 40), (2, 3), (5, 6))
    assert [strategy.id for strategy in chosen] == [
        f"volatility_breakout(window={window},multiple=2,stop_ranges=2,reward=3,max_hold=48)"
        f"+trailing(ranges={ranges},window=20)+time_exit(bars={bars})"
        for window, ranges, bars in expected
    ]
    assert choose_strategies(4, rules=[text]) == chosen[:4]
    assert choose_strategies(None, rules=["volatility_breakout(window=10|20)"]) == (
        VolatilityBreakout(window=10),
        VolatilityBreakout(window=20),
    )
    with pytest.raises(BadInput, match="one of the values of window is given twice"):
        choose_strategies(None, rules=["volatility_breakout(window=10|20|1e1)"])
    with pytest.raises(BadInput, match="window is '', which is not a number"):
        choose_strategies(None, rules=["volatility_breakout(window=10|)"])


def test_a_rule_without_parentheses_is_its_grid_with_the_modifiers_on_each():
    variants = list(VolatilityBreakout.variants())
    chosen = choose_strategies(None, rules=["volatility_breakout+trailing(ranges=2)"])
    assert [strategy.rule for strategy in chosen] == variants
    assert {strategy.modifiers for strategy in chosen} == {(Trailing(ranges=2.0),)}
    both = choose_strategies(4, rules=["dip_buying+trailing", "volatility_breakout", "dip_buying(look_back=7)"])
    assert [strategy.id.partition("(")[0] for strategy in both] == [
        "dip_buying", "dip_buying", "volatility_breakout", "dip_buying",
    ]  # fmt: skip
    assert "look_back=7" in both[0].id, "what is written out comes first"
    assert has_explicit_parameters("dip_buying()+trailing")
    assert not has_explicit_parameters("dip_buying+trailing(ranges=2)")


def test_a_sample_has_no_duplicates_and_is_the_same_each_time():
    texts = ["volatility_breakout+trailing(ranges=2|3|4)", "dip_buying", "volatility_breakout(window=20|33)"]
    chosen = sample_strategies(texts, 60, seed=3)
    assert len({strategy.id for strategy in chosen}) == 60
    assert chosen == sample_strategies(texts, 60, seed=3)
    assert chosen[:17] == sample_strategies(texts, 17, seed=3), "more of them never changes the first ones"
    assert chosen != sample_strategies(texts, 60, seed=4)
    assert [strategy.id.partition("(")[0] for strategy in chosen[:3]] == [
        "volatility_breakout", "dip_buying", "volatility_breakout",
    ]  # fmt: skip
    assert choose_strategies(60, rules=texts, sampling="random", seed=3) == chosen


def test_a_sample_of_all_is_all():
    text = "volatility_breakout+trailing(ranges=2|3|4)"
    everything = choose_strategies(None, rules=[text])
    sample = sample_strategies([text], len(everything), seed=1)
    assert set(sample) == set(everything)
    assert sample != everything
    with pytest.raises(BadInput, match=rf"{len(everything) + 1} strategies were requested, but the grids of .* hold"):
        sample_strategies([text], len(everything) + 1, seed=1)
    assert len(sample_strategies([], 5, seed=1)) == 5


def test_a_sample_is_even():
    grid = Grid([VolatilityBreakout(window=window) for window in range(2, 8)])
    counts = dict.fromkeys(grid.in_order(), 0)
    for seed in range(1200):
        order = list(itertools.islice(grid.shuffled([seed]), 3))
        assert len(set(order)) == 3
        counts[order[2]] += 1
    assert all(150 < count < 250 for count in counts.values()), "200 each, but for chance"


def test_a_grid_of_billions_is_drawn_from_without_being_made():
    many = "|".join(str(value) for value in range(2, 60))
    text = f"volatility_breakout+{'+'.join(f'scale_out(share=0.1,reward={k}.5|{k}.25)' for k in (1, 2, 3))}"
    text += f"+trailing(ranges={many},window={many})+time_exit(bars={many})+stop_entry(expiry={many},window={many})"
    assert len({strategy.id for strategy in sample_strategies([text], 30, seed=5)}) == 30
    assert len(choose_strategies(30, rules=[text])) == 30
    assert count_strategies([text], at_most=70) == 70
    with pytest.raises(
        BadInput, match=r"the grids hold \d{12,} strategies, too many to take all: choose a number of strategies"
    ):
        choose_strategies(None, rules=[text])


def test_strategies_are_counted_once_and_up_to_a_number():
    texts = ["dip_buying(look_back=3|4)", "dip_buying(look_back=4|5)+trailing", "dip_buying(look_back=4)"]
    assert count_strategies(texts, at_most=10) == 4
    assert count_strategies(texts, at_most=3) == 3
    assert count_strategies([], at_most=10**6) == len(choose_strategies(None))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"count": None, "sampling": "random"}, "random sampling needs a number of strategies"),
        ({"count": 0, "sampling": "random"}, "the number of strategies is 0"),
        ({"count": 3, "sampling": "rndom"}, "unknown sampling 'rndom': did you mean 'random'"),
    ],
)
def test_a_sampling_that_cannot_be_made_says_why(given, match):
    with pytest.raises(BadInput, match=match):
        choose_strategies(**given)


def test_no_rule_is_named_like_a_modifier():
    assert not set(RULES) & set(MODIFIERS)
    with pytest.raises(Unknown):
        get_modifier("dip_buying")
