"""How long a thousand instances over a year of minute bars take, signals included, written to Parquet."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.registry import RULES, parse_strategy

N_DAYS = 365  # 525,600 one-minute bars
N_INSTANCES = 1000
GOAL_SECONDS, GOAL_BYTES = 60.0, 2 * 2**30

_RUN = """
import sys
from pathlib import Path
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.experiment_files import experiment_from_yaml
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.trade_export import write_trade_set
settings = read_settings()
write_trade_set(load_chunks(experiment_from_yaml(Path(sys.argv[1])), settings), settings, Path(sys.argv[2]))
"""


def test_a_thousand_instances(tmp_path: Path) -> None:
    from tradesieve.pipelines.experiment import Experiment
    from tradesieve.pipelines.settings import Settings

    home = tmp_path / "home"
    settings = Settings(home, "", "tradesieve", "tradesieve", "127.0.0.1", 5000)
    bars = SyntheticMarket(n_days=N_DAYS, timeframe=parse_timeframe("1m"), seed=7).generate("BTC-USD")[0]
    settings.bars.append(bars)
    trailing = [f"{name}+trailing(ranges={ranges})" for ranges in (3, 6) for name in RULES]
    experiment = Experiment(
        ("BTC-USD",), timeframes=("1m",), strategies=(*RULES, *trailing), num_strategies=N_INSTANCES
    )
    config, output = tmp_path / "experiment.yaml", tmp_path / "trades"
    config.write_text(experiment.to_yaml())
    for strategy in {item.name: item for item in experiment.chosen_strategies()}.values():
        simulate(strategy, bars[:5000], experiment.instrument("BTC-USD"))  # compiled before it is timed
    started = time.perf_counter()
    command = [sys.executable, "-c", _RUN, str(config), str(output)]
    root = Path(__file__).resolve().parents[2]
    run = subprocess.Popen(command, cwd=root, env={"TRADESIEVE_HOME": str(home), "PATH": "/usr/bin:/bin"})
    # Of this process and its own workers alone: RUSAGE_CHILDREN would count other benchmarks of the session too.
    _, status, usage = os.wait4(run.pid, 0)
    seconds = time.perf_counter() - started
    assert status == 0
    processor, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024

    trades = pd.read_parquet(output, columns=["strategy", "net_return"])
    sample = parse_strategy(trades["strategy"].iloc[0])
    own = trades[trades["strategy"] == sample.id]
    expected = simulate(sample, bars, experiment.instrument("BTC-USD"))
    assert own["net_return"].tolist() == expected["net_return"].tolist(), "correct before timed"
    rate = N_INSTANCES * len(bars) / seconds
    print(
        f"\n{N_INSTANCES} instances x {len(bars):,} bars: {len(trades):,} trades in {seconds:.1f} s, process start "
        f"included, {processor:.0f} s of processor time ({rate / 1e6:.0f} million bars/s), "
        f"peak {peak / 2**30:.2f} GiB"
    )
    assert seconds <= GOAL_SECONDS
    assert peak <= GOAL_BYTES
