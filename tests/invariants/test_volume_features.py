"""Factors declare whether they read volume: what they declare is what a change of the volume shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tradesieve.features.factor import FACTORS, UserModule
from tradesieve.features.feature_names import example_of, parse_feature, parse_features
from tradesieve.features.feature_sets import SETS
from tradesieve.features.user_modules import isolated_modules, load_source
from tradesieve.features.volume_features import depends_on_volume, reads_volume, without_volume
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

HOURS = parse_timeframe("1h")
WHOLE_BARS = [name for name, factor in FACTORS.items() if factor.kind in ("bars", "trade") and factor.module is None]
MODULE = '''
"""Factors for the tests."""

import numpy as np

from tradesieve import factor


@factor
def planted_turnover(bars, window=10):
    """Sum the turnover."""
    return busy(bars)


def busy(bars):
    return float(np.sum(bars.volume * bars.close))


@factor
def planted_traded(bars, window=10):
    """Count the bars with trades."""
    return float(np.sum(bars.volume > 0))


@factor(of="frame")
def planted_mean(bars, window=10):
    """Average all columns, the volume too."""
    return bars.rolling(int(window)).mean().mean(axis=1)


@factor
def planted_range(bars, window=10):
    """Average the range; its volume is looked up but not used."""
    volume = bars.volume
    return float(np.mean(bars.high - bars.low)) + 0.0 * len(volume)


@factor
def planted_failure(bars, window=10):
    """Fail."""
    raise ValueError(bars.volume)
'''


@pytest.fixture(scope="module")
def module() -> Iterator[UserModule]:
    with isolated_modules():
        yield load_source("volume_plants", MODULE, Path("volume_plants.py"), known={})


@pytest.mark.parametrize("name", WHOLE_BARS)
def test_a_factor_declares_that_it_reads_volume(name: str) -> None:
    feature = example_of(FACTORS[name])
    assert feature is not None
    assert depends_on_volume(feature, HOURS) == FACTORS[name].reads_volume


def test_a_wrong_declaration_is_caught() -> None:
    """The alarm: the windows tell the two kinds apart, whatever is declared."""
    feature = parse_feature("bars__volume_balance__window_20")
    assert depends_on_volume(replace(feature, factor=replace(feature.factor, reads_volume=False)), HOURS)


@pytest.mark.parametrize(
    ("name", "reads"),
    [("turnover", True), ("traded", True), ("mean", True), ("range", False), ("failure", False)],
)
def test_a_factor_of_a_user_need_not_declare_it(module: UserModule, name: str, reads: bool) -> None:
    assert reads_volume(parse_feature(f"bars__planted_{name}__window_10"), HOURS) == reads


def test_features_without_volume_are_found_by_the_series_that_they_read() -> None:
    full = SyntheticMarket(n_days=2, timeframe=HOURS).generate("AAA")[0]
    empty = SyntheticMarket(n_days=2, timeframe=HOURS).generate("BBB")[0]
    empty = empty.with_columns({"volume": np.zeros(len(empty))})
    names = (
        "volume__relative__window_10", "bars_4h__money_flow__window_5", "close__change__window_5", "clock__day_sine",
        "volume_of_BBB__relative__window_10", "bars_4h_of_BBB__volume_balance__window_5",
        "volume__tsfresh_maximum__window_10", "trade__side", "close_of_BBB__change__window_5",
    )  # fmt: skip
    features = parse_features(names)
    others = dict.fromkeys((names[4], names[5]), "no bar of BBB 1h has a volume")
    assert without_volume(features, full, {"BBB": empty}) == others
    assert list(without_volume(features, empty, {"BBB": full})) == [names[0], names[1], names[6]]
    assert without_volume(features, full, {"BBB": full}) == {}


def test_few_features_of_each_set_read_volume() -> None:
    counts = {name: sum(reads_volume(each, HOURS) for each in parse_features(names)) for name, names in SETS.items()}
    assert counts == {"minimal": 1, "standard": 5, "aligned": 5, "wide": 29, "trade": 0}
