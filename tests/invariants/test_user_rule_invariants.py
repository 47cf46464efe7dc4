"""Each look-ahead that is easily written is caught in a rule of one's own, and named with its time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tradesieve.features.user_modules import freshly_defined, isolated_modules, load_user_modules
from tradesieve.market.bars import Bars, format_time
from tradesieve.strategies.invariants import find_violation
from tradesieve.strategies.registry import parse_strategy
from tradesieve.strategies.strategy import Strategy

CROSSES = "(above & ~above.shift(1, fill_value=False)).astype(int)"
LOOK_AHEADS = {
    "shift(-1)": "above = frame['close'].shift(-1) > frame['close'] * 1.002",
    "centred rolling": "above = frame['close'] > frame['close'].rolling(21, center=True).mean() * 1.002",
    "whole-sample normalisation": "z = (frame['close'] - frame['close'].mean()) / frame['close'].std(); above = z > 1",
    "bfill": (
        "low = frame['low'].where(frame['low'] == frame['low'].rolling(30).min()).bfill(); "
        "above = frame['close'] < low * 1.001"
    ),
    "max over all": "above = frame['close'] > frame['close'].max() * 0.97",
    "an hour that closes later": (
        "hour = frame['close'].resample('1h').last().reindex(frame.index, method='ffill'); "
        "above = frame['close'] < hour * 0.998"
    ),
    "max of the bars to come": "above = frame['high'][::-1].rolling(12).max()[::-1] > frame['close'] * 1.004",
    "min of the bars to come": "above = frame['low'][::-1].cummin()[::-1] > frame['close'] * 0.99",
    "the last close": "above = frame['close'] < frame['close'].iloc[-1]",
    "a quantile of all": "above = frame['close'] > frame['close'].quantile(0.9)",
    "a rank among all": "above = frame['volume'].rank(pct=True) > 0.9",
    "sorted bars": "above = frame['close'] > frame.sort_values('volume')['close'].to_numpy()",
    "numpy's roll": "above = np.roll(frame['close'], -1) > frame['close'] * 1.002",
    "interpolation": (
        "level = frame['close'].where(np.arange(len(frame)) % 8 == 0).interpolate(); above = frame['close'] < level"
    ),
    "a line through all": (
        "row = np.arange(len(frame)); above = frame['close'] > np.polyval(np.polyfit(row, frame['close'], 1), row)"
    ),
    "the day's own high": (
        "high = frame.groupby(frame.index.date)['high'].transform('max'); above = frame['close'] > high * 0.995"
    ),
    "the pullback after": "above = frame['close'].diff(-3) > frame['close'] * 0.003",
    "its stop": "above = frame['close'] > frame['high'].rolling(20).max().shift(1); stop = frame['low'].shift(-1)",
}
HONEST = {
    "rolling": "above = frame['close'] > frame['high'].rolling(20).max().shift(1)",
    "an hour that has closed": (
        "hour = frame['close'].resample('1h', closed='right', label='right').last()"
        ".reindex(frame.index, method='ffill'); above = frame['close'] < hour * 0.998"
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with isolated_modules():
        yield tmp_path


def written(body: str, folder: Path, options: str = "") -> Strategy:
    (folder / "mine.py").write_text(
        "import numpy as np\nfrom tradesieve import rule\n\nKEPT = {}\n\n"
        f"@rule(of='frame', lookback=60{options})\ndef mine(frame):\n"
        f"    stop = frame['low'] * 0.99\n    {body}\n    return {{'side': {CROSSES}, 'stop': stop}}\n"
    )
    load_user_modules(["mine.py"])
    return parse_strategy("mine")


@pytest.mark.parametrize("body", HONEST.values(), ids=HONEST)
def test_an_honest_rule_passes(folder: Path, market_bars: Bars, body: str) -> None:
    own = written(body, folder)
    assert len(own.signals(market_bars[:4000])) > 20
    assert find_violation(own, market_bars[:4000], seed=1) is None


@pytest.mark.parametrize("body", LOOK_AHEADS.values(), ids=LOOK_AHEADS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_look_ahead_is_caught_and_named_with_its_time(folder: Path, market_bars: Bars, body: str, seed: int) -> None:
    bars = market_bars[:4000]
    found = find_violation(written(body, folder), bars, seed=seed)
    assert found is not None
    assert found.startswith("mine() looks at the future: when the bars after "), found
    times = {format_time(time) for time in bars.close_time}
    named = re.findall(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?\S*", found)
    assert named, found
    assert {time.rstrip(":,") for time in named} <= times


def test_the_time_is_the_first_one_that_changes(folder: Path, market_bars: Bars) -> None:
    bars = market_bars[:1000]
    own = written("above = frame['close'] > frame['close'].mean()", folder)
    found = find_violation(own, bars, seed=1)
    assert found is not None
    cut, first = re.findall(r"2\d{3}-\S+[^,\s]", found)
    known = bars.close_time <= next(time for time in bars.close_time if format_time(time) == cut)
    mine, prefix = own.signals(bars), own.signals(bars.where(known))
    before = mine.decision_time[mine.decision_time <= bars.close_time[known][-1]]
    expected = min(set(before.tolist()) ^ set(prefix.decision_time.tolist()))
    assert first == format_time(expected)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "above = frame['close'] > np.random.default_rng().uniform(0.9, 1.1, len(frame)) * frame['close']",
            "does not decide the same",
        ),
        (
            "KEPT.setdefault('level', frame['close'].mean()); above = frame['close'] > KEPT['level']",
            "does not decide the same|looks at the future|more than its lookback",
        ),
        (
            "above = frame['close'] > frame['high'].rolling(80).max().shift(1)",
            "depends on more than its lookback of 60",
        ),
    ],
)
def test_chance_state_and_a_longer_memory_are_caught(folder: Path, market_bars: Bars, body: str, message: str) -> None:
    own, bars = written(body, folder), market_bars[:4000]
    own.signals(bars[:300])
    assert own.module is not None
    again = freshly_defined(own.module, "rule", "mine")()
    found = find_violation(own, bars, again=again, seed=1)
    assert found is not None
    assert re.search(message, found), found


def test_last_digits_of_a_running_mean_have_a_remedy(folder: Path, market_bars: Bars) -> None:
    body = (
        "stop = frame['low'].rolling(50).mean() * 0.99; "
        "above = (frame['close'] > frame['high'].rolling(20).max().shift(1)) & stop.notna()"
    )
    bars = market_bars[:1200]
    found = find_violation(written(body, folder), bars, seed=1)
    assert found is not None
    assert "in its last digits" in found
    assert "windowed=True" in found
    remedied = written(body, folder, ", windowed=True")
    signals = remedied.signals(bars)
    assert len(signals) > 20
    assert find_violation(remedied, bars, seed=1) is None
    np.testing.assert_array_equal(signals.side, 1.0)
