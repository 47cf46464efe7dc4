"""Every command that shows money says its costs, and takes them as options."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.pipelines.command_runs import exit_code
from tradesieve.market.bars import Bars
from tradesieve.market.default_costs import DEFAULT_COSTS
from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument, instrument_from
from tradesieve.pipelines.commands.shared.costs import describe_costs
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.settings import Settings

COMMANDS = {
    "generate": ["trades", "generate", "--strategies", "volatility_breakout", "--num-strategies", "1"],
    "stats": ["trades", "stats", "--strategies", "volatility_breakout", "--num-strategies", "1"],
    "optimise": [
        "trades", "optimise", "volatility_breakout(multiple=1)", "--windows", "2", "--trials", "2", "--min-trades", "5",
    ],
}  # fmt: skip
DEFAULTS = "costs: maker 2 bp, taker 5 bp, half-spread 0.5 bp, slippage 0.5 bp a side, no funding or borrow (defaults"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def settings(make_home: Callable[..., Settings], small_bars: Bars) -> Settings:
    return make_home(bars=small_bars[:3000])


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs a command on 15m bars in this process: exit code, standard output, standard error."""
    monkeypatch.setenv("TRADESIEVE_HOME", str(settings.home))

    def call(*arguments: object) -> tuple[int, str, str]:
        code = exit_code(monkeypatch, *arguments, "--timeframe", "15m")
        return code, *capsys.readouterr()

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_simulates_says_its_costs(run: Run, command: str) -> None:
    assert DEFAULTS in run(*COMMANDS[command])[1]
    costs = json.loads(run(*COMMANDS[command], "--json")[1])["costs"]
    assert costs["AAA"] == {
        "kind": None, "defaults": list(DEFAULT_COSTS["perpetual"]), **DEFAULT_COSTS["perpetual"], "tick": 0.0,
        "slippage_ticks": 0.0, "slippage_range": 0.0, "long_carry": 0.0, "short_carry": 0.0,
        "fill_without_trades": True,
    }  # fmt: skip


def test_costs_given_as_options_are_those_of_the_trades(run: Run) -> None:
    def mean_cost(*options: str) -> float:
        return json.loads(run(*COMMANDS["stats"], *options, "--json")[1])["pooled"]["cost"]

    free = ["--spread", "0", "--slippage", "0"]
    assert mean_cost("--commission", "0", *free) == 0.0
    assert mean_cost("--commission", "0.001", *free) == pytest.approx(0.002, rel=0.01)
    said = run(*COMMANDS["stats"], "--taker", "0.001", "--spread", "0.0004")[1]
    assert "costs: maker 2 bp, taker 10 bp, half-spread 2 bp, slippage 0.5 bp a side" in said
    assert "(maker, slippage: defaults of kind perpetual, as no kind is set;" in said


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "option", ["--maker", "--taker", "--commission", "--spread", "--slippage", "--funding", "--borrow"]
)
def test_a_percentage_is_asked_about(run: Run, command: str, option: str) -> None:
    code, out, err = run(*COMMANDS[command], option, "0.5")
    assert (code, out) == (2, "")
    assert f"{option}: 0.5 is 50 % of the price: did you mean 0.005?" in err


def test_a_negative_cost_is_refused(run: Run) -> None:
    code, _, err = run(*COMMANDS["stats"], "--taker", "-0.1")
    assert (code, "taker_fee is -0.1, but a cost is zero or positive" in err) == (2, True)


def test_a_tick_that_does_not_fit_the_price_is_refused_in_words(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "experiment.yaml"
    config.write_text(yaml.safe_dump({"symbols": ["AAA"], "instruments": {"AAA": {"tick": 1000.0}}}))
    code, out, err = run(*COMMANDS["stats"], "--config", config)
    assert (code, out) == (2, "")
    assert "AAA: tick is 1000, more than 5% of the price of" in err


def test_options_beat_the_configuration_on_every_chosen_symbol(settings: Settings) -> None:
    config = {
        "symbols": ["AAA", "NVDA"],
        "instruments": {"NVDA": {"kind": "stock", "taker_fee": 0.001, "calendar": "XNYS"}},
    }
    chosen = assemble_experiment(settings, config=config, taker=0.002, spread=0.0006)
    costs = {"taker_fee": 0.002, "half_spread": 0.0003}
    assert chosen.instrument("AAA") == instrument_from("AAA", costs)
    assert chosen.instrument("NVDA") == instrument_from("NVDA", {"kind": "stock", "calendar": "XNYS", **costs})
    assert chosen.hash != assemble_experiment(settings, config=config).hash
    without = assemble_experiment(settings, symbols="AAA", maker=None)
    assert (without, without.hash) == (Experiment(symbols=("AAA",)), Experiment(symbols=("AAA",)).hash)


def test_funding_is_paid_by_longs_and_borrow_by_shorts_for_the_time_they_are_held(run: Run) -> None:
    def by_side(*options: str) -> dict[str, dict[str, float]]:
        free = ["--commission", "0", "--spread", "0", "--slippage", "0"]
        groups = json.loads(run(*COMMANDS["stats"], *free, *options, "--by", "side", "--json")[1])["groups"]
        return {group["side"]: group for group in groups}

    # A bar of 15 minutes is held from its open, and a fill carries the time of the close: held - 1 bars, or all.
    carried = by_side("--funding", "0.0096", "--borrow", "0.0048")
    for side, rate in (("long", 0.0001), ("short", 0.00005)):
        group = carried[side]
        assert rate * (group["bars_held"] - 1) <= group["cost"] + 1e-12 <= rate * group["bars_held"] + 1e-9
        assert group["cost"] > 0
    assert by_side("--funding", "0.0096")["short"]["cost"] == 0.0
    said = run(*COMMANDS["stats"], "--funding", "0.0003", "--borrow", "0.0002")[1]
    assert "long carry 3 bp a day, short carry 2 bp a day" in said


def test_a_commission_stands_in_place_of_both_fees(settings: Settings) -> None:
    one = assemble_experiment(settings, symbols="AAA", commission=0.001).instrument("AAA")
    assert one == Instrument("AAA", maker_fee=0.001, taker_fee=0.001)
    with pytest.raises(BadInput, match="give either it, or --maker and --taker"):
        assemble_experiment(settings, symbols="AAA", commission=0.001, taker=0.001)


def test_a_percentage_in_the_configuration_is_asked_about(settings: Settings) -> None:
    with pytest.raises(BadInput, match=r"AAA: taker_fee: 0.05 is 5 % of the price: did you mean 0.0005\?"):
        assemble_experiment(settings, config={"symbols": ["AAA"], "instruments": {"AAA": {"taker_fee": 0.05}}})


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (
            {"kind": "crypto_spot"},
            "(defaults of kind crypto spot; set it); orders also fill in bars without trades (default",
        ),
        ({"fill_without_trades": False}, "; orders wait for a bar with trades"),
        (
            {"kind": "stock", "tick": 0.01, "slippage_ticks": 1},
            "slippage 0.5 bp + 1 tick a side, tick 0.01, no funding",
        ),
        ({"slippage_range": 0.05}, "slippage 0.5 bp + 0.05 of the bar's range a side"),
        ({"long_carry": 0.0003}, "a side, long carry 3 bp a day (defaults"),
        (dict.fromkeys(DEFAULT_COSTS["stock"], 0.0), "maker 0 bp, taker 0 bp, half-spread 0 bp, slippage 0 bp a side"),
    ],
)
def test_costs_are_described_in_words(terms: dict[str, float | str], words: str) -> None:
    assert words in describe_costs(instrument_from("X", terms), remedy="set it")
