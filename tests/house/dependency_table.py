"""Rebuild the table of dependencies in CONTRIBUTING.md: `.venv/bin/python tests/house/dependency_table.py`.

Names come from pyproject.toml, licences from the installed packages' metadata, sizes from the files on disk. What a
dependency is for is written by hand in the table and kept.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
TABLE = re.compile(r"\| dependency \|.*?(?=\n\n)", re.DOTALL)
_HEAD = """\
| dependency | what for | of the extra | licence | MB alone | MB with all it pulls in |
|---|---|---|---|--:|--:|"""


def direct_dependencies() -> list[str]:
    """Name the distributions that pyproject.toml asks for, those of the development extra last."""
    return [name for names in dependencies_by_extra().values() for name in names]


def dependencies_by_extra() -> dict[str, list[str]]:
    """Name the distributions of the core (the empty name), and of each extra that is in the lock."""
    parts = requirements_by_extra()
    (ours,) = (each for each in map(Requirement, parts["dev"]) if each.name == "tradesieve")
    named = {
        part: [canonicalize_name(Requirement(line).name) for line in lines]
        for part, lines in parts.items()
        if part in ("", *ours.extras, "dev")
    }
    named["dev"].remove(ours.name)
    return named


def requirements_by_extra() -> dict[str, list[str]]:
    """Read the requirements of the core (the empty name) and of each extra from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"": project["dependencies"], **project["optional-dependencies"]}


def licence(found: Distribution) -> str:
    """Read a licence from the metadata: the SPDX expression, else the classifiers, else the licence file."""
    metadata = found.metadata
    if metadata.get("License-Expression"):
        return metadata["License-Expression"]
    classified = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")
    ]
    named = ", ".join(name for name in classified if name != "OSI Approved")
    return named or metadata.get("License") or _licence_title(found)


def _licence_title(found: Distribution) -> str:
    """Read the first line of the licence file."""
    texts = [path.read_text() for path in found.files or [] if path.name.lower().startswith("licen")]
    return texts[0].strip().splitlines()[0].strip("# ") if texts else "not stated"


def megabytes(names: set[str]) -> float:
    """Add up the installed files of some distributions."""
    files = [path for name in names for path in distribution(name).files or []]
    sizes = [Path(str(path.locate())).stat().st_size for path in files if Path(str(path.locate())).is_file()]
    return sum(sizes) / 1e6


def pulled_in(*requirements: str) -> set[str]:
    """Follow requirements through the installed distributions, with the extras that are asked for.

    Returns
    -------
    The normal names of what an installer would bring; what is not installed here is left out.
    """
    found: set[tuple[str, str]] = set()
    waiting = [(each.name, extra) for each in map(Requirement, requirements) for extra in ("", *each.extras)]
    while waiting:
        asked, extra = waiting.pop()
        name = canonicalize_name(asked)
        if (name, extra) in found:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add((name, extra))
        for each in map(Requirement, requires):
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                waiting += [(each.name, wanted) for wanted in ("", *each.extras)]
    return {name for name, _ in found}


def purposes(text: str) -> dict[str, str]:
    """Read what each dependency is for from the table as it stands."""
    found = TABLE.search(text)
    rows = [line.split("|")[1:-1] for line in found[0].splitlines()[2:]] if found else []
    return {row[0].strip(): row[1].strip() for row in rows}


def table(text: str) -> str:
    """Make the table anew, with the purposes that stand in `text`."""
    known = purposes(text)
    rows = [
        f"| {name} | {known.get(name, '')} | {extra} | {licence(distribution(name))} | {megabytes({name}):,.1f} "
        f"| {megabytes(pulled_in(name)):,.0f} |"
        for extra, names in dependencies_by_extra().items()
        for name in names
    ]
    return "\n".join([_HEAD, *rows])


if __name__ == "__main__":
    before = CONTRIBUTING.read_text(encoding="utf-8")
    after = TABLE.sub(lambda _: table(before), before)
    CONTRIBUTING.write_text(after, encoding="utf-8")
    sys.stdout.write(table(after) + "\n")
