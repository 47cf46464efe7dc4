"""tradesieve data costs: every default with its schedule, and rates that follow from the sums it states."""

from __future__ import annotations

import json

import pytest

from tests.pipelines.command_runs import exit_code
from tradesieve.market.default_costs import COST_SOURCES, DEFAULT_COSTS
from tradesieve.market.instruments import instrument_from

# (fee per side, the notional it is divided by), from the schedule that the source names.
CHARGED = {
    "crypto_spot": (0.1, 100), "forex": (0.2, 10_000), "stock": (0.005, 100), "future": (2.25, 50 * 5_000),
    "index": (2.25, 50 * 5_000), "option": (0.65, 100 * 5),
}  # fmt: skip
SPREADS = {
    "forex": (0.0001, 1),
    "stock": (0.01, 100),
    "future": (0.25, 5_000),
    "index": (0.25, 5_000),
    "option": (0.05, 5),
}


def test_every_kind_is_shown_with_its_rates_and_its_source(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(monkeypatch, "data", "costs", "--json") == 0
    shown = json.loads(capsys.readouterr()[0])
    assert shown["without_a_kind"] == "perpetual"
    for row in shown["kinds"]:
        instrument = instrument_from("X", {"kind": row["kind"]})
        assert {name: row[name] for name in DEFAULT_COSTS[row["kind"]]} == {
            name: getattr(instrument, name) for name in DEFAULT_COSTS[row["kind"]]
        }
        assert all(row[name] for name in ("fees", "spread", "checked"))
    assert {row["kind"] for row in shown["kinds"]} == set(DEFAULT_COSTS) == set(COST_SOURCES)
    assert exit_code(monkeypatch, "data", "costs") == 0
    printed = " ".join(capsys.readouterr()[0].split())
    for source in COST_SOURCES.values():
        assert " ".join(source.fees.split()) in printed


@pytest.mark.parametrize("kind", CHARGED)
def test_a_rate_is_the_stated_sum_over_the_stated_notional(kind: str) -> None:
    fee, notional = CHARGED[kind]
    for name in ("maker_fee", "taker_fee"):
        assert DEFAULT_COSTS[kind][name] == pytest.approx(fee / notional)


@pytest.mark.parametrize("kind", SPREADS)
def test_half_spread_and_slippage_are_half_of_the_stated_step(kind: str) -> None:
    step, price = SPREADS[kind]
    for name in ("half_spread", "slippage"):
        assert DEFAULT_COSTS[kind][name] == pytest.approx(step / price / 2)
