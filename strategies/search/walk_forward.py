"""Walk-forward optimisation: parameters chosen on the past and traded on the bars that follow.

1. Time is divided into windows of equal length (Pardo, 2008).
2. For each window but the first, parameters are searched on all bars before it and traded in it unchanged. The daily
   returns of these windows, concatenated, are the out-of-sample path.
3. The in-sample path is that of the parameters that would have been best on the same days. The difference between the
   two paths is the overfitting of the optimisation.

A trade that is open at a border counts on neither side of it.

A search has two stages: first the entry parameters, with the exits as written or at their defaults; then, at the best
entries, the exit parameters of the rule and its modifiers. Optuna's TPE sampler (Bergstra et al., 2011) proposes the
values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.intrabar import FinerBars, align_finer
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.search.search_space import STAGES, SearchSpace
from tradesieve.strategies.statistics.daily_returns import capital_effect, equity, exit_days, ranked_sortino, sortino
from tradesieve.strategies.strategy import Strategy
from tradesieve.strategies.trades import is_closed

OnProgress = Callable[[int, int, str], None]
"""Called with the number of searches done, the number in all, and a description of the current one."""


@dataclass(frozen=True)
class Window:
    """A window of the walk.

    Parameters
    ----------
    start_time, border, end_time : int64 ns UTC; searched on (start_time, border], traded in (border, end_time].
    strategy : the id of the chosen strategy.
    in_sample, out_of_sample : its Sortino ratio before and after the border; NaN where it is undefined.
    n_trades : number of its trades after the border.
    at_edge : names of its searched parameters that are at an end of their range, so that a better value may lie beyond.
    """

    start_time: int
    border: int
    end_time: int
    strategy: str
    in_sample: float
    out_of_sample: float
    n_trades: int
    at_edge: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, NaN as None."""
        return {
            "searched_from": format_time(self.start_time),
            "border": format_time(self.border),
            "traded_until": format_time(self.end_time),
            "strategy": self.strategy,
            "in_sample": _plain(self.in_sample),
            "out_of_sample": _plain(self.out_of_sample),
            "n_trades": self.n_trades,
            "at_edge": list(self.at_edge),
        }


