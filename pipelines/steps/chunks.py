"""Chunks: the units of work of an experiment, one symbol at one timeframe each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
import pandas as pd

from tradesieve.features.feature_names import parse_features
from tradesieve.features.requirements import Requirements, other_symbols
from tradesieve.market.bars import Bars
from tradesieve.market.calendars.trading_days import ALWAYS, TradingCalendar
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.intrabar import FinerBars, align_finer
from tradesieve.market.instruments import Instrument
from tradesieve.market.timeframes import Timeframe
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.fingerprints import cache_key, code_fingerprint
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.trade_sets import fingerprint_of
from tradesieve.strategies.imports.named_strategy import NamedStrategy
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.statistics.grouping import Backtest
from tradesieve.strategies.strategy import Strategy

Load = Callable[..., Bars]

_NEVER = int(np.iinfo(np.int64).min)
TRADES_CODE = ("market", "strategies")
"""The rooms whose code trades follow from."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """One symbol at one timeframe: all strategies on the same bars.

    Parameters
    ----------
    finer : bars of a shorter timeframe, which settle what came first within a bar; None: no such bars.
    others : bars of the other symbols that the features read, by symbol.
    unsuited : chosen strategies that do not run on the timeframe.
    imported : the trades of the strategies, where they are not simulated; those beyond the bars do not count.
    """

    bars: Bars
    instrument: Instrument
    strategies: tuple[Strategy, ...]
    finer: Bars | None = None
    others: Mapping[str, Bars] = field(default_factory=dict)
    unsuited: tuple[Strategy, ...] = ()
    imported: pd.DataFrame | None = None

    @property
    def symbol(self) -> str:
        """The symbol."""
        return self.bars.symbol

    @property
    def timeframe(self) -> Timeframe:
        """The timeframe."""
        return self.bars.timeframe

    @property
    def name(self) -> str:
        """Symbol and timeframe, for messages."""
        return f"{self.symbol} {self.timeframe}"

    @property
    def instance_names(self) -> list[str]:
        """Names of its strategy instances, including those that never traded."""
        return [str(Instance(strategy.id, self.symbol, str(self.timeframe))) for strategy in self.strategies]

    @cached_property
    def aligned_finer(self) -> FinerBars:
        """The finer bars aligned with the bars, once for all strategies."""
        return align_finer(self.bars, self.finer)

    @cached_property
    def bars_fingerprint(self) -> str:
        """Hash of all bars that its trades follow from, or of the bars and the imported trades."""
        if self.imported is not None:
            return cache_key(self.bars.fingerprint, fingerprint_of(self.imported))
        return self.bars.fingerprint if self.finer is None else cache_key(self.bars.fingerprint, self.finer.fingerprint)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Hash of the bars of each symbol, its own and those that features read, by ``symbol|timeframe``."""
        every = [self.bars, *self.others.values()]
        return {f"{bars.symbol}|{bars.timeframe}": bars.fingerprint for bars in every}

    def windows(self, required: Requirements) -> list[tuple[Bars, int]]:
        """Return the bars of each symbol with the number of them that a decision requires, its own symbol first."""
        every = {self.symbol: self.bars, **self.others}
        return [(every[symbol], n) for symbol, n in required.by_symbol(self.symbol).items()]

    def trades_key(self, strategies: Sequence[Strategy]) -> str:
        """Cache key of the trades of some strategies on these bars; rules of user modules count with their source."""
        ids = [strategy.id for strategy in strategies]
        modules = (strategy.base_rule.module for strategy in strategies)
        sources = sorted({module.fingerprint for module in modules if module is not None})
        return cache_key(
            self.bars_fingerprint, self.instrument.as_dict(), ids, code_fingerprint(*TRADES_CODE), *sources
        )


def check_stored(experiment: Experiment, settings: Settings) -> None:
    """Raise what `load_chunks` would where bars of the experiment are not stored, without reading any.

    Raises
    ------
    BadInput : if a symbol has no bars at a timeframe, none shorter that settle them, or those that features read of
        another symbol are missing.
    """
    timeframes, settling = experiment.parsed_timeframes(), experiment.settling_timeframe()
    settled = () if settling is None else (settling,)
    settings.bars.check((symbol, each) for symbol in experiment.symbols for each in (*timeframes, *settled))
    features = parse_features(experiment.feature_names())
    for symbol in experiment.symbols:
        for other in sorted(other_symbols(features, symbol)):
            with _named_reader(other, symbol):
                settings.bars.check((other, each) for each in timeframes)


def load_chunks(experiment: Experiment, settings: Settings) -> list[Chunk]:
    """Load the bars of an experiment, one chunk for each symbol and timeframe.

    A strategy is left out at a timeframe it does not run on, and kept in `Chunk.unsuited`.

    Raises
    ------
    Unknown : if the experiment names a trade set that is not stored.
    BadInput : if bars are not stored, none lie between start and end, no strategy runs on a timeframe, the finer bars
        make up none of the bars, or features read a symbol whose bars are not stored.
    """
    by_session = {
        session: experiment.chosen_strategies(symbol) for session, symbol in experiment.symbols_by_session().items()
    }
    if experiment.trades is not None:
        return _load_imported(experiment, settings)
    features = parse_features(experiment.feature_names())
    load = cache(settings.bars.load)  # chunks that read each other share one copy of the bars
    return [
        _load_chunk(experiment, settings, load, strategies, other_symbols(features, symbol), symbol, timeframe)
        for symbol in experiment.symbols
        for strategies in [by_session[experiment.session(symbol)]]
        for timeframe in experiment.parsed_timeframes()
    ]


