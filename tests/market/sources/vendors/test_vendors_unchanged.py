"""Files as the vendors wrote them give the same bars as they always did."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.sources.formats.layout import Layout
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import parse_timeframe

# File in shared/data/raw, timeframe, price scale, number of bars, and the hash of their columns.
AS_BEFORE = Path(__file__).with_name("vendors_unchanged.txt").read_text(encoding="utf-8").splitlines()


def hash_of(bars: Bars) -> str:
    digest = hashlib.sha256()
    for name in COLUMNS:
        digest.update(getattr(bars, name).tobytes())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize("line", AS_BEFORE, ids=lambda line: line.split()[0])
def test_a_file_gives_the_bars_that_it_gave_before(shared_data: Path, line: str):
    name, timeframe, scale, n_bars, expected = line.split()
    path = shared_data / "raw" / name
    if not path.is_file():
        pytest.skip(f"shared/data/raw/{name} is absent")
    bars, _ = read_file(
        path,
        symbol="X",
        timeframe=parse_timeframe(timeframe),
        price_scale=None if scale == "-" else float(scale),
        layout=Layout(columns={"symbol": ""}),
    )
    assert (len(bars), hash_of(bars)) == (int(n_bars), expected)
