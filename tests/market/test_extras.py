"""Extras: what is missing is said with the word that installs it."""

from __future__ import annotations

import sys

import pytest

from tradesieve.market.errors import BadInput
from tradesieve.market.extras import import_extra, require_extra


def test_what_is_installed_is_imported() -> None:
    require_extra("numpy", "serving")
    assert import_extra("json.decoder", "serving") is sys.modules["json.decoder"]


def test_what_is_missing_is_named_with_its_word() -> None:
    word = r"no_such_library is not installed: pip install 'tradesieve\[serving\]'"
    with pytest.raises(BadInput, match=word):
        require_extra("no_such_library", "serving")
    with pytest.raises(BadInput, match=word):
        import_extra("no_such_library.part", "serving")