@dataclass(frozen=True, eq=False)
class Walk:
    """The result of a walk-forward optimisation.

    Parameters
    ----------
    windows : its windows, without the first.
    paths : daily returns, float64 (n_days,), over the same days, by name: ``out_of_sample``, ``in_sample`` (the best
        parameters in hindsight) and ``default`` (the strategy as written, otherwise at its defaults).
    days : datetime64[D] (n_days,), the days of the paths; a day that contains a border is there twice.
    hindsight : the id of the best parameters in hindsight.
    days_per_year : of the instrument's calendar.
    """

    windows: tuple[Window, ...]
    paths: dict[str, np.ndarray]
    days: np.ndarray
    hindsight: str
    days_per_year: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values: the windows, and for each path its Sortino ratio and total return; NaN as None."""
        return {
            "windows": [window.as_dict() for window in self.windows],
            "hindsight": self.hindsight,
            "paths": {
                name: {
                    "sortino": _plain(sortino(returns, days_per_year=self.days_per_year)),
                    "total_return": float(equity(returns)[-1] - 1.0),
                    "n_days": len(returns),
                }
                for name, returns in self.paths.items()
            },
        }


def walk_forward(
    space: SearchSpace,
    bars: Bars,
    instrument: Instrument,
    *,
    n_windows: int = 6,
    n_trials: int = 40,
    minimum_trades: int = 30,
    seed: int,
    finer: Bars | FinerBars | None = None,
    on_progress: OnProgress | None = None,
) -> Walk:
    """Optimise a strategy window by window, each on all bars before it.

    Parameters
    ----------
    space : the strategy and its parameters to optimise, see `strategies.search.search_space.search_space`.
    bars, instrument : what it trades, and the terms of trading.
    n_windows : windows of equal time, at least 2; the first one is not traded.
    n_trials : parameter sets tried in each of the two stages, at least 2.
    minimum_trades : parameters with fewer closed trades are never chosen.
    seed : of the sampler.
    finer : bars that settle the order of events within a bar, as in `strategies.backtest.simulator.simulate`.
    on_progress : see `OnProgress`.

    Raises
    ------
    BadInput : if a count is too small, there are too few bars, or no parameters make enough trades before a border.
    """
    if n_windows < 2 or n_trials < 2:
        raise BadInput(f"a walk needs at least 2 windows and 2 trials, not {n_windows} and {n_trials}")
    if len(bars) < 2 * n_windows:
        raise BadInput(f"{bars.symbol} {bars.timeframe}: {len(bars)} bars are too few for {n_windows} windows")
    first, last = int(bars.close_time[0]) - 1, int(bars.close_time[-1])
    borders = np.linspace(first, last, n_windows + 1).astype(np.int64).tolist()
    backtest = _WindowBacktest(bars, instrument, align_finer(bars, finer))
    windows, walked = [], []
    for step, (border, end) in enumerate(pairwise(borders[1:])):
        if on_progress is not None:
            on_progress(step, n_windows, f"{space.text} up to {format_time(border)}")
        search = _ParameterSearch(backtest, first, border, n_trials, minimum_trades, seed + step)
        chosen, at_edge = search.best(space)
        searched, _, _ = backtest.days(chosen, first, border)
        days, count, _ = backtest.days(chosen, border, end)
        walked.append(days)
        before, after = (sortino(each, days_per_year=backtest.days_per_year) for each in (searched, days))
        windows.append(Window(first, border, end, chosen.id, before, after, count, at_edge))
    if on_progress is not None:
        on_progress(n_windows - 1, n_windows, f"{space.text} in hindsight")
    start = borders[1]
    hindsight, _ = _ParameterSearch(backtest, start, last, n_trials, minimum_trades, seed + n_windows).best(space)
    paths = {
        "out_of_sample": np.concatenate(walked),
        # Split at the same borders: a day that contains a border counts on both sides of it.
        "in_sample": np.concatenate([backtest.days(hindsight, w.border, w.end_time)[0] for w in windows]),
        "default": np.concatenate([backtest.days(space.make({}), w.border, w.end_time)[0] for w in windows]),
    }
    calendar = instrument.trading_calendar
    days_of = [calendar.days(w.border + 1, w.end_time).astype("datetime64[D]") for w in windows]
    return Walk(tuple(windows), paths, np.concatenate(days_of), hindsight.id, backtest.days_per_year)


@dataclass(eq=False)
class _WindowBacktest:
    """Simulates each strategy once over all bars; windows are cut out of its trades."""

    bars: Bars
    instrument: Instrument
    aligned_finer: FinerBars
    _closed: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    @property
    def days_per_year(self) -> float:
        return self.instrument.trading_calendar.days_per_year

    def days(self, strategy: Strategy, start: int, end: int) -> tuple[np.ndarray, int, float]:
        """Return the daily returns, the number and the capital of the trades decided after `start`, closed by `end`."""
        if strategy.id not in self._closed:
            trades = simulate(strategy, self.bars, self.instrument, finer=self.aligned_finer)
            closed = trades[is_closed(trades)]
            names = ("decision_time", "exit_time", "stake", "net_return")
            self._closed[strategy.id] = {name: closed[name].to_numpy() for name in names}
        known, calendar = self._closed[strategy.id], self.instrument.trading_calendar
        kept = (known["decision_time"] > start) & (known["exit_time"] <= end)
        day, n_days = exit_days(known["exit_time"][kept], period=(start + 1, end), calendar=calendar)
        effect = capital_effect(known["stake"][kept], known["net_return"][kept], n_instances=1)
        capital = float(known["stake"][kept].sum())
        return np.bincount(day, weights=effect, minlength=n_days), int(kept.sum()), capital


@dataclass(frozen=True, eq=False)
class _ParameterSearch:
    """The search for the best parameters between two times."""

    backtest: _WindowBacktest
    start: int
    end: int
    n_trials: int
    minimum_trades: int
    seed: int

    def best(self, space: SearchSpace) -> tuple[Strategy, tuple[str, ...]]:
        """Search the entries, then the exits; return the best strategy and what of it was found at an edge."""
        found: dict[str, float] = {}
        fitness = self.fitness(space.make({}))
        for stage in STAGES:
            values, value = self._stage(space, stage, found)
            if not value <= fitness:  # True as well where `fitness` is NaN
                found, fitness = values, value
        if math.isnan(fitness):
            raise BadInput(
                f"no parameters of {space.text} make {self.minimum_trades} trades with a downside up to "
                f"{format_time(self.end)}: use more bars, fewer windows, or a smaller minimum of trades"
            )
        at_edge = (each.name for each in space.searched if each.name in found and each.is_edge(found[each.name]))
        return space.make(found), tuple(at_edge)

    def fitness(self, strategy: Strategy) -> float:
        """Rank a strategy by `ranked_sortino`; NaN with fewer trades than the minimum."""
        days, count, capital = self.backtest.days(strategy, self.start, self.end)
        if count < self.minimum_trades:
            return math.nan
        return ranked_sortino(days, capital=capital, days_per_year=self.backtest.days_per_year)

    def _stage(self, space: SearchSpace, stage: str, fixed: Mapping[str, float]) -> tuple[dict[str, float], float]:
        import optuna

        searched = space.of_stage(stage)
        if not searched:
            return dict(fixed), math.nan

        def suggest(trial: optuna.Trial) -> dict[str, float]:
            return {
                each.name: trial.suggest_int(each.name, int(each.low), int(each.high))
                if each.whole
                else _short(trial.suggest_float(each.name, each.low, each.high))
                for each in searched
            }

        def objective(trial: optuna.Trial) -> float:
            try:
                value = self.fitness(space.make({**fixed, **suggest(trial)}))
            except BadInput as error:  # such as a fast average with a longer window than the slow one
                raise optuna.TrialPruned from error
            if math.isnan(value):
                raise optuna.TrialPruned
            return value

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=self.seed))
        study.optimize(objective, n_trials=self.n_trials)
        done = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE]
        if not done:
            return dict(fixed), math.nan
        # Rounded as they were when tried.
        return dict(fixed) | {name: _short(value) for name, value in study.best_params.items()}, study.best_value


def _short(value: float) -> float:
    """Round to four digits: ids stay readable, and more digits do not make a rule better."""
    return value if isinstance(value, int) else float(f"{value:.4g}")


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
