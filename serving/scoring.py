"""Scoring: from a validated request to a decision, with features computed here from bars."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from tradesieve.features.requirements import Requirements
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.symbols import find_symbol
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.artifact.training_bars import TrainingBars
from tradesieve.models.artifact.training_features import TrainingFeatures
from tradesieve.serving.bar_windows import BarWindows
from tradesieve.serving.decision_bars import NOT_SHARED, DecisionBars, Shared, bar_warnings, require_volume, show_time
from tradesieve.serving.decision_store import Record
from tradesieve.serving.decision_terms import decision_of, terms_of
from tradesieve.serving.feature_drift import FeatureDrift
from tradesieve.serving.guards import Finding, find_age, find_lateness, find_oddities, find_outside, read_policies
from tradesieve.serving.longer_windows import LongerWindows, append_base, base_length
from tradesieve.serving.problem_details import Problem, unknown_name
from tradesieve.serving.request_ids import new_request_id
from tradesieve.serving.responses import Appended, Decision
from tradesieve.serving.schemas import AppendRequest, ScoreRequest, SharedBars, bars_of
from tradesieve.serving.thresholds import acceptance_thresholds
from tradesieve.strategies.instance import Instance

_Request = TypeVar("_Request", ScoreRequest, AppendRequest, SharedBars)
_PARTS = ("strategy", "symbol", "timeframe")
_WINDOWS_REMEMBERED = 256
_SIDES = {1.0: "long", -1.0: "short"}
_CLOCK_SKEW = 5_000_000_000
"""By how much the clock of the service may be behind that of a bot, in nanoseconds."""


@dataclass(frozen=True)
class _Known:
    """A strategy instance that the model was trained on, and what its decisions take."""

    name: str
    timeframe: Timeframe
    required: Requirements
    threshold: float | None


class Scorer:
    """Decides with one artifact. Thread-safe: it holds no state but the windows.

    Parameters
    ----------
    artifact : loaded and verified.
    windows : the bars that POST /bars appends; they outlive a swap of artifacts.
    policies : what each guard does, see `serving.guards`; None: all refuse.
    clock : the time, int64 ns UTC, that no bar closes after, and that no decision is long before; None: there is none,
        for decisions of the past.
    on_decision : called with each decision as it was made.
    role : what this artifact is to the service, see `serving.decision_store.Record`.
    """

    def __init__(
        self,
        artifact: Artifact,
        windows: BarWindows | None = None,
        *,
        policies: Mapping[str, str] | None = None,
        clock: Callable[[], int] | None = None,
        on_decision: Callable[[Record], None] | None = None,
        role: str = "champion",
    ) -> None:
        self.artifact, self._clock = artifact, clock
        self._on_decision, self._role = on_decision, role
        self._policies = read_policies({}) if policies is None else policies
        training = artifact.manifest.get("training_bars", {})
        self._training = {series: TrainingBars(**measured) for series, measured in training.items()}
        self._features = _training_features(artifact)
        self._feature_names = [feature.name for feature in artifact.features]
        self.windows = BarWindows() if windows is None else windows
        names = artifact.manifest["instances"]
        self._parts = {part: {getattr(instance, part) for instance in artifact.instances} for part in _PARTS}
        self._required = {
            (symbol, timeframe): artifact.requirements(timeframe, symbol)
            for symbol, timeframe in {instance.series for instance in artifact.instances}
        }
        self._bars = DecisionBars(artifact, self.windows)
        self._window_lengths = _window_lengths(self._required)
        self._symbols = frozenset(symbol for symbol, _ in self._window_lengths)
        self._builds = LongerWindows(artifact, self._window_lengths)
        self._only_sides: dict[str, float] = artifact.manifest.get("only_sides", {})
        self._instances = {
            name: _Known(name, parse_timeframe(timeframe), self._required[symbol, timeframe], threshold)
            for name, (symbol, timeframe), threshold in zip(
                names,
                (instance.series for instance in artifact.instances),
                acceptance_thresholds(artifact),
                strict=True,
            )
        }
        # Many instances are asked about on the same window.
        self._oddities = lru_cache(maxsize=_WINDOWS_REMEMBERED)(self._find_oddities)
        override = artifact.manifest["override"]
        self._warnings = (
            [] if override is None else [f"the gate refused this model; exported with override: {override}"]
        )

    @property
    def lookback(self) -> dict[str, int]:
        """The bars that a decision needs of its own symbol, by timeframe."""
        return {timeframe: required.bars for timeframe, required in self.requirements.items()}

    @property
    def most_bars(self) -> int:
        """The most bars that one decision needs, those of other symbols included."""
        return max(sum(required.by_symbol(symbol).values()) for (symbol, _), required in self._required.items())

    @property
    def requirements(self) -> dict[str, Requirements]:
        """What a decision on any symbol requires, by timeframe."""
        return {timeframe: self.artifact.requirements(timeframe) for timeframe in self.artifact.manifest["timeframes"]}

    def drift(self) -> FeatureDrift | None:
        """Return what holds the features of decisions against those of training; None: they were not measured."""
        return None if self._features is None else FeatureDrift(self._features, self._feature_names)

    def score(
        self,
        request: ScoreRequest,
        *,
        shared: Shared = NOT_SHARED,
        request_id: str | None = None,
        began: int | None = None,
    ) -> Decision:
        """Decide on one trade.

        1. Look up the strategy instance.
        2. Refuse a time that has not come yet.
        3. Check that the request holds what the model requires, and take the bars from it or from the windows.
        4. Compute features and score, and turn the score into a size.
        5. Let the guards change the size, where the bars are nothing like those of training.

        Parameters
        ----------
        shared : bars that came with the request but not in it, see `shared_bars`.
        request_id : see `serving.request_ids`; None: a new one.
        began : when the request came, by `time.perf_counter_ns`.

        Raises
        ------
        Problem : 404 for names that the model does not know, 409 if the service's own windows do not fit, 422 if the
            time has not come yet, the bars of the request do not fit, the request lacks what the model requires, or
            bars lack the volume that it reads.
        """
        read = time.perf_counter_ns()
        known = self._instances.get(f"{request.strategy}|{request.symbol}|{request.timeframe}")
        if known is None:
            request = self._with_known_symbol(request, self._parts["symbol"])
            known = self._look_up(request)
        instance, timeframe, required, threshold = known.name, known.timeframe, known.required, known.threshold
        self._require_past(request.decision_time, "decision_time")
        decision = decision_of(request, required)
        window = self._bars.own(request, timeframe, required, shared)
        others = self._bars.others(request, timeframe, required, shared) if required.others else {}
        require_volume(self.artifact.features, window, others)
        found_bars = time.perf_counter_ns()
        features = self.artifact.columns(window, decision, others=others, instance_names=[instance])
        computed = time.perf_counter_ns()
        score = self.artifact.model.predict(features)
        scored = time.perf_counter_ns()
        size = float(self.artifact.sizes(score, [instance])[0])
        found = [*self._findings(instance, request.side, window, others), *self._late(request, timeframe)]
        if self._features is not None:
            found += find_outside(features[0, : len(self._feature_names)], self._features, self._feature_names)
        size, reasons = self._guarded(size, _reason(float(score[0]), size, threshold), found)
        answer = Decision(
            accept=size > 0.0,
            size=size,
            score=float(score[0]),
            threshold=threshold,
            model=self.artifact.fingerprint,
            reasons=[*reasons, *bar_warnings(window, others), *self._warnings],
        )
        if self._on_decision is not None:
            stages = {
                "read": read - (read if began is None else began),
                "bars": found_bars - read,
                "features": computed - found_bars,
                "model": scored - computed,
                "guards": time.perf_counter_ns() - scored,
            }
            self._on_decision(
                Record(
                    request_id or new_request_id(), time.time_ns(), self._role, answer.model, request.strategy,
                    request.symbol, str(timeframe), request.side, request.decision_time, terms_of(request), window,
                    others, features[0], answer.score, answer.size, answer.accept, answer.reasons, stages,
                )
            )  # fmt: skip
        return answer

    def shared_bars(self, sent: Sequence[SharedBars]) -> Shared:
        """Build bars that several candidates share.

        Raises
        ------
        Problem : 404 for names that the model does not know, 422 if the bars are invalid, or there twice.
        """
        found: dict[tuple[str, str], Bars] = {}
        for place, each in enumerate(sent):
            known, timeframe = self._series(each)
            pair = (known.symbol, str(timeframe))
            if pair in found:
                raise Problem(
                    422,
                    "invalid-value",
                    f"shared[{place}] has bars of {pair[0]} {pair[1]} again",
                    field=f"shared[{place}]",
                    hint="send the bars of each symbol and timeframe once",
                )
            found[pair] = bars_of(each.bars, known.symbol, timeframe, field=f"shared[{place}].bars")
        return found

    def append(self, request: AppendRequest) -> Appended:
        """Append closed bars to the service's own window, of a symbol that the model trades or looks at.

        Bars of a timeframe that the model does not read build the windows of longer ones that it does.

        Raises
        ------
        Problem : as `score`; 409 if they contradict bars that the window holds.
        """
        longer = self._longer(request)
        if longer:
            request = self._with_known_symbol(request, self._symbols)
            timeframe = self._timeframe(request.timeframe)
        else:
            request, timeframe = self._series(request)
        bars = bars_of(request.bars, request.symbol, timeframe)
        if not len(bars):
            raise Problem(422, "too-few-bars", "there are no bars", field="bars", hint="send at least one closed bar")
        self._bars.require_grid(bars)
        self._require_past(int(bars.close_time[-1]), "bars.close_time")
        if longer:
            needed = base_length(timeframe, longer)
            result = append_base(self.windows, bars, longer, replace=request.replace)
        else:
            needed = self._window_lengths[request.symbol, str(timeframe)]
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
            absent=int((timeframe.steps(result.bars.close_time) - 1).sum()),
        )

    def _longer(self, request: AppendRequest) -> dict[Timeframe, int]:
        """Find what bars of a timeframe that the model itself does not read build; empty: nothing."""
        symbol = self._with_known_symbol(request, self._symbols).symbol
        timeframe = self._timeframe(request.timeframe)
        return {} if (symbol, str(timeframe)) in self._window_lengths else self._builds.of(symbol, timeframe)

    def _series(self, request: _Request) -> tuple[_Request, Timeframe]:
        """Look up a symbol and timeframe that the model trades or looks at."""
        timeframe = self._timeframe(request.timeframe)
        symbols, timeframes = zip(*self._window_lengths, strict=True)
        request = self._with_known_symbol(request, symbols)
        pair = (request.symbol, str(timeframe))
        for part, name, known in (("symbol", pair[0], symbols), ("timeframe", pair[1], timeframes)):
            if name not in known:
                raise unknown_name(part, name, set(known))
        if pair not in self._window_lengths:
            raise unknown_name("instance", "|".join(pair), map("|".join, self._window_lengths))
        return request, timeframe

    def _findings(self, instance: str, side: float, window: Bars, others: Mapping[str, Bars]) -> Iterator[Finding]:
        if side != self._only_sides.get(instance, side):
            yield Finding("side", f"{instance} took no {_SIDES[side]} trade before the model was trained")
        for bars in (window, *others.values()):
            yield from self._oddities(bars)

    def _find_oddities(self, bars: Bars) -> tuple[Finding, ...]:
        return tuple(find_oddities(bars, self._training.get(f"{bars.symbol}|{bars.timeframe}")))

    def _late(self, request: ScoreRequest, timeframe: Timeframe) -> Iterator[Finding]:
        if self._clock is None:
            return
        now, manifest = self._clock(), self.artifact.manifest
        yield from find_lateness(request.decision_time, timeframe, now)
        if manifest.get("life_days") is not None:
            yield from find_age(manifest["created"], manifest["life_days"], now)

    def _guarded(self, size: float, reason: str, found: Sequence[Finding]) -> tuple[float, list[str]]:
        """Return the size and the reasons after the guards; one that refuses outweighs one that passes."""
        policies = {self._policies[finding.guard] for finding in found}
        if "refuse" in policies:
            size, reason = 0.0, "refused by a guard, whatever the score"
        elif "pass" in policies:
            size, reason = 1.0, "passed without the filter by a guard, whatever the score"
        return size, [reason, *(f"guard {finding.guard}: {finding.text}" for finding in found)]

    def _require_past(self, time: int, field: str) -> None:
        if self._clock is None:
            return
        now = self._clock()
        if time > now + _CLOCK_SKEW:
            raise Problem(
                422,
                "future-bars",
                f"{field} is {show_time(time)}, and the service's clock says {show_time(now)}",
                field=field,
                hint="send bars once they have closed; check the clocks of both machines",
            )

    @staticmethod
    def _with_known_symbol(request: _Request, known: Collection[str]) -> _Request:
        """Write the symbol of a request as the model does; one that it does not know stays as it is."""
        if request.symbol not in known:
            with suppress(BadInput):
                found = find_symbol(request.symbol, known)
                return request if found is None else request.model_copy(update={"symbol": found})
        return request

    def _look_up(self, request: ScoreRequest) -> _Known:
        """Look up the instance; its timeframe may be spelled otherwise in the request, such as 60m for 1h."""
        timeframe = self._timeframe(request.timeframe)
        for part, name in zip(_PARTS, (request.strategy, request.symbol, str(timeframe)), strict=True):
            if name not in self._parts[part]:
                raise unknown_name(part, name, self._parts[part])
        name = str(Instance(request.strategy, request.symbol, str(timeframe)))
        if name not in self._instances:
            raise unknown_name("instance", name, self._instances)
        return self._instances[name]

    def _timeframe(self, text: str) -> Timeframe:
        try:
            return parse_timeframe(text)
        except BadInput:
            raise unknown_name("timeframe", text, self._parts["timeframe"]) from None


def _training_features(artifact: Artifact) -> TrainingFeatures | None:
    measured = artifact.manifest.get("training_features")
    if measured is None:
        return None
    names = [feature.name for feature in artifact.features]
    return TrainingFeatures.from_dict(names, measured["features"], measured["n_rows"])


def _window_lengths(requirements: dict[tuple[str, str], Requirements]) -> dict[tuple[str, str], int]:
    """Return how many bars decisions require of each symbol and timeframe at most."""
    lengths: dict[tuple[str, str], int] = {}
    for (own, timeframe), required in requirements.items():
        for symbol, n_bars in required.by_symbol(own).items():
            lengths[symbol, timeframe] = max(lengths.get((symbol, timeframe), 0), n_bars)
    return lengths


def _reason(score: float, size: float, threshold: float | None) -> str:
    if threshold is None:
        return f"refused: the score is {score:.4g}, and no score of this instance is accepted"
    if size == 0.0:
        return f"refused: the score {score:.4g} is below {threshold:.4g}"
    return f"accepted at {size:.4g} of the rule's stake: the score {score:.4g} is at least {threshold:.4g}"


_BASE_BYTES, _BAR_BYTES = 1 << 18, 512
"""Limit of a request: thousands of results, and four times the bars of a decision at a generous size each."""


def body_limit(scorer: Scorer) -> int:
    """Return how many bytes one request may have."""
    return _BASE_BYTES + _BAR_BYTES * 4 * scorer.most_bars
