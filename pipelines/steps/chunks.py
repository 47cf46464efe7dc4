"""Chunks: the work of an experiment, one symbol at one timeframe at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tradesieve.features.feature_names import parse_features
from tradesieve.features.requirements import other_symbols
from tradesieve.market.bars import Bars
from tradesieve.market.calendars.trading_days import ALWAYS, TradingCalendar
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.intrabar import FinerBars, align_finer
from tradesieve.market.instruments import Instrument
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import Timeframe
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.fingerprints import code_fingerprint, identity
from tradesieve.pipelines.settings import Settings
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.statistics.grouping import Backtest
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True, eq=False)
class Chunk:
    """The work of one symbol at one timeframe: all strategies on the same bars.

    Parameters
    ----------
    finer : bars of a shorter timeframe, which settle what came first within a bar; None: none do.
    others : bars of the other symbols that the experiment's features look at, by symbol.
    """

    bars: Bars
    instrument: Instrument
    strategies: tuple[Strategy, ...]
    finer: Bars | None = None
    others: Mapping[str, Bars] = field(default_factory=dict)

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
        """Name it for people."""
        return f"{self.symbol} {self.timeframe}"

    @cached_property
    def aligned_finer(self) -> FinerBars:
        """The finer bars, laid over the bars once for all strategies."""
        return align_finer(self.bars, self.finer)

    @cached_property
    def bars_fingerprint(self) -> str:
        """Hash all bars that trades follow from."""
        return self.bars.fingerprint if self.finer is None else identity(self.bars.fingerprint, self.finer.fingerprint)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Hash each symbol's bars, its own and those that features look at, by ``symbol|timeframe``."""
        seen = [self.bars, *self.others.values()]
        return {f"{bars.symbol}|{bars.timeframe}": bars.fingerprint for bars in seen}

    @property
    def key(self) -> str:
        """Hash everything that its trades follow from."""
        return self.key_of(self.strategies)

    def key_of(self, strategies: Sequence[Strategy]) -> str:
        """Hash everything that the trades of some strategies on these bars follow from."""
        ids = [strategy.id for strategy in strategies]
        code = code_fingerprint("market", "strategies")
        return identity(self.bars_fingerprint, self.instrument.as_dict(), ids, code)


def load_chunks(experiment: Experiment, settings: Settings) -> list[Chunk]:
    """Load the bars of an experiment, one chunk a symbol and timeframe.

    Raises
    ------
    BadInput : if bars are not stored, none lie between start and end, no strategy runs on a timeframe, the finer bars
        make up none of the bars, or features look at a symbol whose bars are not stored.

    Notes
    -----
    A strategy is left out at a timeframe on which it does not run.
    """
    start, end = experiment.period()
    strategies = experiment.chosen_strategies()
    features = parse_features(experiment.feature_names())
    chunks = []
    for symbol in experiment.symbols:
        for timeframe in experiment.parsed_timeframes():
            bars = settings.bars.load(symbol, timeframe).between(start, end)
            if len(bars) == 0:
                borders = {"after": experiment.start, "up to": experiment.end}
                asked = " and ".join(f"{word} {time}" for word, time in borders.items() if time is not None)
                raise BadInput(f"no bars of {symbol} lie {asked or 'in the store'}")
            suited = tuple(strategy for strategy in strategies if strategy.supports(timeframe))
            if not suited:
                raise BadInput(f"{strategies[0].id} does not run on {timeframe} bars; choose a shorter timeframe")
            finer = load_finer(settings.bars, bars, experiment.settling_timeframe())
            others = load_others(other_symbols(features, symbol), bars, settings)
            chunk = Chunk(bars, experiment.instrument(symbol), suited, finer, others)
            if finer is not None and not chunk.aligned_finer.covered_rate:
                raise BadInput(
                    f"settle_with is {experiment.settle_with}, but such bars of {symbol} make up none of its "
                    f"{timeframe} bars: they are of another source or time, and settle nothing"
                )
            chunks.append(chunk)
    return chunks


def load_finer(store: BarStore, bars: Bars, timeframe: Timeframe | None) -> Bars | None:
    """Load the bars of a shorter timeframe that lie within some bars; None when it is none or not shorter.

    Raises
    ------
    BadInput : if they are not stored.
    """
    if timeframe is None or timeframe >= bars.timeframe or len(bars) == 0:
        return None
    return store.load(bars.symbol, timeframe).between(int(bars.open_time[0]), int(bars.close_time[-1]))


def load_others(symbols: Collection[str], bars: Bars, settings: Settings) -> dict[str, Bars]:
    """Load the bars of other symbols, at the timeframe of some bars and up to the last of these.

    Raises
    ------
    BadInput : if there are none of a symbol.
    """
    found = {}
    for symbol in sorted(symbols):
        try:
            stored = settings.bars.load(symbol, bars.timeframe)
        except BadInput as error:
            raise BadInput(f"features look at {symbol} beside {bars.symbol}: {error}") from error
        found[symbol] = stored.between(None, int(bars.close_time[-1])) if len(bars) else stored[:0]
    return found


def instance_names(chunks: Sequence[Chunk]) -> list[str]:
    """Name every strategy instance, also those that never traded."""
    return [
        str(Instance(strategy.id, chunk.symbol, str(chunk.timeframe)))
        for chunk in chunks
        for strategy in chunk.strategies
    ]


def backtest_of(chunks: Sequence[Chunk]) -> Backtest:
    """Say what was run: every instance with its bars, their period and their calendar."""
    return Backtest(
        instance_names=tuple(instance_names(chunks)),
        n_bars=tuple(len(chunk.bars) for chunk in chunks for _ in chunk.strategies),
        period=period_of(chunks),
        calendar=calendar_of(chunks),
    )


def period_of(chunks: Sequence[Chunk]) -> tuple[int, int]:
    """Span the bars of all chunks: from the first close to the last."""
    return (
        min(int(chunk.bars.close_time[0]) for chunk in chunks),
        max(int(chunk.bars.close_time[-1]) for chunk in chunks),
    )


def calendar_of(chunks: Sequence[Chunk]) -> TradingCalendar:
    """Give the calendar that all instruments share; where they differ, every day counts."""
    calendars = {chunk.instrument.calendar for chunk in chunks}
    return chunks[0].instrument.trading_calendar if len(calendars) == 1 else ALWAYS
