"""What user modules define besides factors, by kind and name.

A kind belongs to a room to the right, whose decorator calls `define`, as `models.fitness.user_fitness` does. Modules
are loaded, replaced and unloaded with all that they define, see `features.user_modules`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradesieve.features.factor import UserModule
from tradesieve.market.errors import BadInput

DEFINITIONS: dict[tuple[str, str], Any] = {}
"""Definitions by (kind, name), such as ``("fitness", "calm_gain")``. One that has an attribute ``module`` is given the
module that defines it."""


def define(kind: str, name: str, definition: Any, *, taken: Iterable[str] = ()) -> None:
    """Register a definition of a user module.

    Parameters
    ----------
    taken : names that the kind has already.

    Raises
    ------
    BadInput : if the name is taken.
    """
    if name in taken or (kind, name) in DEFINITIONS:
        raise BadInput(f"there is already a {kind} called {name!r}: choose another name")
    DEFINITIONS[kind, name] = definition


def defined(kind: str) -> dict[str, Any]:
    """Return what user modules define of a kind, by name."""
    return {name: definition for (of_kind, name), definition in DEFINITIONS.items() if of_kind == kind}


def check_defined_in(modules: Iterable[UserModule], kind: str, name: str) -> None:
    """Refuse a definition that none of the modules holds: no key would change with its code.

    Raises
    ------
    BadInput : if a user defined it elsewhere. A name that the project defines passes.
    """
    if (kind, name) in DEFINITIONS and not any((kind, name) in module.definitions for module in modules):
        raise BadInput(
            f"{kind} {name!r} is not defined in one of the experiment's modules: move it to a file and name it there"
        )
