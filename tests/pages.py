"""Pages in a real browser: what they ask for, and what they would fetch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest


class _Sources(HTMLParser):
    """What a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "data", "srcset")]


@pytest.fixture(scope="session")
def named_sources() -> Callable[[str], list[str]]:
    """A function that lists what a page names to be fetched."""

    def find(page: str) -> list[str]:
        sources = _Sources()
        sources.feed(page)
        return sources.found

    return find


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real browser without a window, that keeps what it was told and what it asked for."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no browser: install the Debian packages chromium and chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        "--window-size=1280,1000", f"--user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    started.set_script_timeout(120)  # on a busy machine, drawing a page holds up its scripts
    yield started
    started.quit()


@pytest.fixture(scope="session")
def open_page(browser: Any) -> Callable[[Path], Any]:
    """A function that opens a page from its file, in a browser that remembers nothing of those before."""

    def opened(path: Path) -> Any:
        browser.get("about:blank")
        for kind in ("browser", "performance"):
            browser.get_log(kind)  # what the browser did before is no concern of ours
        browser.get(path.as_uri())
        return browser

    return opened


@pytest.fixture(scope="session")
def requested() -> Callable[[Any], set[str]]:
    """A function that says what kinds of places (file, data, http) the browser asked since the page was opened."""

    def schemes(browser: Any) -> set[str]:
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        return {
            message["params"]["request"]["url"].partition(":")[0]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        }

    return schemes
