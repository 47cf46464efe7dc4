"""The symbol that a file tells of itself, in a column or by its name, and whether it is the one that was asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.symbols import normalise_symbol, pair_in_name, same_market

SYMBOL_COLUMNS = ("symbol", "ticker", "instrument", "product_id", "pair")
"""Columns that tell what market a row belongs to."""
_NAMING_COLUMNS = (*SYMBOL_COLUMNS, "name")


def settle_symbol(
    asked: str | None, frame: pd.DataFrame, *, path: str, names: Sequence[str], untold: bool = False
) -> tuple[str, tuple[str, ...]]:
    """Settle on the symbol of a table.

    Parameters
    ----------
    asked : the symbol that was asked for, in any form; None: the one that the table tells.
    frame : the table, its columns in small letters.
    path : what errors call the table.
    names : the names of its file, by which it may tell a pair.
    untold : whether what column and names tell is passed over.

    Returns
    -------
    The symbol in its one form, and a sentence for each thing that is worth knowing about it.

    Raises
    ------
    BadInput : if the table holds several symbols, tells of another market than was asked for, or tells of none and none
        was asked for.
    """
    column, text = told_symbol(frame, path)
    told = _normal(text) if text and not untold else None
    if told is None:
        pairs = {pair for pair in map(pair_in_name, () if untold else names) if pair}
        named = pairs.pop() if len(pairs) == 1 else None
        if asked is None and named is None:
            raise BadInput(f"{path}: it does not say which market it holds: give it with --symbol")
        if asked is None:
            return str(named), (f"the symbol is {named}, as the file's name tells",)
        symbol, notes = _asked(asked)
        if named and not same_market(symbol, named):
            notes = (*notes, f"the file's name tells of {named}, but it is stored as {symbol}")
        return symbol, notes
    if asked is None:
        return told, (f"the symbol is {told}, as column {column} says",)
    symbol, notes = _asked(asked)
    if symbol == told:
        return symbol, notes
    if same_market(symbol, told) or _one_begins_the_other(symbol, told):
        return symbol, (*notes, f"column {column} says {text}, and it is stored as {symbol}")
    raise BadInput(
        f"{path}: column {column} says {text}, which is another market than {symbol}: leave --symbol out to store it "
        f"as {told}, or add --columns symbol= to store it as {symbol} all the same"
    )


def told_symbol(frame: pd.DataFrame, path: str) -> tuple[str, str | None]:
    """Return the first column that tells a symbol, and what it tells; None where no column does.

    Raises
    ------
    BadInput : if a column tells of several.
    """
    told: tuple[str, str | None] = ("", None)
    for column in _NAMING_COLUMNS:
        if column in frame.columns and frame[column].ndim == 1:
            found = sorted(set(frame[column].dropna().astype("str")))
            if len(found) > 1:
                raise BadInput(
                    f"{path}: column {column} holds {len(found)} symbols, {found[0]} and {found[1]}"
                    f"{' and more' if len(found) > 2 else ''}: a file of one symbol is expected"
                )
            if found and told[1] is None and column in SYMBOL_COLUMNS:
                told = (column, found[0])
    return told


def _asked(asked: str) -> tuple[str, tuple[str, ...]]:
    symbol = normalise_symbol(asked)
    return symbol, () if symbol == asked else (f"the symbol {asked} is written {symbol} here",)


def _normal(text: str) -> str | None:
    try:
        return normalise_symbol(text)
    except BadInput:
        return None


def _one_begins_the_other(symbol: str, other: str) -> bool:
    """Tell of a contract and its root, such as 6EH4 and 6E, or a pair and its perpetual."""
    short, long = sorted((re.sub(r"\W", "", symbol), re.sub(r"\W", "", other)), key=len)
    return len(short) >= 2 and long.startswith(short)
