"""Hold the prices of an import against the stored ones, and against what their symbol can cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace as with_changes

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadData
from tradesieve.market.quality.price_levels import far_from_stored, far_from_symbol, split_note
from tradesieve.market.sources.formats.table_bars import TableBars
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import Timeframe
from tradesieve.pipelines.commands.shared.proposals import command_with

Read = tuple[str, TableBars]
"""A file, and the bars of one of its symbols."""
Advice = Callable[[str, float | None], str]


def check_prices(store: BarStore, read: Sequence[Read], *, replace: bool, accept: bool, advise: Advice) -> list[Read]:
    """Refuse prices that are far from the stored ones, or from what the symbol can cost; note those like a split.

    The first file of a symbol is compared with its stored bars, of this timeframe or else of the longest one. Without
    any, or if they are replaced, it is held against the symbol. The next files are compared with those before them too.

    Parameters
    ----------
    replace : whether the stored bars are replaced.
    accept : note far prices, do not refuse them.
    advise : (file, by what else its prices should be divided, None where that is not known) -> what to do.

    Raises
    ------
    BadData : with the prices, and the advice.
    """
    stored = [] if replace else store.list()
    others: dict[str, list[Bars]] = {}
    checked = []
    for file, part in read:
        bars = part.bars
        known = others.setdefault(bars.symbol, _stored_bars(store, stored, bars))
        far = far_from_stored(bars, known) if known else far_from_symbol(bars)
        if far is not None and not accept:
            raise BadData(f"{file}: {far.description}; {advise(file, far.scale)}")
        note = far.description if far is not None else split_note(bars, known) if known else None
        checked.append((file, part if note is None else with_changes(part, notes=(*part.notes, note))))
        known.append(bars)
    return checked


def _stored_bars(store: BarStore, stored: Sequence[tuple[str, Timeframe]], bars: Bars) -> list[Bars]:
    timeframes = [timeframe for symbol, timeframe in stored if symbol == bars.symbol]
    if not timeframes:
        return []
    timeframe = bars.timeframe if bars.timeframe in timeframes else max(timeframes)
    return [store.stored_bars(bars.symbol, timeframe)]


def advise_command(file: str, scale: float | None, *, price_scale: Callable[[str], float]) -> str:
    """Advise to accept prices, or to run the same command with another scale.

    Parameters
    ----------
    price_scale : file -> by what its prices were divided.
    """
    if scale is None:
        return "check --symbol and --price-scale, or pass --accept-prices if the prices are right"
    # The name of a database, unlike its URL, shows no password.
    command = command_with(files=file, price_scale=f"{scale * price_scale(file):g}")
    return f"pass --accept-prices if they are right; if not, import it with: {command}"
