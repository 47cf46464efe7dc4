"""Fetching: what a store lacks of a market, asked from its exchange and kept page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.exchanges.ccxt_client import ExchangeMarket
from tradesieve.market.storage.bar_store import BarStore

_MILLISECOND = 1_000_000
# The store writes a file as a whole: a page is kept at once while the file is small, later a fiftieth of it at once, so
# that a year of minutes is written in seconds altogether. That much is what a kill can lose.
_SHARE = 50

Report = Callable[[int, int, str], None]
"""Called with the bars that were asked for so far, those in all, and the time that was reached."""


@dataclass(frozen=True)
class Fetched:
    """What a fetch did.

    Parameters
    ----------
    n_new : bars that were stored.
    notes : sentences about what was not as asked.
    """

    n_new: int
    notes: tuple[str, ...]


def fetch_bars(
    market: ExchangeMarket, store: BarStore, *, start: int | None, end: int | None, report: Report
) -> Fetched:
    """Fetch the bars of a market that are not stored yet, so that what is stored has no hole of our making.

    What follows the stored bars is fetched forwards and what precedes them backwards, each batch stored as a whole
    before the next: whenever this ends, the next call goes on from there. A bar that is not complete is not stored.

    Parameters
    ----------
    start : int64 ns UTC: no bar opens before it; None: where the stored bars end.
    end : int64 ns UTC: no bar closes after it; None: now.
    report : told how far it is.

    Raises
    ------
    BadInput : if there is no `start` and nothing is stored, if `end` is not after `start`, or the exchange refuses.
    BadData : if a bar breaks a law.
    Transient : if the exchange does not answer; what came before is stored.
    """
    step = market.timeframe.duration
    now = market.now()
    stop = min(now if end is None else end, now) // step * step
    stored = _span(market, store)
    if start is None and stored is None:
        raise BadInput(
            f"{market.symbol} {market.timeframe}: nothing is stored to go on from: say the start with --from"
        )
    # Times of opens, on the grid: no bar of ours opens before, or at or after these.
    first = stored[1] if start is None and stored else -(-(start or 0) // step) * step
    notes = []
    if start is not None and first >= stop:
        raise BadInput(
            f"no bar of {market.timeframe} closes between {format_time(start)} and {format_time(min(end or now, now))}"
        )
    if stored is not None and first > stored[1]:
        notes.append(f"fetched from {format_time(stored[1])}, where the stored bars end, so that no hole is left")
        first = stored[1]
    before = (first, stored[0]) if stored and first < stored[0] else (first, first)
    if stored is not None and stop < stored[0]:
        notes.append(f"fetched up to {format_time(stored[0])}, where the stored bars begin, so that no hole is left")
    after = (stored[1] if stored else first, stop)
    total = max(before[1] - before[0], 0) // step + max(after[1] - after[0], 0) // step
    keeping = _Keeping(market, store)
    done = 0
    try:
        for pages, ahead in ((_backwards(market, *before), False), (_forwards(market, *after), True)):
            for page in pages:
                done += page.n_asked
                keeping.add(page.rows, ahead=ahead)
                report(min(done, total), total, f"{market.symbol} {market.timeframe} {format_time(page.reached)}")
            keeping.store_all()
    finally:
        keeping.store_all()
    if stored is None and keeping.first is not None and keeping.first > first:
        notes.append(
            f"{market.exchange} gave nothing before {format_time(keeping.first)}: the market is younger, or no more of "
            "it is kept there"
        )
    return Fetched(keeping.n_new, tuple(notes))


@dataclass(frozen=True)
class _Page:
    """Candles, how many bars were asked about, and the time that was reached."""

    rows: np.ndarray
    n_asked: int
    reached: int


def _forwards(market: ExchangeMarket, start: int, stop: int) -> Iterator[_Page]:
    """Go through the candles that open from `start` on and before `stop`."""
    step = market.timeframe.duration
    while start < stop:
        rows = market.candles(start)
        times = _times(rows)
        # A short page is not the last one, and an empty one tells of its own stretch only.
        following = int(times[-1]) + step if len(rows) else start + market.page * step
        reached = min(following, stop)
        yield _Page(rows[times < stop], (reached - start) // step, reached)
        start = following


def _backwards(market: ExchangeMarket, start: int, stop: int) -> Iterator[_Page]:
    """Go through the same candles from the end, one page-long stretch after the other, each whole."""
    step = market.timeframe.duration
    asked_for_older = False
    while start < stop:
        first = max(start, stop - market.page * step)
        rows = np.concatenate([page.rows for page in _forwards(market, first, stop)])
        yield _Page(rows, (stop - first) // step, first)
        if len(rows) == 0 and not asked_for_older and first > start:
            # An exchange that passes over empty stretches tells at once where its candles begin.
            oldest = _times(market.candles(start))
            if len(oldest) and oldest[0] >= first:
                return
            asked_for_older = len(oldest) == 0
        stop = first


@dataclass
class _Keeping:
    """Candles on their way into the store."""

    market: ExchangeMarket
    into: BarStore
    n_new: int = 0
    first: int | None = None
    _stored: int = 0
    _waiting: list[np.ndarray] = field(default_factory=list)

    def add(self, rows: np.ndarray, *, ahead: bool) -> None:
        if len(rows) == 0:
            return
        if ahead:
            self._waiting.append(rows)
        else:
            self._waiting.insert(0, rows)
        if sum(map(len, self._waiting)) * _SHARE >= self._stored:
            self.store_all()

    def store_all(self) -> None:
        if not self._waiting:
            return
        rows, self._waiting = np.concatenate(self._waiting), []
        bars = Bars(
            self.market.symbol,
            self.market.timeframe,
            _times(rows) + self.market.timeframe.duration,
            *(rows[:, column] for column in range(1, 6)),
        )
        self.n_new += self.into.append(bars)
        oldest = int(bars.open_time[0])
        self.first = oldest if self.first is None else min(self.first, oldest)
        self._stored = self.into.span(self.market.symbol, self.market.timeframe)[2]


def _times(rows: np.ndarray) -> np.ndarray:
    return rows[:, 0].astype(np.int64) * _MILLISECOND


def _span(market: ExchangeMarket, store: BarStore) -> tuple[int, int] | None:
    """Return the open of the first stored bar and the close of the last; None when nothing is stored."""
    if (market.symbol, market.timeframe) not in store.list():
        return None
    first, last, _ = store.span(market.symbol, market.timeframe)
    return first - market.timeframe.duration, last
