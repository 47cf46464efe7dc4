"""Wrong requests to the service, and what their answers have to be, for the tests."""

from __future__ import annotations

import json
import random
from typing import Any

import httpx

PROBLEM_KEYS = {"type", "title", "status", "detail", "field", "hint"}


def problem_of(response: httpx.Response) -> dict[str, Any]:
    """Check that a refusal is a problem that says what to do."""
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == PROBLEM_KEYS
    assert problem["status"] == response.status_code
    assert problem["type"].startswith("urn:tradesieve:")
    assert problem["detail"]
    assert problem["hint"]
    assert "Traceback" not in response.text
    return problem


NASTY = (
    None, True, False, 0, -0.0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 10**400, 0.5, 1e308, -1e308,
    5e-324, float("nan"), float("inf"), float("-inf"), "", " ", "0", "1", "NaN", "long", "short", "5m", "0m",
    "99999999d", "BTC-USD", "breakout(lookback=20)", "x" * 301, "é\u0000\u202e", "'; DROP TABLE", "../../etc/passwd",
    "2026-01-01T00:00:00Z", "2026-01-01", "9999-12-31T23:59:59Z", [], {}, [[]], [{}], [None], {"close_time": []},
    {"close_time": 1}, [1] * 50, {"a": {"b": {"c": [1, {"d": None}]}}}, [float("nan")] * 3,
)  # fmt: skip


def mutated(content: Any, chance: random.Random) -> Any:
    """Change a request somewhere: a value, a key, the order or the number of values."""
    content = json.loads(json.dumps(content))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        place: Any = content
        if chance.random() < 0.6 and isinstance(content.get("bars"), dict) and content["bars"]:
            place = content["bars"]
            if chance.random() < 0.7:
                inner = place[chance.choice(list(place))]
                place = inner if isinstance(inner, list) and inner else place
        if isinstance(place, list):
            index = chance.randrange(len(place))
            action = chance.randrange(4)
            if action == 0:
                place[index] = chance.choice(NASTY)
            elif action == 1:
                del place[index]
            elif action == 2:
                place.insert(index, chance.choice(NASTY))
            else:
                chance.shuffle(place)
        elif place:
            key = chance.choice(list(place))
            action = chance.randrange(3)
            if action == 0:
                place[key] = chance.choice(NASTY)
            elif action == 1:
                del place[key]
            else:
                place[chance.choice(("", "x", "Strategy", "bars", "side", "volume"))] = chance.choice(NASTY)
    return content
