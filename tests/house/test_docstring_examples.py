"""The examples in docstrings run, and say what they print."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

ROOMS = ("market", "features", "strategies", "models")


def modules() -> list[str]:
    names = []
    for room in ROOMS:
        package = importlib.import_module(f"tradesieve.{room}")
        names += [found.name for found in pkgutil.walk_packages(package.__path__, f"tradesieve.{room}.")]
    return names


def test_the_main_functions_of_each_room_have_an_example():
    shown = {
        "tradesieve.market.resampling",
        "tradesieve.market.synthetic",
        "tradesieve.market.timeframes",
        "tradesieve.features.engine.compute",
        "tradesieve.strategies.registry",
    }
    for name in shown | {"tradesieve.strategies.backtest.simulator"}:
        finder = doctest.DocTestFinder(exclude_empty=True)
        assert any(test.examples for test in finder.find(importlib.import_module(name))), name


@pytest.mark.parametrize("name", modules())
def test_examples_run(name):
    module: ModuleType = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
