"""The experiment of a notebook: named bars and strategies with the keys of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tradesieve.market.bars import Bars
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.notebook.stored_bars import store_series
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings


def choose(
    settings: Settings,
    bars: Bars | Sequence[Bars] | None,
    strategies: str | Sequence[str] | None,
    options: Mapping[str, Any],
) -> Experiment:
    """Assemble an experiment as the command line does; `options` are those of `assemble_experiment`.

    Without bars, symbols and timeframes are those of the options, of the trade set, or all that are stored.

    Raises
    ------
    BadInput, Unknown : as `assemble_experiment` and `stored_bars.store_series`.
    """
    given: dict[str, Any] = {}
    if bars is not None:
        series = store_series([bars] if isinstance(bars, Bars) else list(bars), settings.bars)
        given |= {"symbols": series.symbols, "timeframes": series.timeframes}
        given |= {"start": series.start, "end": series.end}
    if strategies is not None:
        given["strategies"] = strategies if isinstance(strategies, str) else list(strategies)
    return assemble_experiment(settings, **given, **options)


@contextmanager
def shown_progress(show: bool) -> Iterator[Progress]:
    """Yield a callback that shows progress as the commands do, or nothing."""
    if not show:
        yield silent
        return
    with Console(as_json=True).progress() as progress:
        yield progress
