"""How long `data import` takes for two million rows of CSV, beside pandas on the same file, and how much memory.

Each run is a process of its own, imports of modules left out; the two take turns, and the median of each counts.
Processor time is asserted: it holds on a busy machine, and the import alone waits for the disk. The memory is the peak
of the process as Linux states it, less the peak before it read the file.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tradesieve.market.bars import COLUMNS, PRICES, Bars
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

N_ROWS, N_RUNS = 2_000_000, 7
GOAL_TIMES_PANDAS, GOAL_TIMES_FILE = 2.5, 4.0
MINUTE = parse_timeframe("1m")

_MEASURED = """
import sys, time
def peak():  # of this program alone: `ru_maxrss` counts the process that started it
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
path = sys.argv[1]
{imports}
before, processor, clock = peak(), time.process_time(), time.perf_counter()
{work}
print("\\n", time.process_time() - processor, time.perf_counter() - clock, peak() - before)
"""
PANDAS = _MEASURED.format(imports="import pandas", work="pandas.read_csv(path, parse_dates=['time'])")
IMPORT = _MEASURED.format(
    imports="""import tradesieve.market.sources.reading
from tradesieve.pipelines.commands.data import data
command = ["import", path, "--symbol", "BTC-USD", "--timeframe", "1m", "--replace", "--json"]""",
    work="data.main(command, standalone_mode=False)",
)


class Measured(NamedTuple):
    """What a program took: seconds of the processor, seconds by the clock, bytes of memory."""

    processor: float
    clock: float
    memory: float


def measure(program: str, path: Path, home: Path) -> Measured:
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"TRADESIEVE_HOME": str(home)}
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, check=True, cwd=root, env=environment, capture_output=True, text=True)
    return Measured(*map(float, done.stdout.splitlines()[-1].split()))


def write_minutes(path: Path) -> Bars:
    """Write two million minutes, with prices in cents, as CSV; return them."""
    bars = SyntheticMarket(n_days=N_ROWS // 1440 + 1, timeframe=MINUTE, seed=7).generate("BTC-USD")[0][:N_ROWS]
    values = {name: np.round(getattr(bars, name) * 100, 2) for name in PRICES}
    bars = bars.with_columns(values | {"volume": np.round(bars.volume, 3)})
    columns = {name: getattr(bars, name) for name in COLUMNS[1:]}
    pd.DataFrame({"time": pd.to_datetime(bars.open_time), **columns}).to_csv(path, index=False)
    return bars


def test_two_million_rows_are_imported(tmp_path: Path) -> None:
    path, home = tmp_path / "minutes.csv", tmp_path / "home"
    bars = write_minutes(path)
    measure(IMPORT, path, home)
    stored = BarStore(home / "bars").load("BTC-USD", MINUTE)
    for name in COLUMNS:
        assert getattr(stored, name).tobytes() == getattr(bars, name).tobytes(), name

    runs = [(measure(PANDAS, path, home), measure(IMPORT, path, home)) for _ in range(N_RUNS)]
    pandas, imported = (Measured(*map(statistics.median, zip(*each, strict=True))) for each in zip(*runs, strict=True))
    by_processor, by_clock = imported.processor / pandas.processor, imported.clock / pandas.clock
    size, peak = path.stat().st_size, max(run.memory for _, run in runs)
    print(
        f"\n{N_ROWS:,} rows, {size / 2**20:.0f} MiB of CSV: imported in {imported.processor:.2f} s of the processor, "
        f"read by pandas in {pandas.processor:.2f} s: {by_processor:.2f} times, {by_clock:.2f} times by the clock"
    )
    print(f"  peak {peak / 2**20:.0f} MiB: {peak / size:.2f} times the file")
    assert by_processor <= GOAL_TIMES_PANDAS
    assert peak <= GOAL_TIMES_FILE * size
