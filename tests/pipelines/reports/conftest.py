"""What the tests of pages share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def embedded() -> Callable[[str, str], Any]:
    """A function that reads the data that a page embeds under an id."""

    def read(page: str, name: str) -> Any:
        match = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
        assert match is not None, name
        return json.loads(match[1])

    return read
