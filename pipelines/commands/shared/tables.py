"""What the tables that commands print share: numbers with their nouns."""

from __future__ import annotations


def pluralise(n: int, noun: str) -> str:
    """Return a number with a noun whose plural ends in s.

    Examples
    --------
    >>> pluralise(1, "repair"), pluralise(2000, "repair")
    ('1 repair', '2,000 repairs')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
