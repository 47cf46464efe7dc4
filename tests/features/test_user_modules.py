"""Factors of one's own: written, loaded, loaded again when they change, and refused in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tradesieve import factor
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_names import parse_feature, parse_features
from tradesieve.features.invariants.features import check_features
from tradesieve.features.requirements import requirements_of
from tradesieve.features.user_modules import default_features, isolated_modules, load_user_modules
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import parse_timeframe

GOOD = '''
"""Two factors."""

import numpy as np

from tradesieve import factor


@factor
def closing_strength(bars, window=30):
    """Average where each bar closes between its low and its high."""
    return np.mean((bars.close - bars.low) / (bars.high - bars.low))


@factor(of="column", lookback=lambda window, lag: window + lag)
def lagged(values, window=10, lag=2):
    """Divide the last value by the mean of the window before the lag."""
    return values[-1] / values[:window].mean()


@factor(of="frame")
def distance(frame, window, scale=0.5):
    """Stand above the mean."""
    return scale * (frame["close"] / frame["close"].rolling(window).mean() - 1)
'''


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    modules = set(sys.modules)
    with isolated_modules():
        yield
    for name in set(sys.modules) - modules:
        if "factors" in name or name in ("shapes", "features", "models"):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, source: str, name: str = "my_factors.py") -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(source)
    return name


@pytest.mark.parametrize("given", ["my_factors.py", "./my_factors.py", "my_factors"])
def test_a_module_is_found_by_path_and_by_name(folder, given, market_bars):
    write(folder, GOOD)
    (module,) = load_user_modules([given])
    assert (module.name, module.factors) == ("my_factors", ("closing_strength", "lagged", "distance"))
    assert [name for name, version in module.libraries] == ["numpy"]
    assert [feature.name for feature in default_features(module)] == [
        "bars__closing_strength__window_30", "close__lagged__window_10__lag_2", "bars__distance__window_20__scale_0.5",
    ]  # fmt: skip
    feature = parse_feature("volume__lagged__window_5__lag_3")
    assert (feature.lookback(market_bars.timeframe), feature.factor.module, feature.factor.family) == (
        8, module, "my_factors",
    )  # fmt: skip
    assert feature.factor.formula == "Divide the last value by the mean of the window before the lag."


def test_values_are_those_of_the_windows(folder, market_bars):
    write(folder, GOOD)
    load_user_modules(["my_factors"])
    names = [
        "bars__closing_strength__window_30",
        "close__lagged__window_10__lag_2",
        "bars__distance__window_20__scale_0.5",
    ]
    at = market_bars.close_time[[5, 29, 700, 699]]
    made = compute(market_bars, at, [*names, "close__slope__window_20"])
    assert np.isnan(made[0]).all()
    high, low, close = market_bars.high, market_bars.low, market_bars.close
    shape = (close - low) / (high - low)
    assert made[1:, 0].tolist() == [shape[row - 29 : row + 1].mean() for row in (29, 700, 699)]
    assert made[1:, 1].tolist() == [close[row] / close[row - 11 : row - 1].mean() for row in (29, 700, 699)]
    expected = [0.5 * (close[row] / close[row - 19 : row + 1].mean() - 1) for row in (29, 700, 699)]
    np.testing.assert_allclose(made[1:, 2], expected, rtol=1e-9)
    assert requirements_of(parse_features(names), market_bars.timeframe).bars == 30
    np.testing.assert_array_equal(
        made[:, 3], compute(market_bars, at, ["close__slope__window_20"])[:, 0], err_msg="others are as they were"
    )


def test_a_changed_module_takes_the_place_of_what_it_was(folder, market_bars):
    write(folder, GOOD)
    (first,) = load_user_modules(["my_factors.py"])
    old = parse_feature("bars__closing_strength__window_30")
    assert load_user_modules(["my_factors.py"]) == (first,)
    assert parse_feature("bars__closing_strength__window_30") == old, "what did not change is not run again"
    write(folder, GOOD.replace("bars.close - bars.low", "bars.high - bars.close").replace("def lagged", "def behind"))
    (second,) = load_user_modules(["my_factors.py"])
    assert first.fingerprint != second.fingerprint
    new = parse_feature("bars__closing_strength__window_30")
    at = market_bars.close_time[[700]]
    one, other = compute(market_bars, at, [old])[0, 0], compute(market_bars, at, [new])[0, 0]
    assert one + other == pytest.approx(1.0), "what was read before is as it was"
    with pytest.raises(Unknown, match="'lagged'"):
        parse_feature("close__lagged__window_10__lag_2")
    assert "behind" in FACTORS


def test_modules_that_need_each_other_are_named_in_their_order(folder):
    write(folder, '"""Shapes."""\nWEIGHT = 2.0\n', "shapes.py")
    write(folder, "from shapes import WEIGHT\n" + GOOD)
    with pytest.raises(BadInput, match="imports shapes, which is a file of yours: name it in modules too, before"):
        load_user_modules(["my_factors"])
    shapes, own = load_user_modules(["shapes", "my_factors"])
    assert own.dependencies == (shapes,)
    write(folder, '"""Shapes."""\nWEIGHT = 3.0\n', "shapes.py")
    _, again = load_user_modules(["shapes", "my_factors"])
    assert again.fingerprint != own.fingerprint, "what it needs is part of what it is"
    with pytest.raises(BadInput, match="shapes defines no factor"):
        load_user_modules(["shapes"])


def test_a_dotted_name_lies_in_folders(folder):
    write(folder, GOOD, "mine/about/my_factors.py")
    (module,) = load_user_modules(["mine.about.my_factors"])
    assert parse_feature("bars__closing_strength__window_30").factor.module is module


FAULTS = {
    "no file": (None, "file not found"),
    "no Python": ("def (", "is not valid Python"),
    "fails": ("x = 1\ny = x / 0\n", "my_factors.py, line 2: ZeroDivisionError: division by zero"),
    "relative import": ("from . import other\n", "write imports without leading dots"),
    "no factor": ('"""Nothing."""\n', "defines no factor"),
    "missing library": ("import no_such_library\n", "No module named 'no_such_library'"),
    "taken name": (GOOD.replace("def lagged", "def slope"), "factor 'slope' exists already, in trend"),
    "twice": (GOOD + GOOD.partition("import factor\n\n\n")[2], "factor 'closing_strength' exists already"),
    "no docstring": (GOOD.replace('"""Stand above the mean."""', "..."), "distance has no docstring"),
    "bad name": (GOOD.replace("def lagged", "def Lagged"), "not 'Lagged'"),
    "bad parameter": (GOOD.replace("lag=2", "lag2=2"), "not 'lag2'"),
    "text parameter": (GOOD.replace("lag=2", "lag='a'"), "parameters are numbers"),
    "no such parameter": (GOOD.replace("lambda window, lag:", "lambda window, legs:"), "has no parameter 'legs'"),
    "no window": (GOOD.replace("window, scale", "scale"), "has no parameter 'window'; say how many bars"),
    "star": (GOOD.replace("frame, window", "frame, *window"), "without \\* or \\*\\*"),
}


FORMER_IMPORTS = {
    "former path": "from features.user_factors import window_factor\n",
    "former path of a module": "import features.user_factors as own\n",
    "former decorator": "from tradesieve.features.user_factors import Window, frame_factor\n",
}


@pytest.mark.parametrize("source", FORMER_IMPORTS.values(), ids=list(FORMER_IMPORTS))
def test_a_former_import_names_the_new_line(folder, source):
    write(folder, source + GOOD)
    with pytest.raises(BadInput, match=r"my_factors\.py imports .*: write `from tradesieve import factor`"):
        load_user_modules(["my_factors"])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_module_is_refused_and_leaves_nothing(folder, fault):
    source, message = FAULTS[fault]
    before = dict(FACTORS)
    if source is not None:
        write(folder, source)
    with pytest.raises(BadInput, match=message):
        load_user_modules(["my_factors.py"])
    assert before == FACTORS or fault == "no factor"


def test_a_module_that_broke_leaves_what_it_was(folder):
    write(folder, GOOD)
    (module,) = load_user_modules(["my_factors"])
    write(folder, GOOD + "\n1 / 0\n")
    with pytest.raises(BadInput, match="division by zero"):
        load_user_modules(["my_factors"])
    assert parse_feature("bars__closing_strength__window_30").factor.module == module
    assert sys.modules["my_factors"].closing_strength


@pytest.mark.parametrize("name", ["numpy.py", "tradesieve.py", "json.py"])
def test_a_file_may_not_hide_another_module(folder, name):
    write(folder, GOOD, name)
    with pytest.raises(BadInput, match="is the name of another Python module"):
        load_user_modules([name])


@pytest.mark.parametrize(("first", "second"), [("features", "models"), ("models", "features")])
def test_files_may_have_the_names_of_our_rooms(folder, market_bars, first, second):
    write(folder, '"""Shapes."""\nWEIGHT = 2.0\n', f"{first}.py")
    write(folder, f"from {first} import WEIGHT\n" + GOOD.replace("scale *", "WEIGHT * scale *"), f"{second}.py")
    shapes, own = load_user_modules([f"{first}.py", second])
    assert (own.name, own.dependencies) == (second, (shapes,))
    at, names = market_bars.close_time[100:5000:7], [feature.name for feature in default_features(own)]
    assert check_features(market_bars[:5000], at, names, seed=1) == []
    mean = market_bars.close[81:101].mean()
    found = compute(market_bars, at[:1], names[-1:])[0, 0]
    np.testing.assert_allclose(found, 2.0 * 0.5 * (market_bars.close[100] / mean - 1), rtol=1e-9)


def test_two_files_of_one_name_are_told_apart_by_a_refusal(folder):
    write(folder, GOOD, "a/my_factors.py")
    write(folder, GOOD, "b/my_factors.py")
    with pytest.raises(BadInput, match="two modules are called my_factors"):
        load_user_modules(["a/my_factors.py", "b/my_factors.py"])


@pytest.mark.parametrize("given", ["my-factors", "", "a..b"])
def test_what_is_no_name_is_said(folder, given):
    with pytest.raises(BadInput, match=r"neither a path that ends in \.py nor a module's name"):
        load_user_modules([given])
    with pytest.raises(BadInput, match="nowhere not found"):
        load_user_modules(["nowhere"])


def test_a_factor_that_fails_says_where_and_when(market_bars):
    @factor
    def failing(bars, window=20):
        """Fail."""
        return {}["x"]

    @factor
    def many(bars, window=20):
        """Return the window."""
        return bars.close

    @factor(of="frame")
    def short(frame, window=20):
        """Return fewer values than there are rows."""
        return frame["close"].dropna()[5:]

    @factor(of="column", lookback=0)
    def nothing(values):
        """Need nothing."""
        return 1.0

    at = market_bars.close_time[[100]]
    for name, message in {
        "bars__failing__window_20": r"modules.py, line \d+: failing fails at 2023-01-01T08:25:00Z: KeyError: 'x'",
        "bars__many__window_20": "many returned ndarray, but has to return one number",
        "bars__short__window_20": "short returned values of shape \\(15,\\) for 20 bars",
        "close__nothing": "its lookback is 0",
    }.items():
        with pytest.raises(BadInput, match=message):
            compute(market_bars, at, [name])


def test_infinite_and_missing_values_are_nan(market_bars):
    @factor
    def infinite(bars, window=2):
        """Divide by nothing."""
        return np.float64(1.0) / (bars.close[-1] - bars.close[-1])

    assert np.isnan(compute(market_bars, market_bars.close_time[[100]], ["bars__infinite__window_2"])).all()


def test_state_that_stays_from_the_first_call_is_caught(folder, market_bars):
    write(folder, '''
from tradesieve import factor

SCALE = []


@factor(of="frame")
def scaled(frame, window=20):
    """Scale by what the first frame was like."""
    if not SCALE:
        SCALE.append(frame["close"].std())
    return frame["close"].diff() / SCALE[0]
''')  # fmt: skip
    load_user_modules(["my_factors"])
    before = dict(FACTORS)
    at = market_bars.close_time[100:5000:7]
    (found,) = check_features(market_bars[:5000], at, ["bars__scaled__window_20"], seed=1)
    assert found.invariant == "purity"
    assert before == FACTORS, "the module that was run beside it is gone"


def test_a_lookback_may_follow_from_the_timeframe(market_bars):
    @factor(lookback=lambda timeframe, days: days * timeframe.bars_in(86_400_000_000_000))
    def over_days(bars, days=2):
        """Range over days."""
        return bars.high.max() - bars.low.min()

    feature = parse_feature("bars__over_days__days_3")
    assert feature.lookback(market_bars.timeframe) == 3 * 288
    assert feature.lookback(parse_timeframe("1h")) == 72
