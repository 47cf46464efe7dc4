"""Extras: libraries that an installation may leave out, and the word that installs them."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from tradesieve.market.errors import BadInput


def import_extra(module: str, extra: str) -> Any:
    """Import a module of a library that an extra brings.

    Raises
    ------
    BadInput : if the library is not installed; says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise _missing(module, extra) from error


def require_extra(library: str, extra: str) -> None:
    """Check that the library of an extra is installed, without importing it.

    Raises
    ------
    BadInput : if it is not; says how to install it.
    """
    if find_spec(library) is None:
        raise _missing(library, extra)


def _missing(module: str, extra: str) -> BadInput:
    library = module.partition(".")[0]
    return BadInput(f"{library} is not installed: pip install 'tradesieve[{extra}]'")
