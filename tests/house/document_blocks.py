"""The code blocks of the README and the documentation, each with what a comment above it says about it.

`<!-- file: NAME -->` : the block is a file, which later blocks use. `<!-- not run: REASON -->` and
`<!-- run by: PATH -->` : it is not run here. Blocks of `text` and `json` show output, and cells of notebooks are run by
`make docs`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.house.readme_demo import ROOT

PAGES = ("README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("**/*.md")))
SHOWN = ("text", "json", "{code-cell}", "{toctree}", "{include}")
"""Languages of blocks that are no code, and cells."""
_BLOCK = re.compile(
    r"(?:<!-- (file|not run|run by): ([^\n]+) -->\n)?^(```+)(\S*)[^\n]*\n(.*?)^\3$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A block of code."""

    page: str
    language: str
    text: str
    mark: str
    about: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0]}"


def blocks(*pages: str) -> list[Block]:
    """Read the code of some pages, in order; of all by default."""
    found = []
    for page in pages or PAGES:
        for mark, about, _, language, text in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
            if language not in SHOWN:
                found.append(Block(page, language, text, mark, about))
    return found
