"""The factor cache reads what is kept, computes what is not, and never believes a damaged file."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from shutil import copyfile, copytree, ignore_patterns
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from tests.unwritable import as_nobody
from tradesieve.features.decisions import Decisions
from tradesieve.features.engine import code_hash, column_cache
from tradesieve.features.engine.code_hash import ENGINE, code_of, digest_of
from tradesieve.features.engine.column_cache import FactorCache
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.feature_sets import MINIMAL, STANDARD
from tradesieve.market.bars import Bars
from tradesieve.market.caches import CacheWarning

ROOT = Path(__file__).resolve().parents[3]
NAMES = (
    "close__slope__window_20", "close__trendiness__window_20", "bars__range__window_10", "clock__day_sine",
    "trade__side", "close_1h__slope__window_10", "close_of_ETH-USD__slope__window_20",
    "close_aligned__slope__window_20",
)  # fmt: skip


class Told(list[tuple[int, int, str]]):
    """What a cache told while it computed."""

    def __call__(self, *step: int | str) -> None:
        self.append(step)  # type: ignore[arg-type]

    @property
    def computed(self) -> int:
        return self[-1][1] if self else 0


@pytest.fixture
def cache(tmp_path: Path) -> FactorCache:
    return FactorCache(tmp_path / "factors", 10**9)


@pytest.fixture(scope="module")
def bars(market_bars: Bars) -> Bars:
    return market_bars[:3000]


@pytest.fixture(scope="module")
def others(bars_maker) -> dict[str, Bars]:
    return {"ETH-USD": bars_maker("ETH-USD")[:3000]}


@pytest.fixture(scope="module")
def at(bars: Bars) -> Decisions:
    random = np.random.default_rng(2)
    time = random.choice(bars.close_time, size=500)
    return Decisions(time, random.choice([-1.0, 1.0], size=500), stop=np.full(500, 1.0), target=np.full(500, 9.0))


def computed(cache: FactorCache, *given: object, **more: object) -> int:
    """Count the features that are not read."""
    told = Told()
    cache.compute(*given, on_progress=told, **more)  # type: ignore[arg-type]
    return told.computed


def test_a_second_run_reads_the_same_bits(cache, bars, at, others):
    expected = compute(bars, at, NAMES, others=others)
    for run in range(3):
        told = Told()
        made = cache.compute(bars, at, NAMES, others=others, on_progress=told)
        assert made.tobytes() == expected.tobytes()
        assert made.flags.c_contiguous
        assert told.computed == (0 if run else len(NAMES))
        assert all(0 <= done <= total for done, total, _ in told)
    turned = cache.compute(bars, at, [parse_feature(name) for name in NAMES[::-1]], others=others, on_progress=told)
    np.testing.assert_array_equal(turned, expected[:, ::-1])
    assert told.computed == 0, "names and features, in any order"


def test_one_more_feature_is_one_to_compute(cache, bars, at):
    cache.compute(bars, at, MINIMAL)
    told = Told()
    made = cache.compute(bars, at, [*MINIMAL, "close__slope__window_33"], on_progress=told)
    assert told == [(0, 1, "close__slope__window_33"), (1, 1, "")]
    np.testing.assert_array_equal(made, compute(bars, at, [*MINIMAL, "close__slope__window_33"]))


def test_only_what_follows_from_a_change_is_computed_anew(cache, bars, at, others):
    count = len(NAMES)
    assert computed(cache, bars, at, NAMES, others=others) == count
    close = bars.close.copy()
    close[7] = np.nextafter(close[7], bars.high[7] if close[7] < bars.high[7] else bars.low[7])
    assert computed(cache, replace(bars, close=close), at, NAMES, others=others) == count, "another price"
    assert computed(cache, bars[1:], at[np.flatnonzero(at.time > bars.close_time[0])], NAMES, others=others) == count
    assert computed(cache, bars, at[1:], NAMES, others=others) == count, "other decisions"
    turned = replace(at, side=-at.side)
    assert computed(cache, bars, turned, NAMES, others=others) == 2, "of the side, trade__side and what is aligned"
    assert computed(cache, bars, at, NAMES, others={"ETH-USD": others["ETH-USD"][1:]}) == 1, "of another symbol's bars"
    assert computed(cache, bars, at, NAMES, others=others) == 0, "and all of it is kept"


def test_terms_and_results_are_part_of_what_follows_from_them(cache, bars, at):
    names = ("trade__reward_to_risk", "close__slope__window_20")
    n = len(at)
    known = replace(at, stop=bars.close[0] * np.full(n, 0.5), target=bars.close[0] * np.full(n, 2.0))
    assert computed(cache, bars, known, names) == 2
    assert computed(cache, bars, replace(known, target=known.target * 2.0), names) == 1
    results = Decisions(
        at.time, results=np.arange(9.0), first_result=np.zeros(n, np.int64), end_result=np.full(n, 9, np.int64)
    )
    feature = "results__mean_result__window_5"
    assert computed(cache, bars, results, [feature]) == 1
    assert computed(cache, bars, replace(results, end_result=np.full(n, 8, np.int64)), [feature]) == 1
    assert computed(cache, bars, replace(results, results=-np.arange(9.0)), [feature]) == 1
    assert computed(cache, bars, results, [feature]) == 0


def test_without_decisions_nothing_is_kept(cache, bars):
    assert cache.compute(bars, np.empty(0, np.int64), MINIMAL[:3]).shape == (0, 3)
    assert not cache.folder.exists()


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "longer", "another column", "a folder"])
def test_a_damaged_file_is_computed_again(cache, bars, at, damage):
    names = MINIMAL[:3]
    good = cache.compute(bars, at, names)
    path, other, _ = sorted(cache.folder.rglob("*.npy"))
    whole = path.read_bytes()
    if damage == "a folder":
        path.unlink()
        path.mkdir()
        (path / "file").touch()
    else:
        path.write_bytes({
            "empty": b"", "cut": whole[: len(whole) // 2], "text": b"hello", "longer": whole + b"1",
            "another column": other.read_bytes()[:-1] + b"?",
        }[damage])  # fmt: skip
    if damage == "a folder":
        with pytest.warns(CacheWarning, match="factors cannot be used"):
            assert cache.compute(bars, at, names).tobytes() == good.tobytes()
        return
    told = Told()
    assert cache.compute(bars, at, names, on_progress=told).tobytes() == good.tobytes()
    assert told.computed == 1
    assert path.read_bytes() == whole, "and is whole afterwards"


def test_a_cache_that_cannot_be_used_changes_no_value(tmp_path, cache, bars, at):
    good = cache.compute(bars, at, MINIMAL[:4])
    (tmp_path / "file").touch()
    blocked = FactorCache(tmp_path / "file", 10**9)
    with pytest.warns(CacheWarning, match=f"the cache {tmp_path}/file cannot be used: a file is where"):
        assert blocked.compute(bars, at, MINIMAL[:4]).tobytes() == good.tobytes()


def test_a_read_only_cache_is_read(bars, at):
    with TemporaryDirectory() as name:
        cache = FactorCache(Path(name) / "factors", 10**9)
        Path(name).chmod(0o755)
        good = cache.compute(bars, at, MINIMAL[:4])
        folders = [cache.folder, *(path for path in cache.folder.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        try:
            with as_nobody():
                assert computed(cache, bars, at, MINIMAL[:4]) == 0
                with pytest.warns(CacheWarning, match="factors cannot be used: Permission denied"):
                    more = cache.compute(bars, at, MINIMAL[:6])
        finally:
            for folder in folders:
                folder.chmod(0o755)
    assert more[:, :4].tobytes() == good.tobytes()


def test_no_flipped_bit_is_read_as_another_number(cache, bars, at):
    good = cache.compute(bars, at, MINIMAL[:1])
    (path,) = cache.folder.rglob("*.npy")
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for place in [*range(128), *random.integers(0, len(whole), 100), len(whole) - 1]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << int(random.integers(8)))]) + whole[place + 1 :])
        assert cache.compute(bars, at, MINIMAL[:1]).tobytes() == good.tobytes()
        assert path.read_bytes() == whole


def test_numpy_reads_a_kept_column(cache, bars, at):
    made = cache.compute(bars, at, MINIMAL[:1])
    (path,) = cache.folder.rglob("*.npy")
    np.testing.assert_array_equal(np.load(path), made[:, 0])


def test_its_size_is_bounded_and_what_was_used_last_stays(tmp_path, bars, at):
    size = 128 + 500 * 8 + 32
    cache = FactorCache(tmp_path / "factors", 5 * size)
    cache.compute(bars, at, MINIMAL[:4])
    for path in cache.folder.rglob("*.npy"):
        os.utime(path, (1, 1))
    assert computed(cache, bars, at, MINIMAL[:2]) == 0
    assert computed(cache, bars, at, [*MINIMAL[:2], *MINIMAL[4:7]]) == 3
    assert len(list(cache.folder.rglob("*.npy"))) == 5
    assert computed(cache, bars, at, MINIMAL[:2]) == 0
    assert computed(cache, bars, at, MINIMAL[2:4]) == 2, "the others went"
    nothing = FactorCache(tmp_path / "none", 0)
    np.testing.assert_array_equal(nothing.compute(bars, at, MINIMAL[:2]), cache.compute(bars, at, MINIMAL[:2]))
    assert not list(nothing.folder.rglob("*.npy"))


def test_what_is_computed_is_kept_as_it_goes(cache, bars, at, monkeypatch):
    monkeypatch.setattr(column_cache, "_BATCH", 2)

    def stop(done: int, total: int, name: str) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.compute(bars, at, MINIMAL, on_progress=stop)
    assert computed(cache, bars, at, MINIMAL) == len(MINIMAL) - 4


PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from tradesieve.features.engine.column_cache import FactorCache
from tradesieve.features.feature_sets import WIDE
from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import parse_timeframe
hour = parse_timeframe("1h")
time = np.arange(1, 20_001) * hour.duration
bars = Bars("X", hour, time, *[np.ones(len(time))] * 5)
names = [name for name in WIDE if name.startswith("clock")]  # they need no compiler, which takes long to wake up
order = np.random.default_rng(int(sys.argv[2])).permutation(len(names))
at = time[600::2]
print("ready", flush=True)
for _ in range(int(sys.argv[3])):
    X = FactorCache(Path(sys.argv[1]), int(sys.argv[4])).compute(bars, at, [names[i] for i in order])
    print(X[:, np.argsort(order)].tobytes().__hash__(), flush=True)
"""


