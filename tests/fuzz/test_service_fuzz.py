"""Fuzz of the service, the long runs of `make fuzz`: schemathesis over its OpenAPI document, hypothesis over bars.

Schemathesis (MIT) has an environment of its own, ``var/fuzz/schemathesis``. ``FUZZ_EXAMPLES`` is the number of cases
of each operation and, times five, of bars.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from tests.serving.hostile_bars import cases, hold_to_the_law
from tests.serving.test_hostile_bars import KEY, ONLY_SIDE
from tradesieve.market.bars import Bars
from tradesieve.models.artifact.artifact import Artifact

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2000"))
SCHEMATHESIS = Path(__file__).parents[2] / "var" / "fuzz" / "schemathesis" / "bin" / "st"
# A schema cannot say that highs lie above lows, or which names a model knows.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 404, 409, 422, 426]
"""


@pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="schemathesis is not installed: run `make fuzz`, connected")
def test_schemathesis_finds_nothing_with_all_its_checks(server: Any, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    command = [
        SCHEMATHESIS, "run", f"{server.url}/openapi.json", "--checks", "all", "--max-examples", str(EXAMPLES),
        "--seed", "1", "--continue-on-failure", "--request-timeout", "15", "-H", f"Authorization: Bearer {KEY}",
    ]  # fmt: skip
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    print(found.stdout[-2000:])
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Traceback" not in server.text()


def test_bars_that_no_market_makes(
    http: httpx.Client,
    server: Any,
    taking_all: Artifact,
    bars_maker: Callable[..., Bars],
) -> None:
    bars = {symbol: bars_maker(symbol) for symbol in ("BTC-USD", "ETH-USD")}
    seen: Counter[str] = Counter()

    @settings(max_examples=5 * EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(cases)
    def every_case(case: dict[str, Any]) -> None:
        seen[hold_to_the_law(http, taking_all, bars[case["symbol"]], case, ONLY_SIDE)] += 1

    every_case()
    print(json.dumps(seen))
    assert "Traceback" not in server.text()
