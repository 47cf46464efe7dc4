"""What is read: every form that is allowed gives the same request, everything else a problem that says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.timeframes import parse_timeframe
from tradesieve.serving.problem_details import Problem, field_of, short_repr
from tradesieve.serving.schemas import AppendRequest, ScoreRequest, bars_of, parse_request, read_time

FIVE = parse_timeframe("5m")


def parse(content: Any) -> ScoreRequest:
    return parse_request(ScoreRequest, json.dumps(content).encode())


def refused(content: Any) -> Problem:
    problem = outcome(ScoreRequest, json.dumps(content).encode())
    assert problem is not None
    assert problem.hint
    return problem


def outcome(kind: type, body: bytes) -> Problem | None:
    """Read a request as the service would; any other exception than a problem fails the test."""
    try:
        request = parse_request(kind, body)
        if request.bars is not None:
            bars_of(request.bars, request.symbol, FIVE)
    except Problem as problem:
        return problem
    return None


def rows_of(columns: dict[str, list]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_columns_and_rows_are_the_same_bars(make_request: Callable[..., dict]) -> None:
    content = make_request()
    by_rows = parse({**content, "bars": rows_of(content["bars"])})
    first = bars_of(parse(content).bars, "BTC-USD", FIVE)
    assert bars_of(by_rows.bars, "BTC-USD", FIVE).fingerprint == first.fingerprint


def test_text_and_numbers_are_the_same_times(make_request: Callable[..., dict]) -> None:
    content = make_request()
    text = [f"{np.datetime64(t, 'ns').astype('datetime64[s]')}Z" for t in content["bars"]["close_time"]]
    written = {**content, "decision_time": text[-1], "bars": {**content["bars"], "close_time": text}}
    assert parse(written) == parse(content)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01 00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T01:00:00+0100", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T00:00:00.5Z", 500_000_000),
        ("2026-01-31T14:05:00.123456789Z", 1_769_868_300_123_456_789),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, expected: int) -> None:
    assert read_time(text) == expected


@given(st.integers(0, 2**63 - 1))
def test_written_times_come_back(time: int) -> None:
    assert read_time(f"{np.datetime64(time, 'ns')}Z") == time


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-01-31T14:05:00", "2026-13-01T00:00:00Z", "2026-01-31", "2026-01-31T25:00:00Z", "1" * 400,
     "2026-01-31T14:05:00.1234567891Z", "2026-01-31T14:05:00+99:99", "٢٠٢٦-٠١-٣١T١٤:٠٥:٠٠Z", "0000-01-01T00:00:00Z"],
)  # fmt: skip
def test_text_that_is_no_time_is_refused(make_request: Callable[..., dict], text: str) -> None:
    assert refused(make_request(decision_time=text)).field == "decision_time"


@pytest.mark.parametrize(("side", "expected"), [(1, 1.0), (-1, -1.0), (1.0, 1.0), ("long", 1.0), ("short", -1.0)])
def test_sides(make_request: Callable[..., dict], side: object, expected: float) -> None:
    assert parse(make_request(side=side)).side == expected


@pytest.mark.parametrize("side", [0, 2, True, False, None, "LONG", "1", 0.5, [], {}, float("nan"), 10**400, [1]])
def test_other_sides_are_refused(make_request: Callable[..., dict], side: object) -> None:
    assert refused(make_request(side=side)).field == "side"


@pytest.mark.parametrize("key", ["strategy", "symbol", "timeframe", "side", "decision_time"])
def test_a_missing_key_is_named(make_request: Callable[..., dict], key: str) -> None:
    content = make_request()
    del content[key]
    problem = refused(content)
    assert (problem.field, problem.hint) == (key, "add it")


def test_an_unknown_key_is_refused(make_request: Callable[..., dict]) -> None:
    assert refused(make_request(sid=1)).field == "sid"
    content = make_request()
    assert refused({**content, "bars": {**content["bars"], "opne": []}}).field == "bars.opne"
    row = {**rows_of(content["bars"])[0], "x": 1}
    assert refused({**content, "bars": [row]}).field == "bars[0].x"


WRONG_NUMBERS = [0, -1.5, "100", None, True, float("nan"), float("inf"), float("-inf"), [], {}, 10**400, [1.0]]


@pytest.mark.parametrize("value", WRONG_NUMBERS)
def test_a_wrong_price_is_refused_by_its_place(make_request: Callable[..., dict], value: object) -> None:
    content = make_request()
    content["bars"]["close"][17] = value
    assert refused(content).field == "bars.close[17]"
    rows = rows_of(make_request()["bars"])
    rows[3]["low"] = value
    assert refused({**content, "bars": rows}).field == "bars[3].low"


@pytest.mark.parametrize("value", WRONG_NUMBERS[1:])
def test_a_wrong_volume_is_refused(make_request: Callable[..., dict], value: object) -> None:
    content = make_request()
    content["bars"]["volume"][5] = value
    assert refused(content).field == "bars.volume[5]"


@pytest.mark.parametrize("value", [-1, 2**63, 10**400, 1.5, True, None, [], "soon", float("nan")])
def test_a_wrong_time_is_refused(make_request: Callable[..., dict], value: object) -> None:
    assert refused(make_request(decision_time=value)).field == "decision_time"
    content = make_request()
    content["bars"]["close_time"][2] = value
    assert str(refused(content).field).startswith("bars.close_time")


@pytest.mark.parametrize("bars", [7, "bars", True, [[]], [1], {}, {"close_time": []}, [{}], {"close_time": 7}])
def test_what_are_no_bars_is_refused(make_request: Callable[..., dict], bars: object) -> None:
    assert str(refused(make_request(bars=bars)).field).startswith("bars")


def test_columns_of_unequal_length_are_refused(make_request: Callable[..., dict]) -> None:
    content = make_request()
    content["bars"]["high"].pop()
    problem = refused(content)
    assert problem.field == "bars.high"
    assert "99 values" in problem.detail


@pytest.mark.parametrize(
    ("change", "law"),
    [
        (lambda b: b["low"].__setitem__(4, b["close"][4] * 1.1), "row 4 .* low above"),
        (lambda b: b["high"].__setitem__(4, b["low"][4] * 0.9), "row 4 .* high below"),
        (lambda b: b["close_time"].__setitem__(4, b["close_time"][3]), "row 4 .* same time"),
        (lambda b: b["close_time"].reverse(), "row 1 .* earlier than the row before"),
    ],
)
def test_a_broken_law_names_its_row(make_request: Callable[..., dict], change: Callable, law: str) -> None:
    content = make_request()
    change(content["bars"])
    problem = refused(content)
    assert problem.field == "bars"
    with pytest.raises(Problem, match=law):
        raise problem


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":"\\ud800"}', b"1" * 6000, b"{'a': 1}", b"\x1f\x8b\x08\x00", b"nul"],
)
def test_what_is_no_json_is_a_400(body: bytes) -> None:
    for kind in (ScoreRequest, AppendRequest):
        with pytest.raises(Problem) as caught:
            parse_request(kind, body)
        assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"7", b"true"])
def test_json_that_is_no_object_is_a_422(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        parse_request(ScoreRequest, body)
    assert caught.value.status == 422


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([2**63, -(10**400)]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["strategy", "symbol", "timeframe", "side", "decision_time", "bars", "replace", "x"])
BAR_KEYS = st.sampled_from(["close_time", "open", "high", "low", "close", "volume", "y"])


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, VALUES | st.dictionaries(BAR_KEYS, VALUES | st.lists(VALUES, max_size=3), max_size=7)))
def test_whatever_comes_is_read_or_refused(content: dict) -> None:
    body = json.dumps(content).encode()
    for kind in (ScoreRequest, AppendRequest):
        problem = outcome(kind, body)
        if problem is not None:
            assert problem.status in (400, 422)
            assert json.dumps(problem.as_dict()).encode()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(Problem):
        parse_request(ScoreRequest, body)


def test_places_and_values_are_written_shortly() -> None:
    assert field_of(("bars", "columns", "close", 17)) == "bars.close[17]"
    assert field_of(("bars", "rows", 17, "close")) == "bars[17].close"
    assert field_of(("x" * 500,)) == "x" * 60
    assert len(short_repr("x" * 500)) == 60
    assert short_repr(10**400) == "a whole number of 1329 bits"
    assert short_repr([1, 2]) == "a list of 2"
