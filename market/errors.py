"""The exceptions of tradesieve.

TradesieveError
├── BadInput        an argument, a setting or a request is wrong: says which, its value and what is allowed
│   └── Unknown     a name that no registry knows: suggests the nearest one
├── BadData         bars or trades break a law: names the symbol, the time and the first offending row
├── Refused         the honest answer is no (a closed gate, a failed certificate)
└── Transient       what a retry can cure, and the only thing that is retried
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

Value = TypeVar("Value")


class TradesieveError(Exception):
    """Any failure that tradesieve foresees and explains in one line."""


class BadInput(TradesieveError, ValueError):
    """An argument, a setting or a request is wrong."""


class Unknown(BadInput):
    """A name that no registry knows.

    Parameters
    ----------
    kind : what the name should have been, for example ``"strategy"``.
    name : the name that was asked for.
    known : every name there is; the nearest one is suggested.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        names = sorted(set(known))
        near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}: {hint}")


def lookup(kind: str, name: str, registry: Mapping[str, Value]) -> Value:
    """Return what a registry holds under a name.

    Raises
    ------
    Unknown : if it holds nothing under `name`; suggests the nearest name.

    Examples
    --------
    >>> lookup("engine", "lightgbn", {"lightgbm": 1})
    Traceback (most recent call last):
    tradesieve.market.errors.Unknown: unknown engine 'lightgbn': did you mean 'lightgbm'?
    """
    if name not in registry:
        raise Unknown(kind, name, registry)
    return registry[name]


class BadData(TradesieveError, ValueError):
    """Bars or trades break a law of their table."""


class Refused(TradesieveError):
    """The honest answer is no."""


class Transient(TradesieveError):
    """A failure that a retry can cure."""
