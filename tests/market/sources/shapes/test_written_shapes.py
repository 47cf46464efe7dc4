"""Bars written in every shape and imported are the same bars."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.market.sources.shapes.seeded_bars import of_symbol
from tests.market.sources.shapes.shape import Shape
from tests.market.sources.shapes.written_shapes import SHAPES
from tradesieve.market.bars import VALUES
from tradesieve.market.sources.formats.archives import read_head
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.reading import VENDORS
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.pipelines.commands.data import data


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bars_written_in_a_shape_are_imported_as_they_were(tmp_path: Path, monkeypatch, shape: Shape):
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    path, timeframe = written(shape, tmp_path), shape.bars.timeframe
    symbol = () if shape.names_symbol else ("--symbol", "BTC-USD")
    arguments = ["import", str(path), "--timeframe", str(timeframe), "--json", *symbol, *shape.options]
    imported = CliRunner().invoke(data, arguments)
    assert imported.exit_code == 0, imported.exception
    answer = json.loads(imported.stdout)
    notes = answer["files"][0]["notes"]
    assert any(note.startswith("recognised as") or "pass --stamp close" in note for note in notes), notes
    symbols = [row.get("symbol", answer["symbol"]) for row in answer["files"]]
    assert len(symbols) == 1 or tuple(symbols) == shape.symbols
    for place, name in enumerate(symbols):
        stored = BarStore(tmp_path / "home" / "bars").load(name, timeframe)
        expected = of_symbol(shape.bars, place)
        assert stored.close_time.tolist() == expected.close_time.tolist()
        for column in VALUES:
            carried = getattr(expected, column) if column in shape.carries else np.zeros(len(expected))
            assert getattr(stored, column).tolist() == carried.tolist(), column


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_vendor_at_most_recognises_a_shape_and_knows_which_end_is_stamped(tmp_path: Path, shape: Shape):
    path = written(shape, tmp_path)
    given = dict(zip(shape.options[::2], shape.options[1::2], strict=True))
    scale = float(given.get("--price-scale", 1))
    options = ReadOptions(shape.bars.timeframe, Stamps(timezone=given.get("--timezone")), scale)
    vendors = recognised_by(path)
    assert len(vendors) <= 1
    assert all(vendor.read(path, options).stamps.meaning == shape.stamped for vendor in vendors)


def test_every_vendor_has_a_shape(tmp_path: Path):
    known = {vendor.name for shape in SHAPES for vendor in recognised_by(written(shape, tmp_path))}
    assert known == {vendor.name for vendor in VENDORS}


def written(shape: Shape, folder: Path) -> Path:
    path = folder / shape.file_name
    path.write_bytes(shape.write(shape.bars))
    return path


def recognised_by(path: Path) -> list[Vendor]:
    head, name = read_head(path)
    return [vendor for vendor in VENDORS if vendor.recognises(head, name)]
