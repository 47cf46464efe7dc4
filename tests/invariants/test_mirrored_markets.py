"""The law of mirrored markets: with the market mirrored and the sides turned, every aligned feature keeps its value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tsfresh.feature_extraction.settings import EfficientFCParameters

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.engine.mirror import mirrored_bars
from tradesieve.features.factor import FACTORS, Feature
from tradesieve.features.feature_names import example_of, parse_feature
from tradesieve.features.feature_sets import SETS, SETS_OF_SYMBOLS, expand
from tradesieve.features.inputs import SERIES_INPUTS
from tradesieve.features.tsfresh.calculators import PREFIX
from tradesieve.features.user_modules import default_features, isolated_modules, load_user_modules
from tradesieve.market.bars import Bars
from tradesieve.market.errors import TradesieveError

OTHER = "ETH-USD"
COLUMNS = [name for name in SERIES_INPUTS if name != "volume"]
OWN = '''
import numpy as np

from tradesieve import factor


@factor
def closing_strength(bars, window=20):
    """Average where each bar closes between its low and its high."""
    return np.mean((bars.close - bars.low) / np.maximum(bars.high - bars.low, 1e-300))


@factor(of="frame")
def above_all(frame, window=20):
    """Stand above the mean and above a price of 100."""
    return (frame["close"] / frame["close"].rolling(window).mean() - 1) * (frame["close"] > 100)
'''


def aligned(name: str, column: str) -> str:
    return f"{column}_aligned__{name.partition('__')[2]}"


def assert_the_law(names: list[str], bars: Bars, others: dict[str, Bars], *, n: int = 60) -> None:
    # From a market that is a mirror itself: only there does mirroring twice change nothing, see `engine.mirror`.
    once, others_once = mirrored_bars(bars), {symbol: mirrored_bars(other) for symbol, other in others.items()}
    twice, others_twice = mirrored_bars(once), {symbol: mirrored_bars(other) for symbol, other in others_once.items()}
    random = np.random.default_rng(1)
    rows = np.sort(random.choice(np.arange(len(bars) // 2, len(bars)), n, replace=False))
    side = np.where(np.arange(n) % 2, 1.0, -1.0)
    here = compute(once, Decisions(bars.close_time[rows], side), names, others=others_once)
    there = compute(twice, Decisions(bars.close_time[rows], -side), names, others=others_twice)
    known = np.isfinite(here).any(axis=0)
    assert known.mean() > 0.9, [name for name, each in zip(names, known, strict=True) if not each]
    same = (here == there) | (np.isnan(here) & np.isnan(there))
    assert same.all(), [name for name, each in zip(names, same.all(axis=0), strict=True) if not each]


@pytest.fixture(scope="module", params=["market_bars", "real_bars"])
def bars(request: pytest.FixtureRequest) -> Bars:
    return request.getfixturevalue(request.param)[:6000]


@pytest.fixture(scope="module")
def others(bars: Bars) -> dict[str, Bars]:
    kept = np.arange(len(bars)) % 7 > 0
    return {OTHER: replace(bars, symbol=OTHER, close=0.5 * (bars.high + bars.low)).where(kept)}


def test_every_factor_on_every_price(bars: Bars) -> None:
    names = []
    for definition in FACTORS.values():
        feature = example_of(definition)
        if definition.module is not None or definition.family == "week" or feature is None:
            continue  # weeks need years of bars: see `test_factor_invariants`
        columns = {"series": COLUMNS, "bars": ["bars"]}.get(definition.kind, [])
        names += [aligned(feature.name, column) for column in columns]
    assert len(names) > 150
    assert_the_law(names, bars, {})


def test_every_aligned_feature_of_a_set_and_of_other_symbols(bars: Bars, others: dict[str, Bars]) -> None:
    every = expand([*SETS, *SETS_OF_SYMBOLS], symbols=[bars.symbol, OTHER])
    names = [name for name in every if parse_feature(name).input.aligned and f"_beside_{bars.symbol}" not in name]
    assert sum(f"_beside_{OTHER}" in name for name in names) == 5
    views = [name.replace("_aligned", f"{view}_aligned", 1) for view in ("_1h", "_1h_so_far") for name in names[::9]]
    assert_the_law([*names, *views], bars, others)


@pytest.mark.filterwarnings("ignore")  # of the libraries that it calls
def test_columns_of_tsfresh(market_bars: Bars) -> None:
    names = list(_tsfresh_names())
    assert len(names) > 50
    columns = ("close", "high", "open", "low")
    assert_the_law([aligned(name, columns[place % 4]) for place, name in enumerate(names)], market_bars[:3000], {}, n=4)


def _tsfresh_names() -> Iterator[str]:
    """Name a feature of each calculator that works on plain numbers, with its first parameters."""
    for calculator, settings in EfficientFCParameters().items():
        values = "".join(
            f"__{key}_" + (f'"{value}"' if isinstance(value, str) else str(value))
            for key, value in sorted((settings or [{}])[0].items())
        )
        name = f"close__{PREFIX}{calculator}{values}__window_30"
        try:
            parse_feature(name)
        except TradesieveError:
            continue  # it needs an index of times, or writes a parameter in another way
        yield name


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Feature]]:
    path = tmp_path_factory.mktemp("own") / "own_of_mirrors.py"
    path.write_text(OWN)
    with isolated_modules():
        (module,) = load_user_modules([str(path)])
        yield list(default_features(module))


def test_factors_of_a_users_own_file(own: list[Feature], bars: Bars, others: dict[str, Bars]) -> None:
    names = [aligned(feature.name, column) for feature in own for column in ("bars", "bars_1h_so_far")]
    beside = [name.replace("bars_aligned", f"bars_aligned_beside_{OTHER}") for name in names[::2]]
    assert_the_law([*names, *beside], bars, others)
