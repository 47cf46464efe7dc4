"""The exceptions of tradesieve.

TradesieveError
├── BadInput        an argument, a setting or a request is wrong: names it, its value and what is allowed
│   ├── Unknown     a name that is not registered: suggests the nearest one
│   └── WrongTimeframe  bars last another time than was stated: proposes the timeframe that they have
├── BadData         bars or trades break a law: names the symbol, the time and the first offending row
├── Refused         a check was not passed (a closed gate, a failed certificate)
└── Transient       a failure that a retry can cure; no other is retried
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Self, TypeVar

Value = TypeVar("Value")


class TradesieveError(Exception):
    """An expected failure, explained in one line; `excerpt` may follow."""

    excerpt: str = ""
    """The end of the message, if it shows a place: text, and a caret below it. Commands print it as it is."""

    proposals: tuple[Mapping[str, str | bool | None], ...] = ()
    """Options by the names of their parameters, each of which may cure it; `data import` tries them.

    True stands for a flag; None: omit the option.
    """

    def proposing(self, *proposals: Mapping[str, str | bool | None]) -> Self:
        """Add options that may cure it, to be raised."""
        self.proposals = proposals
        return self


class BadInput(TradesieveError, ValueError):
    """An argument, a setting or a request is wrong."""


class Unknown(BadInput):
    """A name that is not registered.

    Parameters
    ----------
    kind : what the name should have been, for example ``"strategy"``.
    name : the name that was given.
    known : every registered name; the nearest one is suggested.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        names = sorted(set(known))
        near = nearest(str(name), names)
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}: {hint}")


class WrongTimeframe(BadInput):
    """Bars last another time than was stated.

    Parameters
    ----------
    found : what is wrong, in words.
    timeframe : the one that the bars have; None: it is not a timeframe.
    """

    def __init__(self, found: str, timeframe: str | None) -> None:
        super().__init__(found if timeframe is None else f"{found}; pass --timeframe {timeframe}")
        self.found, self.timeframe = found, timeframe
        self.proposals = () if timeframe is None else ({"timeframe": timeframe},)


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """Return the known name that is most like a name; None if the likeness of none, from 0 to 1, reaches `cutoff`."""
    near = difflib.get_close_matches(name, sorted(set(known)), n=1, cutoff=cutoff)
    return near[0] if near else None


def lookup(kind: str, name: str, registry: Mapping[str, Value]) -> Value:
    """Return the entry of a registry.

    Raises
    ------
    Unknown : if there is no entry `name`; suggests the nearest name.

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
    """A check was not passed."""


class Transient(TradesieveError):
    """A failure that a retry can cure."""
