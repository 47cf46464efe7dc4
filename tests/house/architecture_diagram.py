"""Rebuild the diagram in ARCHITECTURE.md from the imports: `.venv/bin/python tests/house/architecture_diagram.py`.

Each room is a table of levels: what stands on a level imports only from levels above it, within the room, and from
rooms to its left. `test_architecture.py` holds the file to it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
BLOCK = re.compile(r"(?<=```text\n)market {2}.*?(?=```)", re.DOTALL)
ROOMS = ("market", "features", "strategies", "models", "serving", "trading", "pipelines")
_WIDTH = 100


@cache
def import_graph() -> grimp.ImportGraph:
    """Build the graph of imports, those within functions and for types too, less those that the contracts ignore."""
    graph = grimp.build_graph("tradesieve", exclude_type_checking_imports=False)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    for ignored in {each for contract in contracts for each in contract.get("ignore_imports", ())}:
        importer, imported = ignored.split(" -> ")
        graph.remove_import(importer=importer, imported=imported)
    return graph


def uses(room: str) -> dict[str, set[str]]:
    """List the entries of a room, modules and drawers, with the entries of the same room that each imports."""
    graph, package = import_graph(), f"tradesieve.{room}"
    found: dict[str, set[str]] = {child.removeprefix(f"{package}."): set() for child in graph.find_children(package)}
    for entry in found:
        own = f"{package}.{entry}"
        for module in {own, *graph.find_descendants(own)}:
            for imported in graph.find_modules_directly_imported_by(module):
                other = imported.removeprefix(f"{package}.").partition(".")[0]
                if imported.startswith(f"{package}.") and other != entry:
                    found[entry].add(other)
    return found


def levels(room: str) -> list[list[str]]:
    """Sort the entries of a room into levels: each as high as what it imports allows.

    Raises
    ------
    ValueError : if entries import each other in a circle.
    """
    left, found = uses(room), []
    while left:
        level = sorted(entry for entry, needed in left.items() if not needed & left.keys())
        if not level:
            raise ValueError(f"entries of {room} import each other in a circle: {', '.join(sorted(left))}")
        found.append(level)
        left = {entry: needed for entry, needed in left.items() if entry not in level}
    return found


def name_of(room: str, entry: str) -> str:
    """Write a drawer with a slash behind it."""
    return f"{entry}/" if (ROOT / room / entry).is_dir() else entry


def diagram() -> str:
    """Draw all rooms."""
    lines = []
    for room in ROOMS:
        for number, level in enumerate(levels(room)):
            head = room if number == 0 else ""
            lines.append(f"{head:<12}{number + 1}  {'  '.join(name_of(room, entry) for entry in level)}")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


if __name__ == "__main__":
    drawn = diagram()
    if ARCHITECTURE.exists():
        text = ARCHITECTURE.read_text(encoding="utf-8")
        ARCHITECTURE.write_text(BLOCK.sub(lambda _: drawn, text), encoding="utf-8")
    sys.stdout.write(drawn)
