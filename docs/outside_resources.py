"""What a page would fetch from elsewhere when it is opened: nothing, in documentation that is read offline."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_LOADED = {
    "script": ("src",), "link": ("href",), "img": ("src", "srcset"), "iframe": ("src", "srcdoc"), "use": ("href",),
    "source": ("src", "srcset"), "audio": ("src",), "video": ("src", "poster"), "embed": ("src",), "object": ("data",),
}  # fmt: skip
_UNLOADED_LINKS = {"canonical", "author", "license", "next", "prev", "search", "index", "alternate"}
_OUTSIDE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
_IN_STYLES = re.compile(r"""(?:@import\s+|url\(\s*)["']?((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.in_style = tag == "style"
        self.found += _IN_STYLES.findall(given.get("style", ""))
        if tag == "link" and given.get("rel") in _UNLOADED_LINKS:
            return
        for name in _LOADED.get(tag, ()):
            value = given.get(name, "")
            if name == "srcdoc":
                self.found += outside_resources(value)
            elif _OUTSIDE.match(value):
                self.found.append(value)

    def handle_data(self, data: str) -> None:
        if self.in_style:
            self.found += _IN_STYLES.findall(data)


def outside_resources(page: str) -> list[str]:
    """List the addresses that a page loads by itself from elsewhere; links that a reader follows are no such.

    Examples
    --------
    >>> outside_resources('<a href="https://a.org">a</a><img src="b.png"><script src="https://c.org/d.js"></script>')
    ['https://c.org/d.js']
    """
    parser = _Page()
    parser.feed(page)
    return parser.found
