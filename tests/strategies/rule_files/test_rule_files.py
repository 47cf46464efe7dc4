"""A rule without code: the same trades as the built-in one, held to the same invariants, and printed back as Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from tests.strategies.rule_file_texts import CHANNEL_FILE
from tests.strategies.rule_sources import CHANNEL
from tradesieve import parse_strategy, simulate
from tradesieve.features.user_definitions import defined
from tradesieve.features.user_modules import isolated_modules, load_user_modules
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.invariants import check_strategy, find_violation
from tradesieve.strategies.registry import choose_strategies, rules_of
from tradesieve.strategies.rule_files.printing import python_module
from tradesieve.strategies.rule_files.texts import rule_file_schema
from tradesieve.strategies.search.search_space import search_space

WINDOWS = [(20, 10), (55, 20)]
EXITS = "+opposite_exit+time_exit(bars=96)"

RISING = """\
rules:
  rising:
    parameters: {threshold: 0.5, lag: 3}
    long:
      when: >
        close_1h__slope__window_20 > 0 and not close > previous(close, lag)
        or bars__position_in_range__window_10 / threshold < 0.1
      stop: close * (1 - 2 * bars__true_range__window_20)
      target: maximum(close * 1.01, bars__highest__window_50)
  falling:
    short: clock__hour_sine < 0 and 0.2 < close__trend_state__window_20__threshold_0.3 < 2
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with isolated_modules():
        yield tmp_path


def trades(text: str, bars: Bars) -> pd.DataFrame:
    return simulate(parse_strategy(text), bars, Instrument(bars.symbol)).drop(columns="strategy")


def loaded(folder: Path, text: str, name: str = "mine.yaml") -> None:
    (folder / name).write_text(text)
    load_user_modules([name])


def printed(folder: Path, rule: str) -> str:
    return python_module(defined("rule")[rule])


def test_in_yaml_and_in_python_it_makes_the_trades_of_the_built_in_rule(folder: Path, market_bars: Bars) -> None:
    bars = market_bars[:5000]
    (folder / "by_hand.py").write_text(CHANNEL)
    loaded(folder, CHANNEL_FILE, "my_rules.yaml")
    (folder / "printed.py").write_text(printed(folder, "my_channel"))
    for window, exit_window in WINDOWS:
        values = f"(window={window},exit_window={exit_window})"
        built_in = trades(f"donchian_channel{values}", bars)
        assert len(built_in) > 40
        for module in ("my_rules.yaml", "by_hand.py", "printed.py"):
            with isolated_modules():
                load_user_modules([module])
                pd.testing.assert_frame_equal(trades(f"my_channel{values}{EXITS}", bars), built_in, check_exact=True)


def test_it_keeps_the_invariants_of_rules(folder: Path, market_bars: Bars) -> None:
    bars = market_bars[:2000]
    loaded(folder, CHANNEL_FILE)
    loaded(folder, RISING, "others.yaml")
    for text, lookback in (("my_channel(window=55)", 57), ("rising", 12 * 21 - 1), ("falling", 20)):
        rule = parse_strategy(text)
        assert len(rule.signals(bars)) > 20
        assert rule.lookback(bars.timeframe) == lookback
        assert find_violation(rule, bars, seed=3) is None
        assert check_strategy(rule, bars, n_samples=24, seed=1) == []
        assert len(rule.signals(bars[:0])) == 0


def test_what_is_printed_decides_the_same(folder: Path, market_bars: Bars) -> None:
    bars = market_bars[:1500]
    loaded(folder, RISING)
    for text in ("rising(threshold=0.25,lag=2)", "rising(threshold=1)", "falling"):
        name = text.partition("(")[0]
        wanted, lookback, source = (
            parse_strategy(text).signals(bars),
            parse_strategy(text).lookback,
            printed(folder, name),
        )
        with isolated_modules():
            loaded(folder, source, "printed.py")
            rule = parse_strategy(text)
            found = rule.signals(bars)
            assert rule.lookback(bars.timeframe) == lookback(bars.timeframe)
        for column in ("decision_time", "side", "stop", "target"):
            np.testing.assert_array_equal(getattr(found, column), getattr(wanted, column))


