"""Bars written in every shape and imported are the same bars."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.market.sources.shapes.shape import Shape
from tests.market.sources.shapes.written_shapes import SHAPES
from tradesieve.market.bars import VALUES
from tradesieve.market.sources.formats.archives import read_head
from tradesieve.market.sources.reading import VENDORS
from tradesieve.market.sources.vendors.base import ReadOptions
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data import data

MINUTE = parse_timeframe("1m")
BARS = SyntheticMarket(n_days=1, timeframe=MINUTE).generate("BTC-USD")[0][:200]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bars_written_in_a_shape_are_imported_as_they_were(tmp_path: Path, monkeypatch, shape: Shape):
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    path = tmp_path / shape.file_name
    path.write_bytes(shape.write(BARS))
    symbol = () if shape.names_symbol else ("--symbol", "BTC-USD")
    arguments = ["import", str(path), "--timeframe", "1m", "--json", *symbol, *shape.options]
    imported = CliRunner().invoke(data, arguments)
    assert imported.exit_code == 0, imported.exception
    answer = json.loads(imported.stdout)
    stored = BarStore(tmp_path / "home" / "bars").load(answer["symbol"], MINUTE)
    assert stored.close_time.tolist() == BARS.close_time.tolist()
    for name in VALUES:
        written = getattr(BARS, name) if name in shape.carries else np.zeros(len(BARS))
        assert getattr(stored, name).tolist() == written.tolist(), name


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_vendor_at_most_recognises_a_shape(tmp_path: Path, shape: Shape):
    path = tmp_path / shape.file_name
    path.write_bytes(shape.write(BARS))
    head, name = read_head(path)
    assert sum(vendor.recognises(head, name) for vendor in VENDORS) <= 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_which_end_is_stamped_is_known_of_a_vendor_or_said(tmp_path: Path, shape: Shape):
    path = tmp_path / shape.file_name
    path.write_bytes(shape.write(BARS))
    head, name = read_head(path)
    vendor = next((vendor for vendor in VENDORS if vendor.recognises(head, name)), None)
    if vendor is not None:
        assert vendor.read(path, ReadOptions(MINUTE)).stamps.meaning == shape.stamped
