"""Bars of a decision: taken from its request or from the service's own windows, and checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tradesieve.features.factor import Feature
from tradesieve.features.requirements import Requirements
from tradesieve.features.volume_features import without_volume
from tradesieve.market.bars import Bars, format_time
from tradesieve.market.timeframes import DAY, Timeframe
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.bar_windows import BarWindows
from tradesieve.serving.problem_details import Problem
from tradesieve.serving.schemas import ScoreRequest, bars_of

Shared = Mapping[tuple[str, str], Bars]
"""Bars by symbol and timeframe."""
NOT_SHARED: Shared = {}
_ON_THE_GRID = np.zeros(1, np.int64)

_WINDOWS_REMEMBERED = 256


class DecisionBars:
    """Takes the bars that a decision requires from its request or from the windows, and checks them. Thread-safe.

    Parameters
    ----------
    artifact : its golden vectors show at which offsets the bars of each symbol close.
    windows : the bars that POST /bars appends.
    """

    def __init__(self, artifact: Artifact, windows: BarWindows) -> None:
        self.windows = windows
        self._offsets = _close_offsets(artifact)
        self._beside = {each.input.symbol for each in artifact.features if each.input.beside}

    def own(
        self, request: ScoreRequest, timeframe: Timeframe, required: Requirements, shared: Shared = NOT_SHARED
    ) -> Bars:
        """Return the bars of the decision's own symbol; the last one closes at the decision.

        Parameters
        ----------
        shared : bars that came with the request but not in it.

        Raises
        ------
        Problem : 409 if the service's own window does not reach the decision or is too short, 422 if the bars of the
            request do not or are.
        """
        time, needed = request.decision_time, required.bars
        sent = None if request.bars is None else bars_of(request.bars, request.symbol, timeframe)
        if sent is None:
            sent = shared.get((request.symbol, str(timeframe)))
        if sent is not None:
            bars = self._checked(sent, time, needed, "bars")
            if bars.close_time[-1] < time:
                raise Problem(
                    422,
                    "stale-window",
                    f"the last bar closes at {show_time(bars.close_time[-1])}, the decision is at {show_time(time)}",
                    field="decision_time",
                    hint="a decision is made at the close of the last bar, in nanoseconds since 1970 UTC; "
                    "send the bars up to it",
                )
            return _last_of_request(bars, needed, "bars")
        held = self._window(request.symbol, timeframe, needed, "bars")
        known = held if held.close_time[-1] == time else held.between(end_time=time)
        if not len(known) or known.close_time[-1] != time:
            raise Problem(
                409,
                "stale-window",
                f"the service's bars of {request.symbol} {timeframe} close from {format_time(held.close_time[0])} to "
                f"{format_time(held.close_time[-1])}; none closes at the decision, {show_time(time)}",
                field="decision_time",
                hint="append the bars up to the decision by POST /bars first",
            )
        return _last_of_window(known, needed, "bars")

    def others(
        self, request: ScoreRequest, timeframe: Timeframe, required: Requirements, shared: Shared = NOT_SHARED
    ) -> dict[str, Bars]:
        """Return the bars of the other symbols that a decision requires, up to the last one closed by then.

        Raises
        ------
        Problem : as `own`.
        """
        return {
            symbol: self._other(request, symbol, timeframe, needed, shared)
            for symbol, needed in required.others.items()
        }

    def _other(self, request: ScoreRequest, symbol: str, timeframe: Timeframe, needed: int, shared: Shared) -> Bars:
        time, field = request.decision_time, f"others.{symbol}"
        sent: Any = None
        if request.others is not None:
            if symbol not in request.others:
                raise Problem(
                    422,
                    "missing-term",
                    f"{field}: the model reads {symbol} beside {request.symbol}",
                    field=field,
                    hint=f"send its last {needed} bars that were closed at the decision, or null for the service's own",
                )
            sent = request.others[symbol]
        given = shared.get((symbol, str(timeframe))) if sent is None else bars_of(sent, symbol, timeframe, field=field)
        if given is None:
            held = self._window(symbol, timeframe, needed, field, beside=request.symbol).between(end_time=time)
            if symbol in self._beside and (not len(held) or held.close_time[-1] != time):
                # The bar may not exist, or only be late; without it the model would decide as if it did not exist.
                raise Problem(
                    409,
                    "stale-window",
                    f"the model reads {symbol} beside {request.symbol}, but none of the service's bars of {symbol} "
                    f"{timeframe} closes at the decision, {show_time(time)}",
                    field=field,
                    hint=f"append the bars of {symbol} up to the decision by POST /bars first; if it has none that "
                    f"closes then, send its last {needed} bars as {field}",
                )
            return _last_of_window(held, needed, field)
        bars = self._checked(given, time, needed, field)
        held = self.windows.get(symbol, str(timeframe)) or bars
        later = held.between(int(bars.close_time[-1]), time)
        if len(later):
            raise Problem(
                422,
                "stale-window",
                f"the last bar of {symbol} closes at {show_time(bars.close_time[-1])}, but one that closes at "
                f"{show_time(later.close_time[-1])} was known at the decision",
                field=field,
                hint="send the bars up to the last one that was closed at the decision",
            )
        return _last_of_request(bars, needed, field)

    def _checked(self, bars: Bars, time: int, needed: int, field: str) -> Bars:
        if not len(bars):
            return _last_of_request(bars, needed, field)
        self.require_grid(bars, field=field)
        last = int(bars.close_time[-1])
        if last > time:
            raise Problem(
                422,
                "unknowable-bars",
                f"the last bar closes at {show_time(last)}, after the decision at {show_time(time)}",
                field=field,
                hint="send only bars that were closed at the decision",
            )
        return bars

    def _window(self, symbol: str, timeframe: Timeframe, needed: int, field: str, *, beside: str | None = None) -> Bars:
        held = self.windows.get(symbol, str(timeframe))
        if held is None:
            reading = "" if beside is None else f"the model reads {symbol} beside {beside}, but "
            hint = f"send bars, or append the last {needed} closed bars by POST /bars first"
            if beside is not None:
                hint = f"send its last {needed} closed bars as {field}, or append them by POST /bars first"
            raise Problem(
                409, "no-window", f"{reading}the service holds no bars of {symbol} {timeframe}", field=field, hint=hint
            )
        return held

    def require_grid(self, bars: Bars, *, field: str = "bars") -> None:
        """Refuse bars that do not close on the grid of the bars that the model was trained on.

        Raises
        ------
        Problem : 422, names the first one.
        """
        timeframe = bars.timeframe
        if timeframe.duration >= DAY:
            return  # a day, week or month may begin at local midnight, and clocks change
        # Bars of which longer ones are built close on the UTC grid.
        allowed = self._offsets.get((bars.symbol, str(timeframe)), _ON_THE_GRID)
        offsets = bars.close_time % timeframe.duration
        off = offsets != allowed[0] if len(allowed) == 1 else ~np.isin(offsets, allowed)
        if off.any():
            row = int(np.argmax(off))
            raise Problem(
                422,
                "off-grid",
                f"bar {row} closes at {show_time(bars.close_time[row])}, which is not on the grid of {timeframe} bars",
                field=f"{field}.close_time[{row}]",
                hint="send bars of the request's timeframe, with their close times in nanoseconds since 1970 UTC",
            )


def require_volume(features: Sequence[Feature], window: Bars, others: Mapping[str, Bars]) -> None:
    """Refuse bars without the volume that features read, unless the price did not move: then nothing traded.

    Raises
    ------
    Problem : 422, names the features and the symbol.
    """
    if window.has_volume and all(bars.has_volume for bars in others.values()):
        return
    moving = [each for each in features if _moved(others.get(each.input.symbol or "", window))]
    missing = without_volume(moving, window, others)
    if missing:
        raise Problem(
            422,
            "no-volume",
            f"{', '.join(missing)} read volume, but {' and '.join(dict.fromkeys(missing.values()))}",
            field="others" if window.has_volume else "bars",
            hint="send the volume of each bar; for a feed without volumes, train a model without these features",
        )


def _moved(bars: Bars) -> bool:
    return bool(bars.high.max() > bars.low.min())


def bar_warnings(window: Bars, others: dict[str, Bars]) -> list[str]:
    """Return warnings about the bars of a decision that are no reason to refuse it: gaps, and symbols that lag."""
    found = list(_absences(window))
    for symbol, bars in others.items():
        if bars.close_time[-1] != window.close_time[-1]:
            found.append(f"the last bar of {symbol} closes at {format_time(bars.close_time[-1])}, before the decision")
    return found


@lru_cache(maxsize=_WINDOWS_REMEMBERED)
def _absences(window: Bars) -> tuple[str, ...]:
    steps = window.timeframe.steps(window.close_time)
    if not np.any(steps > 1):
        return ()
    first = window.close_time[int(np.argmax(steps > 1))]
    n_absent, n_gaps = int((steps[steps > 1] - 1).sum()), int((steps > 1).sum())
    return (
        f"{n_absent} bars are absent in {n_gaps} {'gap' if n_gaps == 1 else 'gaps'} of the window, the first after "
        f"{format_time(first)}; an absent bar means that nothing traded",
    )


def _close_offsets(artifact: Artifact) -> dict[tuple[str, str], np.ndarray]:
    """Read the offset of each grid from bars of training: on an exchange that opens at half past, hours do too."""
    found = defaultdict(set)
    for vector in artifact.golden[0]:
        duration = vector.bars.timeframe.duration
        for bars in (vector.bars, *vector.others.values()):
            found[bars.symbol, str(bars.timeframe)].update((bars.close_time % duration).tolist())
    keys = {instance.series for instance in artifact.instances}
    for timeframe in artifact.manifest["timeframes"]:
        keys |= {(symbol, timeframe) for symbol in artifact.requirements(timeframe).others}
    return {key: np.array(sorted(found.get(key, {0}))) for key in keys}


@lru_cache(maxsize=_WINDOWS_REMEMBERED)
def _last_of_window(known: Bars, needed: int, field: str) -> Bars:
    """Return the bars of a decision, for the same window the same object: what was found in it is remembered."""
    if len(known) < needed:
        raise Problem(
            409,
            "too-few-bars",
            f"the service holds {len(known)} bars of {known.symbol} {known.timeframe} up to the decision, "
            f"it needs {needed}",
            field=field,
            hint=f"append the last {needed} closed bars by POST /bars, with replace true",
        )
    return known[-needed:]


def _last_of_request(given: Bars, needed: int, field: str) -> Bars:
    if len(given) < needed:
        of = "" if field == "bars" else f" of {given.symbol}"
        raise Problem(
            422,
            "too-few-bars",
            f"{len(given)} bars{of} were sent, a decision on {given.timeframe} needs {needed}",
            field=field,
            hint=f"send the last {needed} closed bars",
        )
    return given[-needed:]


def show_time(time: int) -> str:
    """Write a time of a request, int64 ns UTC, for people and as it was sent."""
    return f"{format_time(time)} ({time})"