def _load_imported(experiment: Experiment, settings: Settings) -> list[Chunk]:
    """Load the bars of a trade set over its period, one chunk for each of its symbols and timeframes that is chosen."""
    stored = settings.trade_sets.load(str(experiment.trades))
    start, end = experiment.period()
    first, last = stored.period
    start = first - 1 if start is None else max(start, first - 1)
    end = last if end is None else min(end, last)
    instances = [each for each in stored.parsed_instances() if each.strategy in experiment.strategies]
    features = parse_features(experiment.feature_names())
    load = cache(settings.bars.load)
    chunks = []
    for symbol in experiment.symbols:
        for timeframe in experiment.parsed_timeframes():
            names = [each.strategy for each in instances if each.series == (symbol, str(timeframe))]
            if not names:
                continue
            bars = load(symbol, timeframe, start=start, end=end)
            if not len(bars):
                raise BadInput(f"no bars of {symbol} {timeframe} lie in the period of the trade set {stored.name}")
            trades = stored.of(symbol, str(timeframe))
            chunks.append(
                Chunk(
                    bars,
                    experiment.instrument(symbol),
                    tuple(NamedStrategy(name) for name in names),
                    others=load_others(other_symbols(features, symbol), bars, settings, load=load),
                    imported=trades[trades["strategy"].isin(names)].reset_index(drop=True),
                )
            )
    if not chunks:
        raise BadInput(
            f"the trade set {stored.name} has no trades of these symbols, timeframes and strategies together"
        )
    return chunks


def _load_chunk(
    experiment: Experiment,
    settings: Settings,
    load: Load,
    strategies: Sequence[Strategy],
    others: Collection[str],
    symbol: str,
    timeframe: Timeframe,
) -> Chunk:
    start, end = experiment.period()
    bars = load(symbol, timeframe, start=start, end=end)
    if len(bars) == 0:
        bounds = {"after": experiment.start, "up to": experiment.end}
        period = " and ".join(f"{word} {time}" for word, time in bounds.items() if time is not None)
        raise BadInput(f"no bars of {symbol} lie {period or 'in the store'}")
    suited = tuple(strategy for strategy in strategies if strategy.supports(timeframe))
    if not suited:
        raise BadInput(f"{strategies[0].id} does not run on {timeframe} bars; choose a shorter timeframe")
    chunk = Chunk(
        bars,
        experiment.instrument(symbol),
        suited,
        finer=load_finer(bars, experiment.settling_timeframe(), settings),
        others=load_others(others, bars, settings, load=load),
        unsuited=tuple(strategy for strategy in strategies if not strategy.supports(timeframe)),
    )
    if chunk.finer is not None and not chunk.aligned_finer.covered_rate:
        raise BadInput(
            f"settle_with is {experiment.settle_with}, but those bars of {symbol} make up none of its {timeframe} "
            "bars: they are of another source or period"
        )
    return chunk


def load_finer(bars: Bars, timeframe: Timeframe | None, settings: Settings) -> Bars | None:
    """Load the bars of a shorter timeframe that lie within some bars; None if the timeframe is None or not shorter.

    Raises
    ------
    BadInput : if they are not stored.
    """
    if timeframe is None or timeframe >= bars.timeframe or len(bars) == 0:
        return None
    return settings.bars.load(bars.symbol, timeframe, start=int(bars.open_time[0]), end=int(bars.close_time[-1]))


def load_others(
    symbols: Collection[str], bars: Bars, settings: Settings, *, load: Load | None = None
) -> dict[str, Bars]:
    """Load the bars of other symbols, at the timeframe of some bars and up to their end.

    Where the prices of a symbol may be at or below zero, its bars from the start of the others on are loaded.

    Parameters
    ----------
    load : in place of the store's own; see `market.storage.bar_store.BarStore.load`.

    Raises
    ------
    BadInput : if there are none of a symbol, or a price is at or below zero.
    """
    found, load = {}, load or settings.bars.load
    for symbol in sorted(symbols):
        end = int(bars.close_time[-1]) if len(bars) else _NEVER
        with _named_reader(symbol, bars.symbol):
            if len(bars) and settings.bars.allows_negative(symbol):
                found[symbol] = load(symbol, bars.timeframe, start=int(bars.open_time[0]), end=end)
            else:
                # The whole series, which `load` may hold already.
                found[symbol] = load(symbol, bars.timeframe, start=None, end=None).between(None, end)
    return found


@contextmanager
def _named_reader(symbol: str, beside: str) -> Iterator[None]:
    """Say in an error that features read a symbol, which nobody may have named."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"features read {symbol} beside {beside}: {error}") from error


def instance_names(chunks: Sequence[Chunk]) -> list[str]:
    """List the names of all strategy instances, including those that never traded."""
    return [name for chunk in chunks for name in chunk.instance_names]


def backtest_of(chunks: Sequence[Chunk]) -> Backtest:
    """Describe what was backtested: every instance with its bars, their period and their calendar."""
    return Backtest(
        instance_names=tuple(instance_names(chunks)),
        n_bars=tuple(len(chunk.bars) for chunk in chunks for _ in chunk.strategies),
        period=period_of(chunks),
        calendar=calendar_of(chunks),
    )


def period_of(chunks: Sequence[Chunk]) -> tuple[int, int]:
    """Return the first and the last close of all bars."""
    return (
        min(int(chunk.bars.close_time[0]) for chunk in chunks),
        max(int(chunk.bars.close_time[-1]) for chunk in chunks),
    )


def calendar_of(chunks: Sequence[Chunk]) -> TradingCalendar:
    """Return the calendar that all instruments share; if they differ, the one of every day."""
    calendars = {chunk.instrument.calendar for chunk in chunks}
    return chunks[0].instrument.trading_calendar if len(calendars) == 1 else ALWAYS
