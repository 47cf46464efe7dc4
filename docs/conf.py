"""The build of the documentation, `make docs`: pages in Markdown, of which those with cells are run."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generated_reference import fill_in  # noqa: E402
from outside_resources import outside_resources  # noqa: E402

project = "tradesieve"
copyright = "the tradesieve contributors, MIT licence"
html_title = "tradesieve"

extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["requirements.lock"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 240
nb_output_stderr = "remove"  # progress bars
nb_merge_streams = True  # a command's output comes in pieces
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # they would come from elsewhere

autodoc_typehints = "none"
autodoc_member_order = "bysource"

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["tradesieve.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"


def setup(app: Sphinx) -> None:
    """Fill in the generated references, keep the notebooks beside their pages, and refuse what comes from elsewhere."""
    app.connect("source-read", _fill_in)
    app.connect("autodoc-process-docstring", _lay_out)
    app.connect("build-finished", _finish)


def _fill_in(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = fill_in(source[0])


def _lay_out(app: Sphinx, kind: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Turn the sections of a docstring into headings, and their entries, `name : text`, into definitions."""
    text = re.sub(r"^(\w[\w ]*)\n-{3,}$", r".. rubric:: \1\n", "\n".join(lines), flags=re.MULTILINE)
    lines[:] = re.sub(r"^(\S[^:\n]*) : (?=\S)", r"\1\n    ", text, flags=re.MULTILINE).split("\n")


def _finish(app: Sphinx, error: Exception | None) -> None:
    if error is not None:
        return
    pages = Path(app.outdir)
    for notebook in (pages.parent / "jupyter_execute").rglob("*.ipynb"):
        shutil.copy(notebook, pages)
    found = {page.name: outside for page in pages.rglob("*.html") if (outside := outside_resources(page.read_text()))}
    if found:
        raise ExtensionError(f"pages load what is not theirs: {found}")
