"""Documents for contributors stay true: links lead somewhere, the diagram shows the imports, tables are complete."""

from __future__ import annotations

import itertools
import re
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.house.architecture_diagram import BLOCK, ROOMS, diagram, levels, uses
from tests.house.dependency_table import direct_dependencies, licence, purposes
from tests.house.document_blocks import PAGES
from tests.house.files_table import PAGE, TABLE
from tests.market.sources.shapes.written_shapes import shapes_as_markdown

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", *PAGES)
_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)#]+)\)")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_and_to_what_they_name(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for link in _LINK.finditer(text):
        target = link["target"]
        if "://" in target:
            continue
        assert ((ROOT / name).parent / target).exists(), f"{name} links {target}"
        named = re.fullmatch(r"`(\w+)`", link["text"])
        if named and target.endswith(".py"):
            source = (ROOT / target).read_text(encoding="utf-8")
            assert re.search(rf"^(?:def|class) {named[1]}\b", source, re.MULTILINE), f"{target} defines no {named[1]}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_in_documents_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(rf"`((?:{'|'.join((*ROOMS, 'tests'))})/[\w/.]*)`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_diagram_is_made_of_the_imports() -> None:
    shown = BLOCK.search((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert shown is not None
    assert shown[0] == diagram(), "run .venv/bin/python tests/house/architecture_diagram.py"


def test_the_diagram_shows_every_module_and_drawer_of_the_rooms() -> None:
    shown = BLOCK.search((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert shown is not None
    words = shown[0].split()
    for room in ROOMS:
        for path in (ROOT / room).iterdir():
            if path.suffix == ".py" and path.stem != "__init__":
                assert path.stem in words, path
            elif (path / "__init__.py").is_file():
                assert f"{path.name}/" in words, path


def test_a_level_imports_only_levels_above_it() -> None:
    for room in ROOMS:
        above: set[str] = set()
        for level in levels(room):
            for entry in level:
                assert uses(room)[entry] <= above, entry
            above.update(level)


def test_the_table_lists_each_direct_dependency_with_its_licence() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    known = purposes(text)
    assert list(known) == direct_dependencies(), "run .venv/bin/python tests/house/dependency_table.py"
    assert [name for name, purpose in known.items() if not purpose] == [], "what is it for?"
    for name in known:
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
        assert f"| {licence(distribution(name))} |" in row, row


def test_a_page_lists_every_shape_of_file_that_is_written_and_read() -> None:
    shown = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert shown is not None
    assert shown[0] == shapes_as_markdown(), "run .venv/bin/python -m tests.house.files_table"


def test_the_lock_file_carries_a_hash_of_every_package() -> None:
    entries = re.split(r"\n(?=\w)", (ROOT / "requirements.lock").read_text(encoding="utf-8"))
    packages = [entry for entry in entries if re.match(r"[\w.\[\]-]+==", entry)]
    assert len(packages) > 200
    assert [entry.splitlines()[0] for entry in packages if "--hash=sha256:" not in entry] == []


def test_the_table_of_the_study_is_that_of_its_results() -> None:
    head = ("market", "gate open", "fresh Sortino", "of the oracle")
    shown = _table(ROOT / "README.md", head)
    found = _table(ROOT / "tests" / "studies" / "RESULTS.md", ("market", "plan", "seeds", "gate open"))
    assert len(shown) > 10
    assert shown == [{name: row[name] for name in head} for row in found if row["plan"] == "default"]


def _table(path: Path, head: tuple[str, ...]) -> list[dict[str, str]]:
    """Read the first table whose head begins so."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if _cells(line)[: len(head)] == list(head))
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    return [dict(zip(_cells(lines[start]), _cells(row), strict=True)) for row in rows]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
