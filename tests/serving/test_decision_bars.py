"""Inputs of a decision beside its own bars: they reach the model as in research, or their absence is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.features.requirements import Requirements
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.models.artifact.artifact import Artifact, write_artifact
from tradesieve.models.artifact.manifest_schema import GivenManifest
from tradesieve.serving.problem_details import Problem
from tradesieve.serving.schemas import AppendRequest, ScoreRequest, parse_request
from tradesieve.serving.scoring import Scorer

OTHER = "ETH-USD"
ROWS = np.arange(300, 360)


@pytest.fixture
def scorer(full_artifact: Artifact) -> Scorer:
    return Scorer(full_artifact)


@pytest.fixture
def decisions(bars_maker: Callable[..., Bars], decisions_maker: Callable[..., Decisions]) -> Decisions:
    side = np.where(np.arange(len(ROWS)) % 2, 1.0, -1.0)
    return decisions_maker(bars_maker("BTC-USD"), ROWS, side)


@pytest.fixture
def ask(
    full_artifact: Artifact, bars_maker: Callable[..., Bars], columns_of: Callable[[Bars], dict], decisions: Decisions
) -> Callable[..., dict[str, Any]]:
    """A function that makes the request of a decision; None leaves a key out."""

    def make(place: int = 20, symbol: str = "BTC-USD", **changes: Any) -> dict[str, Any]:
        row, required = ROWS[place], full_artifact.requirements("5m", symbol)
        bars = bars_maker(symbol)

        def written(values: np.ndarray) -> float | None:
            return None if np.isnan(values[place]) else float(values[place])

        first, end = decisions.first_result[place], decisions.end_result[place]
        content = {
            "strategy": "breakout(lookback=20)",
            "symbol": symbol,
            "timeframe": "5m",
            "side": float(decisions.side[place]),
            "decision_time": int(bars.close_time[row]),
            "bars": columns_of(bars[row + 1 - required.bars : row + 1]),
            "stop": written(decisions.stop),
            "target": written(decisions.target),
            "agreeing": written(decisions.agreeing),
            "results": decisions.results[first:end].tolist(),
            "others": {
                name: columns_of(bars_maker(name)[row + 1 - n : row + 1]) for name, n in required.others.items()
            },
        }
        return {key: value for key, value in (content | changes).items() if changes.get(key, 0) is not ...}

    return make


def refusal(scorer: Scorer, content: dict[str, Any]) -> Problem:
    with pytest.raises(Problem) as caught:
        scorer.score(ScoreRequest(**content))
    assert caught.value.hint
    return caught.value


def test_scores_are_those_of_research(
    scorer: Scorer,
    full_artifact: Artifact,
    ask: Callable[..., dict],
    decisions: Decisions,
    bars_maker: Callable[..., Bars],
) -> None:
    bars, others = bars_maker("BTC-USD"), {OTHER: bars_maker(OTHER)}
    expected = full_artifact.score(bars, decisions, others=others)
    found = [scorer.score(ScoreRequest(**ask(place))).score for place in range(len(ROWS))]
    assert np.array(found).tobytes() == expected.tobytes()
    assert len(np.unique(expected)) > 20
    blind = Decisions(decisions.time, decisions.side, *(np.full(len(ROWS), np.nan) for _ in range(3)),
                      np.zeros(0), np.zeros(len(ROWS)), np.zeros(len(ROWS)))  # fmt: skip
    assert (full_artifact.score(bars, blind, others=others) != expected).mean() > 0.5, "the model looks at them"


def test_a_symbol_is_no_other_to_itself(
    scorer: Scorer,
    full_artifact: Artifact,
    ask: Callable[..., dict],
    bars_maker: Callable[..., Bars],
    decisions: Decisions,
) -> None:
    content = ask(symbol=OTHER, others=...)
    bars = bars_maker(OTHER)
    own = decisions[20:21]
    assert scorer.score(ScoreRequest(**content)).score == full_artifact.score(bars, own)[0]
    assert len(content["bars"]["close"]) == 71


@pytest.mark.parametrize("term", ["stop", "target", "agreeing", "results"])
def test_a_missing_input_is_named(scorer: Scorer, ask: Callable[..., dict], term: str) -> None:
    problem = refusal(scorer, ask(**{term: ...}))
    assert (problem.status, problem.kind, problem.field) == (422, "missing-term", term)
    assert "send" in problem.hint


def test_null_stands_for_none(
    scorer: Scorer,
    full_artifact: Artifact,
    ask: Callable[..., dict],
    bars_maker: Callable[..., Bars],
    decisions: Decisions,
) -> None:
    place = int(np.flatnonzero(np.isfinite(decisions.stop) & np.isfinite(decisions.agreeing))[5])
    others = {OTHER: bars_maker(OTHER)}
    for name in ("stop", "target", "agreeing"):
        terms = {key: getattr(decisions, key) for key in ("stop", "target", "agreeing")}
        known = Decisions(decisions.time, decisions.side, **terms | {name: np.full(len(ROWS), np.nan)},
                          results=decisions.results, first_result=decisions.first_result,
                          end_result=decisions.end_result)[place : place + 1]  # fmt: skip
        expected = full_artifact.score(bars_maker("BTC-USD"), known, others=others)[0]
        assert scorer.score(ScoreRequest(**ask(place, **{name: None}))).score == expected
    assert refusal(scorer, ask(results=None)).field == "results"


def test_a_short_record_is_answered_and_a_long_one_is_cut(
    scorer: Scorer,
    full_artifact: Artifact,
    ask: Callable[..., dict],
    bars_maker: Callable[..., Bars],
    decisions: Decisions,
) -> None:
    """As in research, where a feature has no value until there are enough results."""
    others = {OTHER: bars_maker(OTHER)}
    for results in ([], [0.01] * 4, [0.01, -0.02] * 4):
        known = Decisions(
            decisions.time[20:21], decisions.side[20:21], decisions.stop[20:21], decisions.target[20:21],
            decisions.agreeing[20:21], np.array(results), np.array([0]), np.array([len(results)]),
        )  # fmt: skip
        expected = full_artifact.score(bars_maker("BTC-USD"), known, others=others)[0]
        assert scorer.score(ScoreRequest(**ask(results=results))).score == expected
    last = ask()["results"][-10:]
    assert scorer.score(ScoreRequest(**ask(results=[9.0] * 500 + last))) == scorer.score(ScoreRequest(**ask()))


def test_an_input_that_the_model_does_not_use_is_ignored(
    artifact: Artifact, make_request: Callable[..., dict], columns_of: Callable, bars_maker: Callable[..., Bars]
) -> None:
    plain = Scorer(artifact)
    exact = plain.score(ScoreRequest(**make_request()))
    given = {"stop": 1.0, "target": None, "agreeing": 0.5, "results": [0.1]}
    others = {"SPY": columns_of(bars_maker("BTC-USD")[:3])}
    assert plain.score(ScoreRequest(**make_request(**given, others=others))) == exact
    assert plain.requirements == {"5m": Requirements(bars=100, terms=frozenset({"side"}))}


def test_requirements_are_listed(scorer: Scorer) -> None:
    terms = frozenset({"agreeing", "results", "side", "stop", "target"})
    assert scorer.requirements == {"5m": Requirements(bars=71, others={OTHER: 47}, results=10, terms=terms)}
    assert scorer.lookback == {"5m": 71}


def test_a_stop_beyond_its_target_is_refused(scorer: Scorer, ask: Callable[..., dict]) -> None:
    for side, stop, target in ((1, 102.0, 101.0), (-1, 101.0, 102.0), (1, 100.0, 100.0)):
        problem = refusal(scorer, ask(side=float(side), stop=stop, target=target))
        assert (problem.status, problem.field) == (422, "stop")


def test_bars_of_others_are_checked(
    scorer: Scorer, ask: Callable[..., dict], columns_of: Callable, bars_maker: Callable[..., Bars]
) -> None:
    bars, row = bars_maker(OTHER), int(ROWS[20])

    def refused(window: Bars, **changes: Any) -> tuple[int, str, str | None]:
        problem = refusal(scorer, ask(others={OTHER: {**columns_of(window), **changes}}))
        return problem.status, problem.kind, problem.field

    field = f"others.{OTHER}"
    assert refused(bars[row - 40 : row + 2]) == (422, "unknowable-bars", field)
    assert refused(bars[row - 40 : row + 1]) == (422, "too-few-bars", field)
    assert refused(bars[:0]) == (422, "too-few-bars", field)
    off = Bars(OTHER, bars.timeframe, bars.close_time + 7, *(getattr(bars, name) for name in COLUMNS[1:]))
    assert refused(off[row - 60 : row]) == (422, "off-grid", f"{field}.close_time[0]")
    assert refused(bars[row - 60 : row], close=[1.0]) == (422, "invalid-value", f"{field}.close")
    problem = refusal(scorer, ask(others={}))
    assert (problem.status, problem.kind, problem.field) == (422, "missing-term", field)
    assert "its last 47 bars" in problem.hint


def test_a_market_that_is_closed_is_no_reason_to_refuse(
    scorer: Scorer, full_artifact: Artifact, ask: Callable[..., dict], columns_of: Callable,
    bars_maker: Callable[..., Bars], decisions: Decisions,
) -> None:  # fmt: skip
    """Where nothing later is known, the last bar is the last one closed; the answer says how old it is."""
    bars, row = bars_maker(OTHER), int(ROWS[20])
    early = bars[: row - 30]
    answer = scorer.score(ScoreRequest(**ask(others={OTHER: columns_of(early[-47:])})))
    assert answer.score == full_artifact.score(bars_maker("BTC-USD"), decisions[20:21], others={OTHER: early})[0]
    (said,) = [reason for reason in answer.reasons if OTHER in reason]
    assert "before the decision" in said
    assert not [reason for reason in scorer.score(ScoreRequest(**ask())).reasons if OTHER in reason]
    scorer.append(AppendRequest(symbol=OTHER, timeframe="5m", bars=columns_of(bars[row - 80 : row - 10])))
    problem = refusal(scorer, ask(others={OTHER: columns_of(early[-47:])}))
    assert (problem.kind, problem.field) == ("stale-window", f"others.{OTHER}")
    assert "was known at the decision" in problem.detail


def test_windows_and_requests_give_equal_decisions(
    scorer: Scorer, ask: Callable[..., dict], columns_of: Callable, bars_maker: Callable[..., Bars]
) -> None:
    exact = scorer.score(ScoreRequest(**ask()))
    own, other, row = bars_maker("BTC-USD"), bars_maker(OTHER), int(ROWS[20])
    for others in (..., None, {OTHER: None}):
        problem = refusal(scorer, ask(others=others))
        assert (problem.status, problem.kind, problem.field) == (409, "no-window", f"others.{OTHER}")
    appended = scorer.append(AppendRequest(symbol=OTHER, timeframe="5m", bars=columns_of(other[row - 30 : row + 1])))
    assert appended.needed == 71, "a decision on it needs more than one that looks at it"
    problem = refusal(scorer, ask(others=None))
    assert (problem.status, problem.kind, problem.field) == (409, "too-few-bars", f"others.{OTHER}")
    # It may run ahead of the decision: what closed later is not looked at.
    window = columns_of(other[row - 70 : row + 4])
    scorer.append(AppendRequest(symbol=OTHER, timeframe="5m", bars=window, replace=True))
    for others in (..., None, {OTHER: None}):
        assert scorer.score(ScoreRequest(**ask(others=others))) == exact
    scorer.append(AppendRequest(symbol="BTC-USD", timeframe="5m", bars=columns_of(own[row - 70 : row + 1])))
    assert scorer.score(ScoreRequest(**ask(bars=None, others=...))) == exact


def test_a_symbol_that_is_not_traded_has_a_window(
    full_artifact: Artifact,
    tmp_path: Path,
    columns_of: Callable,
    bars_maker: Callable[..., Bars],
    ask: Callable[..., dict],
) -> None:
    """It is none of those that the model trades."""
    given = {key: value for key, value in full_artifact.manifest.items() if key in GivenManifest.model_fields}
    built = write_artifact(
        tmp_path / "a",
        model=full_artifact.model,
        features=full_artifact.manifest["features"],
        application=full_artifact.application,
        manifest=given | {"instances": [name for name in given["instances"] if "|BTC-USD|" in name]},
        golden=[vector for vector in full_artifact.golden[0] if vector.others],
    )
    scorer = Scorer(built)
    bars = bars_maker(OTHER)
    appended = scorer.append(AppendRequest(symbol=OTHER, timeframe="5m", bars=columns_of(bars[:60])))
    assert (appended.needed, appended.n_bars) == (47, 55)
    assert refusal(scorer, ask(symbol=OTHER)).kind == "unknown-name"
    with pytest.raises(Problem) as caught:
        scorer.append(AppendRequest(symbol="SOL-USD", timeframe="5m", bars=columns_of(bars[:60])))
    assert caught.value.kind == "unknown-name"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stop": 0}, "stop"),
        ({"stop": "100"}, "stop"),
        ({"target": float("inf")}, "target"),
        ({"agreeing": 1.5}, "agreeing"),
        ({"agreeing": -0.1}, "agreeing"),
        ({"results": [0.1, None]}, "results[1]"),
        ({"results": 0.1}, "results"),
        ({"others": []}, "others"),
        ({"others": {"ETH-USD": {"close": []}}}, "others.ETH-USD.close_time"),
        ({"others": {"ETH-USD": 7}}, "others.ETH-USD"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(ask: Callable[..., dict], changes: dict, field: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_request(ScoreRequest, json.dumps(ask(**changes)).encode())
    assert (caught.value.status, caught.value.field) == (422, field)
