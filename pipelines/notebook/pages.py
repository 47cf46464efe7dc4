"""Pages in a notebook: a whole report within a cell."""

from __future__ import annotations

import html


def framed(page: str) -> str:
    """Return a page as a frame, in which neither its styles nor its scripts touch the notebook."""
    return f'<iframe srcdoc="{html.escape(page)}" style="width:100%;height:70vh;border:0"></iframe>'
