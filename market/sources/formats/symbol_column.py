"""The symbol of a table: from its columns or the name of its file, held against the symbol that the user gives."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.symbols import normalise_symbol, pair_in_name, same_market, same_pair, symbol_or_none

SYMBOL_COLUMNS = ("symbol", "ticker", "instrument", "product_id", "pair")
"""Columns that name the market of a row."""
_CHECKED_COLUMNS = (*SYMBOL_COLUMNS, "name")
_LISTED = 10


def resolve_symbol(
    symbol: str | None,
    frame: pd.DataFrame,
    *,
    path: str,
    names: Sequence[str],
    trust_user: bool = False,
    market: str | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Decide which symbol the bars of a table are stored as.

    1. A symbol column beats the name of the file.
    2. The user's symbol beats both, unless the column names a different market: that is an error. A pair and its
       perpetual are different markets.

    Parameters
    ----------
    symbol : the user's, in any form; None: the one that the table names.
    frame : the table, its columns in lower case.
    path : what errors call the table.
    names : the names of its file, in which a pair is looked for.
    trust_user : whether to ignore what column and names say.
    market : the normal symbol that the vendor means by the column; None: the one that the column says.

    Returns
    -------
    The symbol in its normal form, and a note on each thing that is worth knowing about it.

    Raises
    ------
    BadInput : if the table holds several symbols, names a different market from `symbol`, or no symbol is known.
    """
    column, text = symbol_in_columns(frame, path)
    column_symbol = symbol_or_none(text) if text and not trust_user else None
    if column_symbol is None:
        return _by_file_name(symbol, () if trust_user else names, path)
    if symbol is None:
        found = market or column_symbol
        return found, (f"the symbol is {found}, from column {column}",)
    wanted, notes = _normalised(symbol)
    if wanted in (column_symbol, market):
        return wanted, notes
    is_same = same_market(wanted, column_symbol) or _is_prefix(wanted, column_symbol)
    if is_same and not same_pair(wanted, column_symbol):
        return wanted, (*notes, f"column {column} holds {text}; stored as {wanted}")
    raise BadInput(
        f"{path}: column {column} holds {text}, which is a different market from {wanted}: omit --symbol to store it "
        f"as {column_symbol}, or add --columns symbol= to store it as {wanted} anyway"
    ).proposing({"symbol": None}, {"columns": "symbol="})


def split_by_symbol(frame: pd.DataFrame, symbol: str | None, *, path: str) -> list[pd.DataFrame]:
    """Split a table whose symbol column holds several symbols into one table for each, sorted by symbol.

    Parameters
    ----------
    frame : the table, its columns in lower case.
    symbol : the user's choice, in any form; None: every symbol.
    path : what errors call the table.

    Raises
    ------
    BadInput : if no row is of `symbol`, or a row names no symbol; names what the column holds.
    """
    several = [name for name in SYMBOL_COLUMNS if name in frame.columns and frame[name].nunique() > 1]
    if not several:
        return [frame]
    column = frame[several[0]]
    if column.isna().any():
        raise BadInput(f"{path}: row {int(column.isna().argmax())} has no {several[0]}, which other rows have")
    texts = sorted(set(column.astype("str")))
    chosen = texts if symbol is None else _matching(symbol, texts)
    if not chosen:
        listed = f"{', '.join(texts[:_LISTED])}{' and more' if len(texts) > _LISTED else ''}"
        raise BadInput(
            f"{path}: column {several[0]} holds {listed}, and not {symbol}: pass one of them as --symbol, or omit it"
        ).proposing({"symbol": None})
    return [frame[column.astype("str") == text].reset_index(drop=True) for text in chosen]


def _matching(symbol: str, texts: Sequence[str]) -> list[str]:
    wanted = normalise_symbol(symbol)
    normal = {text: symbol_or_none(text) for text in texts}
    equal = [text for text, known in normal.items() if known == wanted]
    return equal or [text for text, known in normal.items() if known is not None and same_market(wanted, known)][:1]


def symbol_in_columns(frame: pd.DataFrame, path: str) -> tuple[str, str | None]:
    """Return the first symbol column that holds a value, and that value; ``("", None)`` where there is none.

    Raises
    ------
    BadInput : if a column holds several symbols.
    """
    first: tuple[str, str | None] = ("", None)
    for column in _CHECKED_COLUMNS:
        if column in frame.columns and frame[column].ndim == 1:
            values = sorted(set(frame[column].dropna().astype("str")))
            if len(values) > 1:
                raise BadInput(
                    f"{path}: column {column} holds {len(values)} symbols, {values[0]} and {values[1]}"
                    f"{' and more' if len(values) > 2 else ''}; expected a file of one symbol"
                )
            if values and first[1] is None and column in SYMBOL_COLUMNS:
                first = (column, values[0])
    return first


def _by_file_name(symbol: str | None, names: Sequence[str], path: str) -> tuple[str, tuple[str, ...]]:
    pairs = {pair for pair in map(pair_in_name, names) if pair}
    pair = pairs.pop() if len(pairs) == 1 else None
    if symbol is None:
        if pair is None:
            error = BadInput(f"{path}: the file does not name its market: pass --symbol")
            raise error.proposing(*({"symbol": likely} for likely in _likely_symbol(names)))
        return pair, (f"the symbol is {pair}, from the name of the file",)
    wanted, notes = _normalised(symbol)
    if pair and not same_market(wanted, pair):
        notes = (*notes, f"the name of the file says {pair}; stored as {wanted}")
    return wanted, notes


def _likely_symbol(names: Sequence[str]) -> list[str]:
    """Return the first word of the name of a file, as in AAPL_1min.csv; nothing where it is no symbol."""
    words = [re.split(r"[_\s.-]", name)[0].upper() for name in names]
    return [word for word in words if re.search("[A-Z]", word) and symbol_or_none(word) is not None][:1]


def _normalised(symbol: str) -> tuple[str, tuple[str, ...]]:
    normal = normalise_symbol(symbol)
    return normal, () if normal == symbol else (f"symbol {symbol} is stored as {normal}",)


def _is_prefix(symbol: str, other: str) -> bool:
    """Tell whether one begins the other, as a contract and its root: 6EH4 and 6E."""
    short, long = sorted((re.sub(r"\W", "", symbol), re.sub(r"\W", "", other)), key=len)
    return len(short) >= 2 and long.startswith(short)
