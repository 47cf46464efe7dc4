"""Scoring: from a checked request to a decision, with the model's own features on the window's own bars."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from market.bars import Bars, format_time
from market.calendars import DAY
from market.errors import BadInput
from market.timeframes import Timeframe, parse_timeframe
from models.artifact import Artifact
from serving.problems import Problem, unknown_name
from serving.schemas import Appended, AppendRequest, Decision, ScoreRequest, bars_of
from serving.windows import Windows

_PARTS = ("strategy", "symbol", "timeframe")


class Scorer:
    """Answers requests with one artifact. Safe under threads: it holds no state but the windows.

    Parameters
    ----------
    artifact : loaded; whoever loads it verifies it.
    windows : the bars that POST /bars appends; kept when one artifact takes over from another.
    """

    def __init__(self, artifact: Artifact, windows: Windows | None = None) -> None:
        self.artifact = artifact
        self.windows = Windows() if windows is None else windows
        names = artifact.manifest["instances"]
        self._instances = frozenset(names)
        self._pairs = frozenset(name.partition("|")[2] for name in names)
        self._parts = {part: {name.split("|")[i] for name in names} for i, part in enumerate(_PARTS)}
        self._lookback = {timeframe: artifact.lookback(timeframe) for timeframe in artifact.manifest["timeframes"]}
        self._phases = _phases(artifact)
        self._thresholds = dict(zip(names, acceptance_thresholds(artifact), strict=True))
        override = artifact.manifest["override"]
        self._warnings = [] if override is None else [f"the gate refused this model; exported all the same: {override}"]

    @property
    def lookback(self) -> dict[str, int]:
        """The bars that a decision needs, by timeframe."""
        return dict(self._lookback)

    def score(self, request: ScoreRequest) -> Decision:
        """Decide.

        Raises
        ------
        Problem : 404 for names that the model does not know, 409 when the service's own window does not fit, 422 when
            the bars of the request do not.
        """
        timeframe = self._timeframe(request.symbol, request.timeframe, request.strategy)
        instance = f"{request.strategy}|{request.symbol}|{timeframe}"
        if request.bars is None:
            window = self._own_window(request, timeframe)
        else:
            given = bars_of(request.bars, request.symbol, timeframe)
            window = self._given_window(given, request.decision_time, timeframe)
        score = self.artifact.score(window, window.close_time[-1:], np.array([request.side]))
        size = float(self.artifact.sizes(score, [instance])[0])
        threshold = self._thresholds[instance]
        return Decision(
            accept=size > 0.0,
            size=size,
            score=float(score[0]),
            threshold=threshold,
            model=self.artifact.fingerprint,
            reasons=[_verdict(float(score[0]), size, threshold), *_gaps(window), *self._warnings],
        )

    def append(self, request: AppendRequest) -> Appended:
        """Append closed bars to the service's own window.

        Raises
        ------
        Problem : as `score`; 409 if they contradict bars that the window holds.
        """
        timeframe = self._timeframe(request.symbol, request.timeframe)
        bars = bars_of(request.bars, request.symbol, timeframe)
        if not len(bars):
            raise Problem(422, "too-few-bars", "there are no bars", field="bars", hint="send at least one closed bar")
        self._refuse_off_grid(bars, timeframe)
        needed = self._lookback[str(timeframe)]
        result = self.windows.append(bars, lookback=needed, replace=request.replace)
        return Appended(
            symbol=request.symbol,
            timeframe=str(timeframe),
            added=result.added,
            known=result.known,
            dropped=result.dropped,
            n_bars=len(result.bars),
            needed=needed,
            last_time=int(result.bars.close_time[-1]),
        )

    def _timeframe(self, symbol: str, text: str, strategy: str | None = None) -> Timeframe:
        """Check the names; the timeframe may be written otherwise, as 60m for 1h."""
        try:
            timeframe = parse_timeframe(text)
        except BadInput:
            raise unknown_name("timeframe", text, self._parts["timeframe"]) from None
        for part, name in (("strategy", strategy), ("symbol", symbol), ("timeframe", str(timeframe))):
            if name is not None and name not in self._parts[part]:
                raise unknown_name(part, name, self._parts[part])
        wanted, known = f"{symbol}|{timeframe}", self._pairs
        if strategy is not None:
            wanted, known = f"{strategy}|{wanted}", self._instances
        if wanted not in known:
            raise unknown_name("instance", wanted, known)
        return timeframe

    def _given_window(self, bars: Bars, decision_time: int, timeframe: Timeframe) -> Bars:
        needed = self._lookback[str(timeframe)]
        if not len(bars):
            raise _too_few(0, needed, timeframe)
        self._refuse_off_grid(bars, timeframe)
        last = int(bars.close_time[-1])
        if last > decision_time:
            raise Problem(
                422,
                "unknowable-bars",
                f"the last bar closes at {format_time(last)} ({last}), after the decision at "
                f"{format_time(decision_time)} ({decision_time})",
                field="bars",
                hint="send only bars that were closed at the decision",
            )
        if last < decision_time:
            raise Problem(
                422,
                "stale-window",
                f"the last bar closes at {format_time(last)} ({last}), the decision is at "
                f"{format_time(decision_time)} ({decision_time})",
                field="decision_time",
                hint="a decision is made at the close of the last bar, in nanoseconds since 1970 UTC; "
                "send the bars up to it",
            )
        if len(bars) < needed:
            raise _too_few(len(bars), needed, timeframe)
        return bars[-needed:]

    def _own_window(self, request: ScoreRequest, timeframe: Timeframe) -> Bars:
        held = self.windows.get(request.symbol, str(timeframe))
        needed, time = self._lookback[str(timeframe)], request.decision_time
        name = f"{request.symbol} {timeframe}"
        if held is None:
            raise Problem(
                409,
                "no-window",
                f"the service holds no bars of {name}",
                field="bars",
                hint=f"send bars, or append the last {needed} closed bars by POST /bars first",
            )
        known = held if held.close_time[-1] == time else held.between(end_time=time)
        if not len(known) or known.close_time[-1] != time:
            raise Problem(
                409,
                "stale-window",
                f"the service's bars of {name} close from {format_time(held.close_time[0])} to "
                f"{format_time(held.close_time[-1])}; none closes at the decision, {format_time(time)} ({time})",
                field="decision_time",
                hint="append the bars up to the decision by POST /bars first",
            )
        if len(known) < needed:
            raise Problem(
                409,
                "too-few-bars",
                f"the service holds {len(known)} bars of {name} up to the decision, it needs {needed}",
                field="bars",
                hint=f"append the last {needed} closed bars by POST /bars, with replace true",
            )
        return known[-needed:]

    def _refuse_off_grid(self, bars: Bars, timeframe: Timeframe) -> None:
        if timeframe.duration >= DAY:
            return  # a day may begin at local midnight, and then lasts 23 or 25 hours when the clocks change
        phases = self._phases[bars.symbol, str(timeframe)]
        phase = bars.close_time % timeframe.duration
        off = phase != phases[0] if len(phases) == 1 else ~np.isin(phase, phases)
        if off.any():
            row = int(np.argmax(off))
            time = int(bars.close_time[row])
            raise Problem(
                422,
                "off-grid",
                f"bar {row} closes at {format_time(time)} ({time}), which is no close of a {timeframe} bar",
                field=f"bars.close_time[{row}]",
                hint="send bars of the request's timeframe, with their close times in nanoseconds since 1970 UTC",
            )


def acceptance_thresholds(artifact: Artifact) -> list[float | None]:
    """Find the lowest score that each instance accepts, whatever the application; None where it accepts none.

    Sizes do not fall as scores rise, therefore bisection finds it, to the last bit: floats that are not negative are in
    the order of their bits.
    """
    index = np.arange(len(artifact.manifest["instances"]))
    low, high = np.zeros(len(index), np.int64), np.ones(len(index)).view(np.int64)

    def accepted(bits: np.ndarray) -> np.ndarray:
        return artifact.application.sizes(bits.view(np.float64), index) > 0

    always, never = accepted(low), ~accepted(high)
    while np.any(high - low > 1):
        middle = low + (high - low) // 2
        higher = accepted(middle)
        low, high = np.where(higher, low, middle), np.where(higher, middle, high)
    found = np.where(always, 0.0, high.view(np.float64))
    return [None if refused else float(threshold) for refused, threshold in zip(never, found, strict=True)]


def _phases(artifact: Artifact) -> dict[tuple[str, str], np.ndarray]:
    """Learn where each grid lies: hourly bars of an exchange that opens at half past close at half past."""
    found = defaultdict(set)
    for vector in artifact.golden[0]:
        duration = vector.bars.timeframe.duration
        found[vector.bars.symbol, str(vector.bars.timeframe)].update((vector.bars.close_time % duration).tolist())
    keys = {tuple(name.split("|")[1:]) for name in artifact.manifest["instances"]}
    return {(symbol, timeframe): np.array(sorted(found.get((symbol, timeframe), {0}))) for symbol, timeframe in keys}


def _too_few(n_bars: int, needed: int, timeframe: Timeframe) -> Problem:
    return Problem(
        422,
        "too-few-bars",
        f"{n_bars} bars were sent, a decision on {timeframe} needs {needed}",
        field="bars",
        hint=f"send the last {needed} closed bars",
    )


def _verdict(score: float, size: float, threshold: float | None) -> str:
    if threshold is None:
        return f"refused: the score is {score:.4g}, and no score of this instance is accepted"
    if size == 0.0:
        return f"refused: the score {score:.4g} is below {threshold:.4g}"
    return f"accepted at {size:.4g} of the rule's stake: the score {score:.4g} is at least {threshold:.4g}"


def _gaps(window: Bars) -> list[str]:
    steps = np.diff(window.close_time) // window.timeframe.duration
    if not np.any(steps > 1):
        return []
    first = window.close_time[int(np.argmax(steps > 1))]
    n_absent, n_gaps = int((steps[steps > 1] - 1).sum()), int((steps > 1).sum())
    return [
        f"{n_absent} bars are absent in {n_gaps} {'gap' if n_gaps == 1 else 'gaps'} of the window, the first after "
        f"{format_time(first)}; an absent bar means that nothing traded"
    ]
