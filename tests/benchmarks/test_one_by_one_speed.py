"""How long a search for every strategy instance by itself takes, trained and evaluated, and how much memory.

The limit is for a thousand instances. `TRADESIEVE_BENCH_INSTANCES` names fewer, which are extrapolated: what is there
once, such as imports and workers, then counts for many times what it takes. Judged is the clock, or on a busy machine
the time of the processor over its cores, if that is less.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

N_GOAL, GOAL_SECONDS, GOAL_BYTES = 1000, 600.0, 2.0 * 10**9
N_INSTANCES = int(os.environ.get("TRADESIEVE_BENCH_INSTANCES") or N_GOAL)
N_STRATEGIES = 25

_PROGRAM = """
import json, os, resource, sys, time
from joblib.externals.loky import get_reusable_executor
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.one_by_one import evaluate_one_by_one, train_one_by_one
from tradesieve.pipelines.settings import read_settings

n_symbols, n_strategies = int(sys.argv[1]), int(sys.argv[2])
settings, symbols = read_settings(), tuple(f"S{number:03}" for number in range(n_symbols))
market = SyntheticMarket(edge=0.15, n_days=240, timeframe=parse_timeframe("15m"))
for symbol in symbols:
    settings.bars.append(market.generate(symbol)[0])
windows = "|".join(str(10 + 2 * number) for number in range(n_strategies))
experiment = Experiment(symbols, ("15m",), (f"volatility_breakout(window={windows},multiple=1.4)",), None)
clocks, began = {}, time.perf_counter()
trained = train_one_by_one(experiment, settings)
clocks["train"] = time.perf_counter() - began
evaluated = evaluate_one_by_one(settings)[1]
clocks["evaluate"] = time.perf_counter() - began - clocks["train"]
get_reusable_executor().shutdown(wait=True)
own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
trades = sum(row["baseline_n_trades"] for row in trained["by_instance"])
print(json.dumps({
    **clocks,
    "processor": own.ru_utime + workers.ru_utime,
    "memory": 1024 * (own.ru_maxrss + os.cpu_count() * workers.ru_maxrss),
    "n_instances": trained["n_instances"], "n_trained": trained["n_trained"], "failed": len(trained["failed"]),
    "n_evaluated": evaluated["n_trained"], "trades": trades / trained["n_trained"],
}))
"""


def test_a_thousand_instances_are_trained_and_evaluated_in_ten_minutes(tmp_path: Path) -> None:
    n_symbols = max(1, round(N_INSTANCES / N_STRATEGIES))
    command = [sys.executable, "-c", _PROGRAM, str(n_symbols), str(min(N_INSTANCES, N_STRATEGIES))]
    environment = os.environ | {"TRADESIEVE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        pytest.fail(done.stderr[-2000:])
    found = json.loads(done.stdout)
    times, n_cores = N_GOAL / found["n_instances"], os.cpu_count() or 1
    clock, processor = times * (found["train"] + found["evaluate"]), times * found["processor"] / n_cores
    print(
        f"\n{found['n_instances']} instances of {found['trades']:.0f} trades in development, {found['n_trained']} with "
        f"a filter, {found['failed']} failed: trained in {found['train']:.0f} s, evaluated in "
        f"{found['evaluate']:.0f} s, {found['processor']:.0f} s of the processor, {found['memory'] / 1e9:.2f} GB\n"
        f"{N_GOAL} instances: {clock:.0f} s by the clock, {processor:.0f} s of {n_cores} cores"
        f"{' (extrapolated)' if times != 1.0 else ''}; the limits are {GOAL_SECONDS:.0f} s and "
        f"{GOAL_BYTES / 1e9:.0f} GB"
    )
    assert found["n_evaluated"] == found["n_trained"] > 0
    assert min(clock, processor) <= GOAL_SECONDS
    assert found["memory"] <= GOAL_BYTES
