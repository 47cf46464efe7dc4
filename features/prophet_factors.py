"""Prophet's trend, seasons and forecast at the decision, as factors; of the extra ``prophet``.

bars__prophet_trend__days_30       the slope of the trend, in log return a day
bars__prophet_daily__days_30       the part of the log price that the time of day explains
bars__prophet_weekly__days_30      the part that the day of the week explains
bars__prophet_forecast__days_30    the log price that is forecast for the decision, less the last close's

Prophet is fitted on the log closes of the last `days` days that have bars, the last one of each hour, all before the
day of the decision (UTC; midnight ends a day). So it is fitted once a day of the market, whatever is decided in it, and
every value follows from that fit and the decision's time. NaN where the window does not hold that many whole days.

What they added in the study (`tests/studies/PROPHET.md`): much to the small set of features on both planted markets; to
the default set something where the hour matters, and nothing where the trend does.
Source: Taylor and Letham (2018), Forecasting at scale.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from tradesieve.features.factor import Factor, Feature
from tradesieve.features.inputs import parse_input
from tradesieve.market.errors import BadInput
from tradesieve.market.extras import import_extra
from tradesieve.market.timeframes import DAY, Timeframe

PREFIX = "prophet_"

_NAME = re.compile(rf"(.+?)__{PREFIX}(trend|daily|weekly|forecast)__days_([1-9]\d*)")
_FEWEST_DAYS = 14
_HOUR = DAY // 24
_SEASONS = {"daily": (1.0, 4), "weekly": (7.0, 3)}
"""Period in days and order of the Fourier series; Prophet's own defaults."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What Prophet was fitted to, in its own units: time from 0 to 1 over the training bars, log price over its scale.

    Parameters
    ----------
    start, duration : of the training bars, int ns.
    scale : of the log price.
    rate, offset : of the trend before its first change.
    change_times, changes : float64 (n_changes,), when the rate changes, and by how much.
    seasons : the coefficients of the Fourier series, by season.
    """

    start: int
    duration: int
    scale: float
    rate: float
    offset: float
    change_times: np.ndarray
    changes: np.ndarray
    seasons: dict[str, np.ndarray]

    def slope(self, time: int) -> float:
        """Return the slope of the trend in log return a day."""
        return self._rate(self._own(time)) * self.scale * DAY / self.duration

    def trend(self, time: int) -> float:
        """Return the trend of the log price."""
        own = self._own(time)
        moved = float((self.changes * self.change_times)[self.change_times <= own].sum())
        return (self._rate(own) * own + self.offset - moved) * self.scale

    def season(self, name: str, time: int) -> float:
        """Return a season's part of the log price."""
        period, order = _SEASONS[name]
        angles = np.arange(1, order + 1) / period * (2.0 * np.pi * (time / DAY))
        waves = np.column_stack([np.sin(angles), np.cos(angles)]).ravel()
        return float((waves * self.seasons[name]).sum()) * self.scale

    def _own(self, time: int) -> float:
        return (time - self.start) / self.duration

    def _rate(self, own: float) -> float:
        return self.rate + float(self.changes[self.change_times <= own].sum())


@cache
def prophet_feature(name: str) -> Feature:
    """Parse the name of a feature of Prophet.

    Raises
    ------
    BadInput : if the input, the part or the days are not valid.
    """
    match = _NAME.fullmatch(name)
    if match is None or parse_input(match[1]).column != "bars" or int(match[3]) < _FEWEST_DAYS:
        raise BadInput(
            f"feature {name!r}: write bars__{PREFIX}PART__days_DAYS, with PART one of trend, daily, weekly, forecast "
            f"and at least {_FEWEST_DAYS} days"
        )
    factor = Factor(
        name=PREFIX + match[2],
        kind="bars",
        kernel=_KERNELS[match[2]],
        parameters=("days",),
        lookback=_whole_days,
        compiled=False,
        family="prophet",
    )
    return Feature(name, factor, parse_input(match[1]), (("days", float(match[3])),))


def needs_prophet(name: str) -> bool:
    """Tell whether a feature calls the installed Prophet."""
    return _NAME.fullmatch(name) is not None


def _whole_days(values: dict[str, Any], timeframe: Timeframe) -> int:
    # The day so far, the whole days, and the last bar of the day before them.
    return (int(values["days"]) + 1) * timeframe.bars_in(DAY) + 1