def process(folder: Path, seed: int, *, runs: int, limit: int) -> subprocess.Popen[str]:
    arguments = [str(folder), str(seed), str(runs), str(limit)]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "0"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_processes_share_a_cache_while_it_is_pruned_and_one_is_killed(tmp_path):
    running = [process(tmp_path, seed, runs=20, limit=10**9 if seed else 300_000) for seed in range(3)]
    killed = process(tmp_path, 9, runs=100, limit=10**9)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "ready\n"
    time.sleep(0.3)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    said = [one.communicate(timeout=100)[0].split() for one in running]
    assert [one.returncode for one in running] == [0, 0, 0]
    assert [lines[0] for lines in said] == ["ready"] * 3
    assert len({line for lines in said for line in lines[1:]}) == 1, "all of them always have the same values"


CODES = """
import json
from tradesieve.features.engine.code_hash import code_of
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.feature_sets import WIDE
names = [name for name in WIDE if "tsfresh" not in name]
names += ["clock__since_open__session_XNYS", "clock__to_close__session_0930_Europe.London"]
print(json.dumps({name: code_of(parse_feature(name)) for name in names}))
"""


def codes(folder: Path) -> dict[str, str]:
    # Without bytecode: a file that is changed twice in a second, at equal length, would be read as it was before.
    command = [sys.executable, "-B", "-c", CODES]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_changed_kernel_is_other_code_and_the_others_are_not(tmp_path):
    for room in ("features", "market"):
        copytree(ROOT / room, tmp_path / "tradesieve" / room, ignore=ignore_patterns("__pycache__"))
    copyfile(ROOT / "tradesieve" / "__init__.py", tmp_path / "tradesieve" / "__init__.py")
    first = codes(tmp_path)
    assert first == {name: code_of(parse_feature(name)) for name in first}, "wherever it lies, in any process"

    def changed(file: str, old: str, new: str, *, room: str = "features") -> set[str]:
        path = tmp_path / "tradesieve" / room / file
        source = path.read_text()
        assert source.count(old) == 1, (file, old)
        path.write_text(source.replace(old, new))
        now = codes(tmp_path)
        path.write_text(source)
        return {parse_feature(name).factor.name for name in first if now[name] != first[name]}

    docstring = FACTORS["slope"].formula
    assert changed("families/trend.py", docstring, docstring + " So it is.") == set(), "no code"
    a_kernel = "/ highest_nb(high[start:stop]) - 1.0"
    assert changed("families/day.py", a_kernel, a_kernel.replace("1.0", "2.0")) == {"from_last_day_high"}
    last_day = {name for name in FACTORS if "last_day" in name}
    a_lookback = "return lambda values, timeframe: n * timeframe.bars_in(duration) + 1"
    assert changed("families/lookbacks.py", a_lookback, a_lookback.replace("+ 1", "+ 2")) >= last_day
    shift = "return (time - 1 + shift)"
    what_it_calls = changed("families/calendar_kernels.py", shift, shift.replace("1", "2"))
    assert what_it_calls >= last_day
    assert "slope" not in what_it_calls
    of_markets = {"since_open", "to_close"}
    hours = "begin = int(np.searchsorted(whole.close_time, start_time"
    assert (
        changed("calendars/exchanges.py", hours, hours.replace("begin =", "begin = 0 +"), room="market") == of_markets
    )
    rolls = "rolls = local.tz_convert"
    assert changed("calendars/sessions.py", rolls, rolls.replace("=", "= (local) and"), room="market") == of_markets
    assert len(changed("engine/compute.py", "np.isfinite(matrix)", "np.isfinite( matrix)")) == len(
        {parse_feature(name).factor for name in first}
    ), "all go through the engine"