def test_its_name_stands_for_its_grid_with_its_modifiers(folder: Path) -> None:
    (folder / "my_rules.json").write_text(json.dumps({"rules": {"up": {"long": "close > open"}}}, indent="\t"))
    loaded(folder, CHANNEL_FILE, "my_rules_too.yml")
    modules = load_user_modules(["my_rules.json", "my_rules_too.yml"])
    assert rules_of(modules) == ["up", "my_channel"]
    own = "+time_exit(bars=96)+opposite_exit()"
    chosen = [each.id for each in choose_strategies(None, rules=("my_channel",))]
    assert chosen == [f"my_channel(window={w},exit_window={e}){own}" for w in (20, 55) for e in (10, 20)]
    assert [parse_strategy(text).id for text in chosen] == chosen
    assert parse_strategy("my_channel()").id == "my_channel(window=20,exit_window=10)"
    (one,) = choose_strategies(None, rules=("my_channel(exit_window=5)+trailing",))
    assert one.id == "my_channel(window=20,exit_window=5)+trailing(ranges=3,window=20)"
    assert choose_strategies(1, rules=("my_channel+trailing",))[0].id.count("+") == 3
    assert search_space("my_channel").make({}).id == f"my_channel(window=20,exit_window=10){own}"
    with pytest.raises(BadInput, match="time_exit is given 2 times"):
        choose_strategies(None, rules=("my_channel+time_exit(bars=3)",))
    with pytest.raises(BadInput, match=r"'my_rules\.yaml' is a file: name it in modules"):
        parse_strategy("my_rules.yaml")


def test_a_bar_enters_on_one_side_and_only_with_room_for_its_stop(folder: Path, market_bars: Bars) -> None:
    bars = market_bars[:500]
    rules = {
        "both": {"long": "close > open", "short": "close < previous(close)"},
        "beyond": {"long": {"when": "close > 0", "stop": "low", "target": "previous(high)"}},
        "never": {"long": "not close > close / 0", "short": "not 1 > previous(close) / (close - close) or close < 0"},
    }
    loaded(folder, json.dumps({"rules": rules}), "mine.json")
    close, before = bars.close, np.append(np.nan, bars.close[:-1])
    up, down = close > bars.open, close < before
    found = parse_strategy("both").signals(bars)
    np.testing.assert_array_equal(found.decision_time, bars.close_time[up ^ down])
    np.testing.assert_array_equal(found.side, np.where(up, 1.0, -1.0)[up ^ down])
    fits = (bars.low < close) & (close < np.append(np.nan, bars.high[:-1]))
    np.testing.assert_array_equal(parse_strategy("beyond").signals(bars).decision_time, bars.close_time[fits])
    assert 0 < fits.sum() < len(bars)
    assert len(parse_strategy("never").signals(bars)) == 0, "a missing value makes no condition true"


AHEAD = '''
from tradesieve import factor


@factor(of="frame")
def next_move(frame, window=5):
    """Tell how much the next close is above this one."""
    return frame["close"].shift(-1) / frame["close"] - 1
'''


def test_no_look_ahead_can_be_planted(folder: Path, market_bars: Bars) -> None:
    bars = market_bars[:600]
    (folder / "my_factors.py").write_text(AHEAD)
    (folder / "mine.yaml").write_text("rules: {knows: {long: bars__next_move__window_5 > 0}}")
    _, module = load_user_modules(["my_factors.py", "mine.yaml"])
    assert [one.name for one in module.dependencies] == ["my_factors"], "it travels with the factor's module"
    assert len(parse_strategy("knows").signals(bars[:100])) == 0, "the engine cuts the window at the decision"
    with pytest.raises(BadInput, match=r"mine.yaml reads the factor next_move of my_factors: name that in modules too"):
        load_user_modules(["mine.yaml"])
    assert module.fingerprint != _fingerprint_with(folder, AHEAD.replace("- 1", "- 1.0"))
    loaded(folder, CHANNEL_FILE, "channel.yaml")
    source = printed(folder, "my_channel").replace("previous(bars_highest_window)", "np.roll(bars.close, -1)")
    with isolated_modules():
        loaded(folder, "import numpy as np\n" + source, "edited.py")
        assert "looks at the future" in str(find_violation(parse_strategy("my_channel"), bars, seed=1))


