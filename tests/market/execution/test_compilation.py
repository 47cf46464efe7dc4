"""Cached machine code does not outlive the code it was compiled from, in whatever file that is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tradesieve.market.execution import compilation

DRAWER = Path(compilation.__file__).parent
ROOT = Path(__file__).resolve().parents[3]
# What leaves a position is priced by `market_price_nb`, which is in another file.
REDUCE = """
import numpy as np
from tradesieve.market.execution.records import BAR, POSITION, TERMS
from tradesieve.market.execution.accounting import reduce_nb
position = np.zeros(1, POSITION)[0]
position["side"] = 1.0
reduce_nb(position, 1.0, 100.0, False, np.zeros(1, BAR)[0], np.zeros(1, TERMS)[0])
print(position["exit_value"], sum(reduce_nb.stats.cache_hits.values()))
"""


def reduce(folder: Path) -> list[str]:
    """Run the package that was copied to a folder; return the value of the exit, and 1 if it was compiled before."""
    run = subprocess.run([sys.executable, "-c", REDUCE], cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.split()


def test_a_change_in_another_file_is_run(tmp_path):
    shutil.copytree(ROOT / "tradesieve", tmp_path / "tradesieve", ignore=shutil.ignore_patterns("__pycache__"))
    assert reduce(tmp_path) == ["100.0", "0"], "compiled"
    assert reduce(tmp_path) == ["100.0", "1"], "kept"
    source = tmp_path / "tradesieve" / "market" / "execution" / "fill_prices.py"
    before = source.read_text()
    source.write_text(before.replace("price = reference * (1.0 +", "price = 2.0 * reference * (1.0 +"))
    assert reduce(tmp_path) == ["200.0", "0"], "compiled anew"
    source.write_text(before)
    assert reduce(tmp_path) == ["100.0", "1"], "what is as it was is kept"


def test_every_file_with_kernels_of_the_fill_rule_is_watched():
    line = "from tradesieve.market.execution.compilation import kernel"
    found = {path.name for path in DRAWER.glob("*.py") if line in path.read_text()}
    assert found | {"records.py"} <= {path.name for path in compilation.FILES}