def test_the_engine_is_all_that_every_value_goes_through():
    """Whatever the engine imports from its room is named there, unless it only reads names."""
    found: set[str] = set()
    waiting = {"engine/compute.py"}
    while waiting - found:
        name = (waiting - found).pop()
        found.add(name)
        source = (ROOT / "features" / name).read_text()
        imported = re.findall(r"^(?: {4})?from tradesieve\.features\.([\w.]+) import", source, flags=re.MULTILINE)
        named = {module.replace(".", "/") + ".py" for module in imported}
        waiting |= named - {"engine/code_hash.py", "feature_names.py", "requirements.py", "user_modules.py"}
    assert found == set(ENGINE)


def test_a_library_that_is_imported_when_a_function_runs_is_part_of_it(monkeypatch):
    features = [parse_feature(f"clock__since_open__session_{market}") for market in ("XNYS", "1700_Europe.London")]
    before = [code_of(feature) for feature in (*features, parse_feature("clock__day_sine"))]
    known = code_hash._version
    monkeypatch.setattr(
        code_hash, "_version", lambda library: "0" if library == "exchange_calendars" else known(library)
    )
    after = [code_of(feature) for feature in (*features, parse_feature("clock__day_sine"))]
    assert [one != other for one, other in zip(before, after, strict=True)] == [True, True, False]


def test_constants_closures_and_arrays_are_part_of_a_function():
    def made(constant: object, table: np.ndarray):
        def kernel(values):
            """Say something."""
            return values[-1] * constant + table[0]

        return kernel

    one = digest_of(made(1.0, np.zeros(3)))
    assert one == digest_of(made(1.0, np.zeros(3)))
    assert len({one, digest_of(made(2.0, np.zeros(3))), digest_of(made(1.0, np.ones(3)))}) == 3
    assert digest_of(np.sort) != digest_of(np.sum)
    assert len({code_of(parse_feature(name)) for name in STANDARD}) > 30
