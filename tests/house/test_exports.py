"""Names that are promised exist, every module says what it is, and the tests have names of their own."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("market", "features", "strategies", "models", "serving", "trading", "pipelines")
ASLEEP = ("tradesieve.serving.service", "tradesieve.pipelines.flows")
"""Modules that take seconds to import; their own tests import them."""
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def name_of(path: Path) -> str:
    return ".".join(("tradesieve", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


@pytest.mark.parametrize("name", [name for name in map(name_of, FILES) if name not in ASLEEP])
def test_exported_names_exist(name: str) -> None:
    """A name in `__all__` is an attribute, or a module of the package."""
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    missing = [one for one in exported if not hasattr(module, one)]
    assert [one for one in missing if not importlib.util.find_spec(f"{name}.{one}")] == []
    assert len(set(exported)) == len(exported)


def test_public_names_are_those_that_type_checkers_see() -> None:
    import tradesieve

    tree = ast.parse((ROOT / "tradesieve" / "__init__.py").read_text(encoding="utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = (node for node in typed.body if isinstance(node, ast.ImportFrom))
    seen = {alias.asname: (node.module, alias.name) for node in imported for alias in node.names}
    assert sorted(seen) == sorted(tradesieve.__all__)
    assert set(tradesieve.__all__) <= set(dir(tradesieve))
    for name, (module, inside) in seen.items():
        assert getattr(tradesieve, name) is getattr(importlib.import_module(str(module)), inside)
    with pytest.raises(AttributeError, match="module 'tradesieve' has no attribute 'features_of'"):
        _ = tradesieve.features_of


def test_every_module_has_a_docstring() -> None:
    assert [name_of(path) for path in FILES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []


def test_what_a_room_says_of_itself_is_short() -> None:
    for room in ROOMS:
        said = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8")))
        assert said
        assert len(said.splitlines()) <= 4, room


def test_every_public_name_is_explained() -> None:
    """Functions and classes at the head of a module, kernels too."""
    silent = []
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                silent.append(f"{name_of(path)}.{node.name}")
    assert silent == []


def test_tests_have_names_of_their_own() -> None:
    """They are imported by their path, and a report names them by their file."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
    assert list((ROOT / "tests").rglob("__init__.py")) == []
