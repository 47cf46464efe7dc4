"""A rule of one's own: found by name, equal to the built-in one written that way, and refused in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.strategies.rule_sources import CHANNEL
from tradesieve import parse_strategy, rule, simulate
from tradesieve.features.user_modules import isolated_modules, load_user_modules
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.invariants import check_strategy, find_violation
from tradesieve.strategies.registry import choose_strategies, rules_of, with_rules_of
from tradesieve.strategies.search.search_space import search_space

EXITS = "+opposite_exit+time_exit(bars=96)"

AS_CLASS = '''
from dataclasses import dataclass
from typing import ClassVar

from tradesieve import rule
from tradesieve.strategies.signals import make_signals
from tradesieve.strategies.strategy import Strategy


@rule
@dataclass(frozen=True)
class Rising(Strategy):
    """Enter after a higher close."""

    name: ClassVar[str] = "rising"
    grid: ClassVar[dict] = {"least": (0.0, 0.001)}

    least: float = 0.001

    def lookback(self, timeframe):
        return 2

    def signals(self, bars):
        rows = (bars.close[1:] / bars.close[:-1] - 1 > self.least).nonzero()[0] + 1
        return make_signals(bars.close_time[rows], 1.0)
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with isolated_modules():
        yield tmp_path


def trades(text: str, bars: Bars) -> pd.DataFrame:
    return simulate(parse_strategy(text), bars, Instrument(bars.symbol)).drop(columns="strategy")


@pytest.mark.parametrize("name", ["my_channel", "my_frame"])
@pytest.mark.parametrize("windows", ["window=20,exit_window=10", "window=55,exit_window=20"])
def test_the_donchian_channel_written_as_a_user_would_makes_the_same_trades(
    folder: Path, market_bars: Bars, name: str, windows: str
) -> None:
    (folder / "my_rules.py").write_text(CHANNEL)
    load_user_modules(["my_rules.py"])
    bars = market_bars[:5000]
    own, built_in = (trades(f"{text}({windows}){EXITS}", bars) for text in (name, "donchian_channel"))
    assert len(own) > 40
    pd.testing.assert_frame_equal(own, built_in, check_exact=True)
    rule_of_it = parse_strategy(f"{name}({windows})")
    assert find_violation(rule_of_it, bars, seed=3) is None
    assert check_strategy(rule_of_it, bars, n_samples=24, seed=1) == []
    assert len(rule_of_it.signals(bars[:0])) == 0


def test_it_is_chosen_like_any_other(folder: Path) -> None:
    (folder / "my_rules.py").write_text(CHANNEL)
    (module,) = load_user_modules(["my_rules.py"])
    assert rules_of([module]) == ["my_channel", "my_frame"]
    chosen = choose_strategies(None, rules=("my_channel+trailing", "my_frame(exit_window=5|7)"))
    assert [strategy.id.partition("+")[0] for strategy in chosen] == [
        "my_frame(window=20,exit_window=5)", "my_frame(window=20,exit_window=7)",
        "my_channel(window=20,exit_window=10)", "my_channel(window=20,exit_window=20)",
        "my_channel(window=55,exit_window=10)", "my_channel(window=55,exit_window=20)",
    ]  # fmt: skip
    assert {strategy.base_rule.module for strategy in chosen} == {module}
    assert with_rules_of([module], ())[-2:] == ("my_channel", "my_frame")
    assert with_rules_of([], ("all",)) == ("all",)
    assert [str(one) for one in search_space("my_frame").searched] == ["window 20 to 55"]
    with pytest.raises(Unknown, match="did you mean 'my_channel'"):
        parse_strategy("my_chanel")
    with pytest.raises(BadInput, match=r"strategy 'my_rules.py' is a file: name it in modules"):
        parse_strategy("my_rules.py")
    with isolated_modules(), pytest.raises(Unknown, match="unknown strategy 'my_frame'"):
        parse_strategy("my_frame")


def test_a_class_is_a_rule_too(folder: Path, market_bars: Bars) -> None:
    (folder / "classes.py").write_text(AS_CLASS)
    load_user_modules(["classes.py"])
    assert [each.id for each in choose_strategies(None, rules=("rising",))] == [
        "rising(least=0)",
        "rising(least=0.001)",
    ]
    assert find_violation(parse_strategy("rising"), market_bars[:2000], seed=1) is None
    (folder / "classes.py").write_text(AS_CLASS.replace("bars.close[1:]", "bars.closed[1:]"))
    load_user_modules(["classes.py"])
    with pytest.raises(BadInput, match=r"classes.py, line 24: signals fails at 2\d+.*: AttributeError: .*closed"):
        parse_strategy("rising").signals(market_bars[:50])


def defined(source: str, folder: Path, decorator: str = "@rule(lookback=5)") -> None:
    (folder / "mine.py").write_text(f"import numpy as np\nfrom tradesieve import rule\n{decorator}\n{source}\n")
    load_user_modules(["mine.py"])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("np.ones(3)", r"mine.py: mine returned side of shape \(3,\) for 50 bars; expected one value for each bar"),
        ("1", "one side for 50 bars"),
        ("np.where(bars.close > 0, np.nan, 0)", r"side nan at 2\d+-.*, expected 1 long, -1 short or 0 no entry"),
        ("np.full(50, 2)", r"side 2 at 2\d+-"),
        ("np.full(50, 'long')", "side of <U4; expected numbers, or True and False"),
        ("{'stop': bars.close}", "stop without side"),
        ("{'side': bars.close > 0, 'stops': bars.close}", "'stops': did you mean 'stop'"),
        (
            "{'side': bars.close > 0, 'stop': bars.close * np.nan}",
            r"stop nan at 2\d+-.*, where it enters: let side be 0",
        ),
        ("{'side': bars.close > 0, 'stop': bars.close, 'target': bars.close - 1}", "has a stop beyond its target"),
        ("{'side': bars.close > 0, 'max_hold': 1.5}", "max_hold 1.5 at .*, expected a whole number"),
        ("1 / 0", r"mine.py, line 5: mine fails at 2\d+-.*: ZeroDivisionError"),
        ("bars.close.sort()", r"line 5: mine fails at .*: ValueError: .*read-only"),
    ],
)
def test_what_it_returns_is_refused_in_one_line(folder: Path, market_bars: Bars, returned: str, message: str) -> None:
    defined(f"def mine(bars):\n    return {returned}", folder)
    with pytest.raises(BadInput, match=message):
        parse_strategy("mine").signals(market_bars[:50])


@pytest.mark.parametrize(
    ("source", "decorator", "message"),
    [
        ("def mine(bars): ...", "@rule", r"mine.py: mine: say how many bars decide a signal"),
        ("def mine(bars): ...", "@rule(lookback='window')", "mine.py: mine has no parameter 'window'"),
        ("def mine(bars, window): ...", "@rule(lookback=5)", "give window a default, as in window=20"),
        ("def mine(bars, lookback=5): ...", "@rule(lookback=5)", "a parameter cannot be called lookback"),
        ("def mine(bars, n='a'): ...", "@rule(lookback=5)", "parameters are numbers, but the default of n is 'a'"),
        ("def mine(): ...", "@rule(lookback=5)", "mine has to take its bars and then its parameters"),
        ("def Mine(bars): ...", "@rule(lookback=5)", "a rule's name has small letters"),
        ("def mine(bars, n=5): ...", "@rule(lookback=5, grid={'m': (1, 2)})", "grid of mine.py: mine: 'm'"),
        ("def mine(bars, n=5): ...", "@rule(lookback=5, grid={'n': (1, 2.5)})", "its default 5 is whole: write n=5.0"),
        ("def mine(bars, n=5): ...", "@rule(lookback=5, grid={'n': 7})", "the grid of n is 7; expected numbers"),
        ("def mine(bars): ...", "@rule(of='table', lookback=5)", "unknown input of @rule: 'table'"),
        ("class Mine: ...", "@rule", "a rule's class derives from tradesieve.strategies.strategy.Strategy"),
        ("def dip_buying(bars): ...", "@rule(lookback=5)", "mine.py: there is already a rule called 'dip_buying'"),
        (
            "def mine(bars): ...\n@rule(lookback=1)\ndef mine(bars): ...",
            "@rule(lookback=5)",
            "already a rule called 'mine'",
        ),
    ],
)
def test_what_cannot_be_a_rule_is_refused_in_one_line(folder: Path, source: str, decorator: str, message: str) -> None:
    def use() -> None:
        defined(source, folder, decorator)
        parse_strategy("mine")

    with pytest.raises(BadInput, match=message):
        use()


def test_partial_targets_and_other_terms_are_columns(market_bars: Bars) -> None:
    bars = market_bars[:60]

    @rule(lookback=1)
    def with_terms(bars):  # type: ignore[no-untyped-def]
        close = bars.close
        return {
            "side": -1 * (np.arange(len(bars)) % 20 == 0), "stop": close * 1.02, "target": close * 0.9, "expiry": 3,
            "partial_target": np.stack([close * 0.98, close * 0.95], axis=1), "partial_share": [0.5, 0.25],
        }  # fmt: skip

    signals = parse_strategy("with_terms").signals(bars)
    np.testing.assert_array_equal(signals.decision_time, bars.close_time[::20])
    np.testing.assert_array_equal(signals.partial_target[:, 1], bars.close[::20] * 0.95)
    assert (signals.side.tolist(), signals.expiry.tolist()) == ([-1.0] * 3, [3] * 3)