def _trend(close_time: np.ndarray, *columns: np.ndarray) -> float:
    """Slope of Prophet's trend at the decision, in log return a day."""
    fit, _ = _before_today(close_time, columns)
    return np.nan if fit is None else fit.slope(int(close_time[-1]))


def _daily(close_time: np.ndarray, *columns: np.ndarray) -> float:
    """Part of the log price that the time of day explains, by Prophet."""
    fit, _ = _before_today(close_time, columns)
    return np.nan if fit is None else fit.season("daily", int(close_time[-1]))


def _weekly(close_time: np.ndarray, *columns: np.ndarray) -> float:
    """Part of the log price that the day of the week explains, by Prophet."""
    fit, _ = _before_today(close_time, columns)
    return np.nan if fit is None else fit.season("weekly", int(close_time[-1]))


def _forecast(close_time: np.ndarray, *columns: np.ndarray) -> float:
    """Prophet's forecast of the log price at the decision, less the log of the last close."""
    fit, since = _before_today(close_time, columns)
    if fit is None:
        return np.nan
    time = int(close_time[-1])
    return fit.trend(time) + fit.season("daily", time) + fit.season("weekly", time) - since


_KERNELS = {"trend": _trend, "daily": _daily, "weekly": _weekly, "forecast": _forecast}


def _before_today(close_time: np.ndarray, columns: tuple[np.ndarray, ...]) -> tuple[Fit | None, float]:
    """Fit what was known when the day of the last bar began.

    Returns
    -------
    The fit of the log close over that of the last training bar, None where too little is known; and the last close in
    the same unit.
    """
    close, days = columns[3], int(columns[-1][0])
    day = (close_time - 1) // DAY  # midnight ends a day
    starts = np.flatnonzero(np.diff(day)) + 1  # the first bar of each day but the first, which may not be whole
    if len(starts) < days + 1 or np.min(close) <= 0.0:
        return None, np.nan
    first, today = starts[-days - 1], starts[-1]
    time, price = close_time[first:today], close[first:today]
    last_of_hour = np.append(np.diff((time - 1) // _HOUR) != 0, True)
    time, price = time[last_of_hour], price[last_of_hour]
    moved = np.log(price / price[-1])
    if np.ptp(moved) == 0.0:
        return None, np.nan
    return fitted(time.tobytes(), moved.tobytes()), float(np.log(close[-1] / price[-1]))


@lru_cache(maxsize=1024)
def fitted(time: bytes, log_price: bytes) -> Fit:
    """Fit Prophet, once for all decisions of a day.

    Parameters
    ----------
    time, log_price : the bytes of the arrays of `fitted_prophet`, by which a fit is found again.
    """
    model = fitted_prophet(np.frombuffer(time, dtype=np.int64), np.frombuffer(log_price))
    seasons, before = {}, 0
    for name, (_, order) in _SEASONS.items():
        seasons[name] = np.asarray(model.params["beta"])[0, before : before + 2 * order]
        before += 2 * order
    return Fit(
        start=int(model.start.as_unit("ns").value),
        duration=int(model.t_scale.as_unit("ns").value),
        scale=float(model.y_scale),
        rate=float(model.params["k"].item()),
        offset=float(model.params["m"].item()),
        change_times=np.asarray(model.changepoints_t, dtype=np.float64),
        changes=np.asarray(model.params["delta"])[0],
        seasons=seasons,
    )


def fitted_prophet(time: np.ndarray, log_price: np.ndarray) -> Any:
    """Fit Prophet with a linear trend, a daily and a weekly season.

    Parameters
    ----------
    time : int64 ns UTC (n,).
    log_price : float64 (n,).

    Raises
    ------
    BadInput : if Prophet is not installed.
    """
    import logging

    import pandas as pd

    prophet = import_extra("prophet", "prophet")
    logging.getLogger("cmdstanpy").disabled = True  # it logs every fit
    model = prophet.Prophet(
        daily_seasonality=False, weekly_seasonality=False, yearly_seasonality=False, uncertainty_samples=0,
    )  # fmt: skip
    for name, (period, order) in _SEASONS.items():
        model.add_seasonality(name=name, period=period, fourier_order=order)
    model.fit(pd.DataFrame({"ds": pd.to_datetime(time), "y": log_price}), seed=1)
    return model
