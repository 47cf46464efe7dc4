"""History: the bars that a decision is made on, from its request or from the service's own windows, or why they do not
do.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from tradesieve.features.requirements import Requirements
from tradesieve.market.bars import Bars, format_time
from tradesieve.market.timeframes import DAY, Timeframe
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.bar_windows import BarWindows
from tradesieve.serving.problem_details import Problem
from tradesieve.serving.schemas import ScoreRequest, bars_of


class History:
    """Finds and checks the bars of decisions. Safe under threads: it holds no state but the windows.

    Parameters
    ----------
    artifact : knows where the closes of each symbol lie.
    windows : the bars that POST /bars appends.
    """

    def __init__(self, artifact: Artifact, windows: BarWindows) -> None:
        self.windows = windows
        self._phases = _phases(artifact)

    def own(self, request: ScoreRequest, timeframe: Timeframe, required: Requirements) -> Bars:
        """Give the bars of the decision's own symbol; the last one closes at the decision.

        Raises
        ------
        Problem : 409 when the service's own window does not fit, 422 when the bars of the request do not.
        """
        time, needed = request.decision_time, required.bars
        if request.bars is not None:
            given = bars_of(request.bars, request.symbol, timeframe)
            bars = self._given(given, time, needed, "bars")
            if bars.close_time[-1] < time:
                raise Problem(
                    422,
                    "stale-window",
                    f"the last bar closes at {_named(bars.close_time[-1])}, the decision is at {_named(time)}",
                    field="decision_time",
                    hint="a decision is made at the close of the last bar, in nanoseconds since 1970 UTC; "
                    "send the bars up to it",
                )
            return _last(bars, needed, "bars")
        held = self._held(request.symbol, timeframe, needed, "bars")
        known = held if held.close_time[-1] == time else held.between(end_time=time)
        if not len(known) or known.close_time[-1] != time:
            raise Problem(
                409,
                "stale-window",
                f"the service's bars of {request.symbol} {timeframe} close from {format_time(held.close_time[0])} to "
                f"{format_time(held.close_time[-1])}; none closes at the decision, {_named(time)}",
                field="decision_time",
                hint="append the bars up to the decision by POST /bars first",
            )
        return _enough(known, needed, "bars")

    def others(self, request: ScoreRequest, timeframe: Timeframe, required: Requirements) -> dict[str, Bars]:
        """Give the bars of the other symbols that a decision needs, up to the last one known to be closed by then.

        Raises
        ------
        Problem : as `own`.
        """
        return {symbol: self._other(request, symbol, timeframe, needed) for symbol, needed in required.others.items()}

    def _other(self, request: ScoreRequest, symbol: str, timeframe: Timeframe, needed: int) -> Bars:
        time, field = request.decision_time, f"others.{symbol}"
        given: Any = None
        if request.others is not None:
            if symbol not in request.others:
                raise Problem(
                    422,
                    "missing-term",
                    f"{field}: the model looks at {symbol} beside {request.symbol}",
                    field=field,
                    hint=f"send its last {needed} bars that were closed at the decision, or null for the service's own",
                )
            given = request.others[symbol]
        if given is None:
            held = self._held(symbol, timeframe, needed, field)
            return _enough(held.between(end_time=time), needed, field)
        bars = self._given(bars_of(given, symbol, timeframe, field=field), time, needed, field)
        held = self.windows.get(symbol, str(timeframe)) or bars
        later = held.between(int(bars.close_time[-1]), time)
        if len(later):
            raise Problem(
                422,
                "stale-window",
                f"the last bar of {symbol} closes at {_named(bars.close_time[-1])}, but one that closes at "
                f"{_named(later.close_time[-1])} was known at the decision",
                field=field,
                hint="send the bars up to the last one that was closed at the decision",
            )
        return _last(bars, needed, field)

    def _given(self, bars: Bars, time: int, needed: int, field: str) -> Bars:
        if not len(bars):
            return _last(bars, needed, field)
        self.refuse_off_grid(bars, field=field)
        last = int(bars.close_time[-1])
        if last > time:
            raise Problem(
                422,
                "unknowable-bars",
                f"the last bar closes at {_named(last)}, after the decision at {_named(time)}",
                field=field,
                hint="send only bars that were closed at the decision",
            )
        return bars

    def _held(self, symbol: str, timeframe: Timeframe, needed: int, field: str) -> Bars:
        held = self.windows.get(symbol, str(timeframe))
        if held is None:
            raise Problem(
                409,
                "no-window",
                f"the service holds no bars of {symbol} {timeframe}",
                field=field,
                hint=f"send bars, or append the last {needed} closed bars by POST /bars first",
            )
        return held

    def refuse_off_grid(self, bars: Bars, *, field: str = "bars") -> None:
        """Refuse bars whose closes do not lie where those of the model's bars lay.

        Raises
        ------
        Problem : 422, names the first one.
        """
        timeframe = bars.timeframe
        if timeframe.duration >= DAY:
            return  # a day may begin at local midnight, and then lasts 23 or 25 hours when the clocks change
        phases = self._phases[bars.symbol, str(timeframe)]
        phase = bars.close_time % timeframe.duration
        off = phase != phases[0] if len(phases) == 1 else ~np.isin(phase, phases)
        if off.any():
            row = int(np.argmax(off))
            raise Problem(
                422,
                "off-grid",
                f"bar {row} closes at {_named(bars.close_time[row])}, which is no close of a {timeframe} bar",
                field=f"{field}.close_time[{row}]",
                hint="send bars of the request's timeframe, with their close times in nanoseconds since 1970 UTC",
            )


def oddities(window: Bars, others: dict[str, Bars]) -> list[str]:
    """Say in plain sentences what is odd about the bars of a decision, and no reason to refuse it."""
    found = []
    steps = np.diff(window.close_time) // window.timeframe.duration
    if np.any(steps > 1):
        first = window.close_time[int(np.argmax(steps > 1))]
        n_absent, n_gaps = int((steps[steps > 1] - 1).sum()), int((steps > 1).sum())
        found.append(
            f"{n_absent} bars are absent in {n_gaps} {'gap' if n_gaps == 1 else 'gaps'} of the window, the first after "
            f"{format_time(first)}; an absent bar means that nothing traded"
        )
    for symbol, bars in others.items():
        if bars.close_time[-1] != window.close_time[-1]:
            found.append(f"the last bar of {symbol} closes at {format_time(bars.close_time[-1])}, before the decision")
    return found


def _phases(artifact: Artifact) -> dict[tuple[str, str], np.ndarray]:
    """Learn where each grid lies: hourly bars of an exchange that opens at half past close at half past."""
    found = defaultdict(set)
    for vector in artifact.golden[0]:
        duration = vector.bars.timeframe.duration
        for bars in (vector.bars, *vector.others.values()):
            found[bars.symbol, str(bars.timeframe)].update((bars.close_time % duration).tolist())
    keys = {instance.series for instance in artifact.instances}
    for timeframe in artifact.manifest["timeframes"]:
        keys |= {(symbol, timeframe) for symbol in artifact.requirements(timeframe).others}
    return {key: np.array(sorted(found.get(key, {0}))) for key in keys}


def _enough(known: Bars, needed: int, field: str) -> Bars:
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


def _last(given: Bars, needed: int, field: str) -> Bars:
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


def _named(time: int) -> str:
    return f"{format_time(time)} ({time})"