def _fingerprint_with(folder: Path, factors: str) -> str:
    (folder / "my_factors.py").write_text(factors)
    return load_user_modules(["my_factors.py", "mine.yaml"])[1].fingerprint


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("long:", "longs:", r"mine.yaml, line 7: my_channel: longs: unknown key: did you mean 'long'\?"),
        ("when:", "whn:", r"line 8: my_channel: long: whn: unknown key: did you mean 'when'\?"),
        ("default:", "defalt:", r"line 5: my_channel: parameters: window: defalt: unknown key"),
        ("rules:", "rule:", r"line 1: rule: unknown key: did you mean 'rules'\?"),
        ("my_channel", "My_channel", "line 2: My_channel: a rule's name has small letters"),
        ("my_channel", "dip_buying", "mine.yaml: there is already a rule called 'dip_buying'"),
        ("my_channel", "previous", "line 2: previous: 'previous' means something else here"),
        ("exit_window: {", "lookback: {", "parameters: lookback: a parameter cannot be called lookback"),
        ("exit_window: {", "lambda: {", "line 6: my_channel: parameters: lambda: 'lambda' means something else"),
        ("20, 55]", "20, 5.5]", "the grid of window is .*, but its default 20 is whole"),
        ("20, 55]", "20, 1]", "line 2: my_channel: feature 'bars__highest__window_1': window is a whole number"),
        ("default: 20", "default: yes", "line 5: my_channel: parameters: window: default: is True; "),
        ("opposite_exit", "oposite_exit", r"line 13: my_channel: modifiers: 0: .*did you mean 'opposite_exit'\?"),
        ("bars=96", "bars=96|48", "more than one modifier"),
        ("opposite_exit", "time_exit", "time_exit is given 2 times"),
        ("      stop: bars__highest", "      target: bars__highest", "long has a stop and short has none; give both"),
        ("    short:", "    long:", "line 10: long is given twice"),
        ("window_{window}))\n", "window_{window})))\n", "line 8: my_channel: long: when: not an expression: unmatched"),
        ("  my_channel:", "  my_channel", "line 3: not valid YAML"),
        (CHANNEL_FILE, "", "line 1: expected rules: and below it each rule by its name"),
        (CHANNEL_FILE, "rules: {}", "there is no rule in it"),
        (CHANNEL_FILE, "rules: {a: {about: b}}", "a: say when it enters"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_named_with_its_line(folder: Path, old: str, new: str, message: str) -> None:
    assert old in CHANNEL_FILE

    def use() -> None:
        loaded(folder, CHANNEL_FILE.replace(old, new, 1))
        parse_strategy("dip_buying")

    with pytest.raises(BadInput, match=message):
        use()


def test_a_timeframe_that_does_not_divide_is_refused(folder: Path) -> None:
    loaded(folder, RISING)
    with pytest.raises(BadInput, match="close_1h on 45m bars: a higher timeframe is a multiple"):
        parse_strategy("rising").lookback(parse_timeframe("45m"))


def test_the_schema_takes_what_is_read_and_nothing_else() -> None:
    import yaml

    schema = rule_file_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for text in (CHANNEL_FILE, RISING):
        assert list(validator.iter_errors(yaml.safe_load(text))) == []
    for old, new in (("long:", "longs:"), ("when:", "whn:"), ("default: 20", "default: a"), ("rules:", "rule:")):
        assert list(validator.iter_errors(yaml.safe_load(CHANNEL_FILE.replace(old, new, 1)))) != []
