"""Download the bars that a store lacks from an exchange, and store them page by page."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tradesieve.market.bars import VALUES, Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.session_bars import make_bars
from tradesieve.market.sources.exchanges.ccxt_client import ExchangeMarket
from tradesieve.market.sources.exchanges.stored_candles import StoredCandles
from tradesieve.market.storage.bar_store import BarStore

_MILLISECOND = 1_000_000
# The store writes a file as a whole. Small files are written after each page, larger ones once a fiftieth of the file
# is waiting, so that a year of minutes takes seconds in all. That much is lost when the process is killed.
_WRITES_PER_FILE = 50
_PAGES_PER_OVERLAP = 10

Report = Callable[[int, int, str], None]
"""Called with (bars requested so far, bars in all, the time that was reached)."""


@dataclass(frozen=True)
class FetchResult:
    """What a download did.

    Parameters
    ----------
    n_new : bars that were stored.
    notes : one sentence for each way in which the result differs from what was requested.
    """

    n_new: int
    notes: tuple[str, ...]


def fetch_bars(
    market: ExchangeMarket, store: BarStore, *, start: int | None, end: int | None, report: Report
) -> FetchResult:
    """Download the bars of a market that are not stored yet, without leaving a gap to the stored ones.

    1. Plan the spans that are missing: before the stored bars, after them, and, with a `start`, the gaps between them.
    2. Download the earlier span backwards and the later one forwards, so that the stored bars are contiguous at any
       time. Whenever a download ends, the next one continues from there. Then request the gaps again.
    3. Store each batch as a whole. A bar that has not closed is not requested.
    4. Hold stored bars that are sent again, among them the last ones before the later span, against the stored values.
       Those that the exchange has corrected are noted; the stored values stay.

    Parameters
    ----------
    start : int64 ns UTC: no bar opens before it; None: the end of the stored bars.
    end : int64 ns UTC: no bar closes after it; None: now.
    report : progress callback.

    Raises
    ------
    BadInput : if there is no `start` and nothing is stored, no bar closes between `start` and `end`, or the exchange
        refuses.
    BadData : if a bar breaks a law.
    Transient : if the exchange does not answer; earlier batches are stored.
    """
    bars = _stored_bars(market, store)
    held = StoredCandles(bars)
    stored = None if bars is None else (int(bars.open_time[0]), int(bars.close_time[-1]))
    plan = _plan(market, stored, start, end)
    step = market.timeframe.duration
    gaps = [] if start is None else held.gaps(start, plan.stop, page=market.page_size * step)
    spans = (
        (_backwards(market, *plan.earlier), False),
        (_forwards(market, *_with_overlap(market, plan.later, stored)), True),
        (itertools.chain.from_iterable(_forwards(market, *gap) for gap in gaps), True),
    )
    n_bars = plan.n_bars + sum((last - first) // step for first, last in gaps)
    writer = _BatchWriter(market, store)
    n_requested = 0
    try:
        for pages, later in spans:
            for page in pages:
                n_requested += page.n_requested
                writer.add(page.candles[held.new(_open_times(page.candles), page.candles[:, 1:])], later=later)
                reached = f"{market.symbol} {market.timeframe} {format_time(page.reached)}"
                report(min(n_requested, n_bars), n_bars, reached)
            writer.flush()
    finally:
        writer.flush()
    notes = plan.notes + held.describe_corrections(market.exchange)
    if stored is None and writer.first_time is not None and writer.first_time > plan.later[0]:
        notes += (
            f"{market.exchange} has nothing before {format_time(writer.first_time)}: the market is younger, or the "
            "exchange keeps no older bars",
        )
    return FetchResult(writer.n_new, notes)


@dataclass(frozen=True)
class _Plan:
    """Spans of open times, int64 ns UTC on the grid of the timeframe, start included and stop excluded."""

    earlier: tuple[int, int]
    later: tuple[int, int]
    stop: int
    n_bars: int
    notes: tuple[str, ...]


def _plan(market: ExchangeMarket, stored: tuple[int, int] | None, start: int | None, end: int | None) -> _Plan:
    step = market.timeframe.duration
    now = market.now()
    stop = min(now if end is None else end, now) // step * step
    if start is None and stored is None:
        raise BadInput(f"{market.symbol} {market.timeframe}: no bars are stored to continue from: pass --from")
    first = stored[1] if start is None and stored else -(-(start or 0) // step) * step
    if start is not None and first >= stop:
        raise BadInput(
            f"no bar of {market.timeframe} closes between {format_time(start)} and {format_time(min(end or now, now))}"
        )
    if stored is None:
        return _Plan((first, first), (first, stop), stop, max(stop - first, 0) // step, ())
    stored_start, stored_end = stored
    notes: tuple[str, ...] = ()
    if first > stored_end:
        notes += (f"fetched from {format_time(stored_end)}, where the stored bars end, to leave no gap",)
    if stop < stored_start:
        notes += (f"fetched up to {format_time(stored_start)}, where the stored bars begin, to leave no gap",)
    earlier, later = (min(first, stored_start), stored_start), (stored_end, stop)
    n_bars = (earlier[1] - earlier[0]) // step + max(later[1] - later[0], 0) // step
    return _Plan(earlier, later, stop, n_bars, notes)


def _with_overlap(market: ExchangeMarket, later: tuple[int, int], stored: tuple[int, int] | None) -> tuple[int, int]:
    """Begin the later span a tenth of a page earlier, to see whether the last stored bars were corrected."""
    start, stop = later
    if stored is None or start >= stop:
        return later
    return max(stored[0], start - market.page_size // _PAGES_PER_OVERLAP * market.timeframe.duration), stop


@dataclass(frozen=True)
class _Page:
    """Candles of a span, the number of bars that it covers, and the time that was reached."""

    candles: np.ndarray
    n_requested: int
    reached: int


def _forwards(market: ExchangeMarket, start: int, stop: int) -> Iterator[_Page]:
    """Yield the candles that open from `start` on and before `stop`."""
    step = market.timeframe.duration
    while start < stop:
        candles = market.candles(start)
        times = _open_times(candles)
        # A short page is not the last one, and an empty one says nothing about later pages.
        following = int(times[-1]) + step if len(candles) else start + market.page_size * step
        reached = min(following, stop)
        yield _Page(candles[times < stop], (reached - start) // step, reached)
        start = following


def _backwards(market: ExchangeMarket, start: int, stop: int) -> Iterator[_Page]:
    """Yield the same candles from the end, each page complete."""
    step = market.timeframe.duration
    nothing_older = False
    while start < stop:
        first = max(start, stop - market.page_size * step)
        candles = np.concatenate([page.candles for page in _forwards(market, first, stop)])
        yield _Page(candles, (stop - first) // step, first)
        if len(candles) == 0 and not nothing_older and first > start:
            # An exchange that skips empty spans answers with its oldest candles.
            oldest = _open_times(market.candles(start))
            if len(oldest) and oldest[0] >= first:
                return
            nothing_older = len(oldest) == 0
        stop = first


@dataclass
class _BatchWriter:
    """Collects candles and stores them in batches that grow with the stored file."""

    market: ExchangeMarket
    store: BarStore
    n_new: int = 0
    first_time: int | None = None
    _n_stored: int = 0
    _waiting: list[np.ndarray] = field(default_factory=list)

    def add(self, candles: np.ndarray, *, later: bool) -> None:
        if len(candles) == 0:
            return
        self._waiting.insert(len(self._waiting) if later else 0, candles)
        if sum(map(len, self._waiting)) * _WRITES_PER_FILE >= self._n_stored:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        candles, self._waiting = np.concatenate(self._waiting), []
        symbol, timeframe = self.market.symbol, self.market.timeframe
        columns = {name: candles[:, place] for place, name in enumerate(VALUES, start=1)}
        columns["close_time"] = _open_times(candles) + timeframe.duration
        bars = make_bars(symbol, timeframe, columns, sessions=None)
        self.n_new += self.store.append(bars)
        oldest = int(bars.open_time[0])
        self.first_time = oldest if self.first_time is None else min(self.first_time, oldest)
        self._n_stored = self.store.span(symbol, timeframe)[2]


def _open_times(candles: np.ndarray) -> np.ndarray:
    return candles[:, 0].astype(np.int64) * _MILLISECOND


def _stored_bars(market: ExchangeMarket, store: BarStore) -> Bars | None:
    """Return the stored bars as the exchange gave them; None when nothing is stored."""
    if (market.symbol, market.timeframe) not in store.list():
        return None
    return store.before_repairs(market.symbol, market.timeframe)
