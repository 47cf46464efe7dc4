"""Optimisation: parameters of a rule chosen on the past, judged on what came next.

Walk-forward (Pardo, 2008): the time is cut into windows. For each window but the first, parameters are searched on the
bars before it and traded in it unchanged; the days of all those windows, joined, are the out-of-sample path. Beside it
stands the in-sample path: the parameters that would have been best on the same days, had they been known. What lies
between the two is what optimisation promised and did not keep.
A trade that is open across a border counts on neither side of it.

The search has two stages: first the parameters that say when to enter, with the exits as they are by default; then, at
the best entries, those that say how to leave, of the rule and of its modifiers. Optuna's TPE sampler (Bergstra et al.,
2011) proposes the values.
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
from tradesieve.strategies.statistics.daily_returns import capital_effect, equity, exit_days, sortino
from tradesieve.strategies.strategy import Strategy

Told = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Window:
    """One step of the walk.

    Parameters
    ----------
    start_time, border, end_time : int64 ns UTC; searched on (start_time, border], traded in (border, end_time].
    strategy : the id of the choice.
    in_sample, out_of_sample : Sortino ratio of its days before and after the border; NaN where it has none.
    n_trades : how many trades it decided after the border.
    """

    start_time: int
    border: int
    end_time: int
    strategy: str
    in_sample: float
    out_of_sample: float
    n_trades: int

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
        }


@dataclass(frozen=True, eq=False)
class Walk:
    """A finished walk.

    Parameters
    ----------
    windows : its steps.
    paths : name: daily returns, float64 (n_days,), over the same days: ``out_of_sample`` (the walk), ``in_sample`` (the
        best parameters in hindsight) and ``default`` (the rule as it comes).
    days : datetime64[D] (n_days,), the days of the paths; one that a border falls into stands there twice.
    hindsight : the id of the best parameters in hindsight.
    days_per_year : of the instrument's calendar.
    """

    windows: tuple[Window, ...]
    paths: dict[str, np.ndarray]
    days: np.ndarray
    hindsight: str
    days_per_year: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values: the windows, and for each path its Sortino ratio and its whole return."""
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
    on_progress: Told | None = None,
) -> Walk:
    """Optimise a strategy window by window, each on all that came before it.

    Parameters
    ----------
    space : the strategy and which of its parameters are searched, see `strategies.search.search_space.search_space`.
    bars, instrument : what it trades, and on which terms.
    n_windows : windows of equal time, at least 2; the first is only searched on.
    n_trials : values that each of the two stages tries, at least 2.
    minimum_trades : a choice with fewer closed trades has no fitness and is never chosen.
    seed : of the sampler.
    finer : bars that settle what came first within a bar, as in `strategies.backtest.simulator.simulate`.
    on_progress : called with the searches done, those in all, and what is searched.

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
    trader = _Trader(bars, instrument, align_finer(bars, finer))
    windows, walked = [], []
    for step, (border, end) in enumerate(pairwise(borders[1:])):
        if on_progress is not None:
            on_progress(step, n_windows, f"{space.text} up to {format_time(border)}")
        search = _Search(trader, first, border, n_trials, minimum_trades, seed + step)
        chosen, fitness = search.best(space)
        days, count = trader.days(chosen, border, end)
        walked.append(days)
        out = sortino(days, days_per_year=trader.days_per_year)
        windows.append(Window(first, border, end, chosen.id, fitness, out, count))
    if on_progress is not None:
        on_progress(n_windows - 1, n_windows, f"{space.text} in hindsight")
    start = borders[1]
    hindsight, _ = _Search(trader, start, last, n_trials, minimum_trades, seed + n_windows).best(space)
    paths = {
        "out_of_sample": np.concatenate(walked),
        # Cut at the same borders: a day that a border falls into counts on both sides of it.
        "in_sample": np.concatenate([trader.days(hindsight, w.border, w.end_time)[0] for w in windows]),
        "default": np.concatenate([trader.days(space.make({}), w.border, w.end_time)[0] for w in windows]),
    }
    calendar = instrument.trading_calendar
    days_of = [calendar.days(w.border + 1, w.end_time).astype("datetime64[D]") for w in windows]
    return Walk(tuple(windows), paths, np.concatenate(days_of), hindsight.id, trader.days_per_year)


@dataclass(eq=False)
class _Trader:
    """Simulates each choice once over all bars; windows are cut out of its trades."""

    bars: Bars
    instrument: Instrument
    aligned_finer: FinerBars
    _known: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    @property
    def days_per_year(self) -> float:
        return self.instrument.trading_calendar.days_per_year

    def days(self, strategy: Strategy, start: int, end: int) -> tuple[np.ndarray, int]:
        """Give the daily returns of the trades that were decided after `start` and closed by `end`, and their count."""
        if strategy.id not in self._known:
            trades = simulate(strategy, self.bars, self.instrument, finer=self.aligned_finer)
            closed = trades[trades["exit_reason"] != "end_of_data"]
            names = ("decision_time", "exit_time", "stake", "net_return")
            self._known[strategy.id] = {name: closed[name].to_numpy() for name in names}
        known, calendar = self._known[strategy.id], self.instrument.trading_calendar
        kept = (known["decision_time"] > start) & (known["exit_time"] <= end)
        day, n_days = exit_days(known["exit_time"][kept], period=(start + 1, end), calendar=calendar)
        effect = capital_effect(known["stake"][kept], known["net_return"][kept], n_instances=1)
        return np.bincount(day, weights=effect, minlength=n_days), int(kept.sum())


@dataclass(frozen=True, eq=False)
class _Search:
    """The search for the best parameters between two times."""

    trader: _Trader
    start: int
    end: int
    n_trials: int
    minimum_trades: int
    seed: int

    def best(self, space: SearchSpace) -> tuple[Strategy, float]:
        """Search the entries, then the exits; return the choice and its Sortino ratio."""
        found: dict[str, float] = {}
        fitness = self.fitness(space.make({}))
        for stage in STAGES:
            values, value = self._stage(space, stage, found)
            if not value <= fitness:  # also where there was none
                found, fitness = values, value
        if math.isnan(fitness):
            raise BadInput(
                f"no parameters of {space.text} make {self.minimum_trades} trades with a downside up to "
                f"{format_time(self.end)}: give longer bars, fewer windows, or a smaller minimum of trades"
            )
        return space.make(found), fitness

    def fitness(self, strategy: Strategy) -> float:
        """Give the Sortino ratio of its days; NaN with fewer trades than the minimum."""
        days, count = self.trader.days(strategy, self.start, self.end)
        return sortino(days, days_per_year=self.trader.days_per_year) if count >= self.minimum_trades else math.nan

    def _stage(self, space: SearchSpace, stage: str, fixed: Mapping[str, float]) -> tuple[dict[str, float], float]:
        import optuna

        searched = space.of_stage(stage)
        if not searched:
            return dict(fixed), math.nan

        def proposed(trial: optuna.Trial) -> dict[str, float]:
            return {
                each.name: trial.suggest_int(each.name, int(each.low), int(each.high))
                if each.whole
                else _short(trial.suggest_float(each.name, each.low, each.high))
                for each in searched
            }

        def objective(trial: optuna.Trial) -> float:
            try:
                value = self.fitness(space.make({**fixed, **proposed(trial)}))
            except BadInput as error:  # such as a fast average that is slower than the slow one
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
        # What was tried is what is chosen: the numbers as they were rounded.
        return dict(fixed) | {name: _short(value) for name, value in study.best_params.items()}, study.best_value


def _short(value: float) -> float:
    """Round to four digits: a name is read by people, and no rule is better for a fifth."""
    return value if isinstance(value, int) else float(f"{value:.4g}")


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
