"""Machine code that is kept: it does not outlive the code it was made from, in whatever file that stands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tradesieve.market.execution import compilation

DRAWER = Path(compilation.__file__).parent
ROOT = Path(__file__).resolve().parents[3]
# What leaves a position is priced by `market_price_nb`, which stands in another file.
LEAVE = """
import numpy as np
from tradesieve.market.execution.records import POSITION, TERMS
from tradesieve.market.execution.accounting import leave_nb
held = np.zeros(1, POSITION)[0]
held["side"] = 1.0
leave_nb(held, 1.0, 100.0, False, 0, 0.0, np.zeros(1, TERMS)[0])
print(held["exit_value"], sum(leave_nb.stats.cache_hits.values()))
"""


def leave(folder: Path) -> list[str]:
    """Run the package that was copied to a folder; say for what it leaves, and whether it was compiled before."""
    run = subprocess.run([sys.executable, "-c", LEAVE], cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.split()


def test_a_change_in_another_file_is_run(tmp_path):
    shutil.copytree(ROOT / "tradesieve", tmp_path / "tradesieve", ignore=shutil.ignore_patterns("__pycache__"))
    assert leave(tmp_path) == ["100.0", "0"], "compiled"
    assert leave(tmp_path) == ["100.0", "1"], "kept"
    orders = tmp_path / "tradesieve" / "market" / "execution" / "records.py"
    before = orders.read_text()
    orders.write_text(before.replace("price = reference * (1.0 +", "price = 2.0 * reference * (1.0 +"))
    assert leave(tmp_path) == ["200.0", "0"], "compiled anew"
    orders.write_text(before)
    assert leave(tmp_path) == ["100.0", "1"], "what is as it was is kept"


def test_every_file_with_kernels_of_the_fill_rule_is_watched():
    line = "from tradesieve.market.execution.compilation import kernel"
    found = {path.name for path in DRAWER.glob("*.py") if line in path.read_text()}
    assert found == set(compilation.FILES)
