"""Features that stand for the symbols of an experiment: what they expand to, from the bars to the artifact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.pipelines.command_runs import Command, refuses
from tradesieve.features.feature_sets import MINIMAL, MOST_SYMBOLS, expand
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import load_artifact
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.experiment import Experiment, experiment_from
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.research_trades import load_model_chunk, research_trades
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_features import describe_other_symbols
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset

PAIR = ("AAA", "BBB")
NAMES = expand(["minimal", "other_symbols"], symbols=PAIR)


@pytest.fixture(scope="module")
def settings(make_home: Callable[..., Settings], small_bars: Bars) -> Settings:
    """A home with two series, of which the second begins later and lacks a bar in five."""
    settings = make_home()
    kept = np.random.default_rng(1).random(len(small_bars)) > 0.2
    kept[:1000] = False
    walk = np.exp(0.002 * np.cumsum(np.random.default_rng(2).standard_normal(len(small_bars))))
    prices = {name: getattr(small_bars, name) * walk for name in ("open", "high", "low", "close")}
    settings.bars.append(replace(small_bars, symbol="BBB", **prices).where(kept))
    return settings


@pytest.fixture(scope="module")
def both(small_experiment: Experiment) -> Experiment:
    return replace(small_experiment, symbols=PAIR, features=("minimal", "other_symbols"))


def test_a_trade_reads_the_other_symbol_where_it_has_a_bar(both: Experiment, settings: Settings) -> None:
    dataset = build_dataset(both, load_chunks(both, settings), settings)
    assert dataset.feature_names == NAMES
    traded = np.array([name.split("|")[1] for name in dataset.instance_names])[dataset.instance]
    other = settings.bars.load("BBB", both.parsed_timeframes()[0])
    moves = {symbol: [f"_beside_{symbol}__" in name for name in NAMES] for symbol in PAIR}
    for symbol in PAIR:
        assert np.isnan(dataset.X[traded == symbol][:, moves[symbol]]).all(), "none of its own"
    known, closes = (np.isin(dataset.decision_time, other.close_time[first:]) for first in (51, 0))
    of_other = dataset.X[:, moves["BBB"]]
    assert np.isfinite(of_other[(traded == "AAA") & known]).all()
    assert np.isnan(of_other[(traded == "AAA") & ~closes]).all()
    assert 0.3 < known[traded == "AAA"].mean() < 0.95
    assert np.isfinite(dataset.X[traded == "BBB"][:, moves["AAA"]]).all()


@pytest.mark.parametrize("selection", ["all", "own_symbol"])
def test_a_run_writes_the_names_that_its_model_reads(
    both: Experiment, settings: Settings, monkeypatch: pytest.MonkeyPatch, selection: str
) -> None:
    """A model that reads no other symbol requires the bars of none, live as in research."""
    only = [each for each in both.plan.candidates(NAMES) if each.selection == selection][:1]
    monkeypatch.setattr(Plan, "candidates", lambda *given: only)
    # Another name, since a stored result of the same experiment would be read.
    experiment = replace(both, features=(*both.features, f"trade__side{'|side' * (selection == 'all')}"))
    result = run_experiment(experiment, settings)
    assert result["data"]["features"] == list(NAMES)
    assert result["certificates"] == {"causality": True, "parity": True}
    model = NAMES if selection == "all" else MINIMAL
    assert result["data"]["model_features"] == list(model)
    artifact = load_artifact(Path(result["artifact"]))
    assert artifact.manifest["features"] == list(model)
    assert artifact.requirements("15m", "AAA").others == ({"BBB": 51} if selection == "all" else {})
    assert set(artifact.manifest["bars"]) == {"AAA|15m", "BBB|15m"}
    end = int(settings.bars.load("AAA", experiment.parsed_timeframes()[0]).close_time[-500])
    traded = research_trades(artifact, load_model_chunk(artifact, "AAA", "15m", settings), settings, start_time=end)
    assert np.isfinite(traded["score"]).all()
    assert len(traded) > 3


def test_what_a_bot_has_to_send_is_said(both: Experiment) -> None:
    assert describe_other_symbols(both, NAMES, MINIMAL) == [
        "a model without the features of other symbols ranks first: a decision requires its own bars only"
    ]
    assert describe_other_symbols(both, NAMES, ()) == []
    assert describe_other_symbols(both, NAMES, NAMES) == [
        "every decision requires the bars of AAA, BBB: live, the bot sends them with its own, or appends them by POST "
        "/bars before it asks"
    ]


def test_one_symbol_has_no_other_and_says_so(both: Experiment, small_experiment: Experiment) -> None:
    alone = replace(both, symbols=("AAA",))
    assert alone.feature_names() == small_experiment.feature_names() == MINIMAL
    assert describe_other_symbols(alone, MINIMAL) == [
        "no feature reads another symbol: AAA is the only one of the experiment"
    ]
    assert describe_other_symbols(small_experiment, MINIMAL) == []
    with pytest.raises(BadInput, match="features are other_symbols, but AAA has no symbol beside it: add others"):
        replace(alone, features="other_symbols")


def test_of_many_symbols_the_first_are_read(both: Experiment) -> None:
    symbols = tuple(f"S{number}" for number in range(12))
    many = replace(both, symbols=symbols)
    assert len(many.feature_names()) == len(MINIMAL) + 10 * MOST_SYMBOLS
    first, second = describe_other_symbols(many, many.feature_names())
    assert first == (
        "features read the first 8 of 12 symbols beside each other; name more of them by themselves, such as "
        "close_beside_S8__slope__window_20"
    )
    assert "requires the bars of S0, S1, S2, S3, S4, S5, S6, S7: live" in second


def test_the_order_of_symbols_and_sets_is_part_of_the_identity(both: Experiment) -> None:
    assert experiment_from(both.as_dict()) == both
    assert replace(both, symbols=PAIR[::-1]).hash != both.hash


def test_chunks_share_one_copy_of_the_bars(both: Experiment, settings: Settings) -> None:
    first, second = load_chunks(both, settings)
    assert np.shares_memory(first.others["BBB"].close, second.bars.close)
    assert np.shares_memory(second.others["AAA"].close, first.bars.close)


def test_a_part_on_one_symbol_makes_the_trades_of_the_whole(both: Experiment, settings: Settings) -> None:
    for only in (both, replace(both, features="other_symbols")):
        whole = load_chunks(only, settings)[0]
        (part,) = load_chunks(only.restricted_to("AAA", "15m"), settings)
        assert part.trades_key(part.strategies) == whole.trades_key(whole.strategies)


def test_the_commands_list_and_check_them(run: Command, settings: Settings) -> None:
    listed = run("factors", "list", home=settings.home)
    assert "set other_symbols: 10 features for each symbol of an experiment with several, up to 8" in listed.out
    assert "close_beside_each__..." in listed.out
    assert list(run("factors", "list", "--json", home=settings.home).json()["sets"])[-1] == "other_symbols"
    given = ["--symbols", "AAA,BBB", "--timeframe", "15m", "--features", "minimal,other_symbols"]
    checked = run("factors", "check", *given, "--times", "4", "--json", home=settings.home).json()
    assert checked["passed"]
    assert {row["feature"] for row in checked["features"]} == set(NAMES)
    refuses(run("factors", "check", *given[:1], "AAA", *given[2:-1], "other_symbols", home=settings.home), "AAA has no")
