"""The bot over real HTTP: it trades what research has, writes down all it did, and stops when the service fails."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.trading.scoring_stand_in import INSTRUMENT, LOOKBACK, RuleFactory, Service, opinion, run
from tests.trading.test_journal import entries_of
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, TradesieveError, Transient
from tradesieve.market.resampling import resample
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.serving.client import RequestRefused, ScoringClient
from tradesieve.serving.responses import Requirements
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.backtest.trade_decisions import decisions_of
from tradesieve.strategies.trades import TRADE_COLUMNS, pool_trades
from tradesieve.trading.bot import Bot
from tradesieve.trading.brokers.paper import PaperBroker
from tradesieve.trading.feed import ReplayFeed
from tradesieve.trading.journal import Journal


def test_bot_trades_what_research_has(
    random_rule: RuleFactory, short_bars: Bars, serve: Callable[..., Service], tmp_path: Path
) -> None:
    strategies = [
        random_rule(1, reverses=False),
        random_rule(2, reverses=True),
        random_rule(3, reverses=True, rate=0.6),
    ]
    start = int(short_bars.close_time[150])
    service = serve()
    bot, trades, error = run(strategies, ReplayFeed(short_bars, start), service.url, tmp_path / "bot.jsonl")
    assert error is None
    assert trades is not None
    tables = [simulate(strategy, short_bars, INSTRUMENT) for strategy in strategies]
    expected = pool_trades(tables)
    expected = expected[(expected["exit_reason"] != "end_of_data") & (expected["decision_time"] > start)]
    pd.testing.assert_frame_equal(
        trades[list(TRADE_COLUMNS)], expected.reset_index(drop=True)[list(TRADE_COLUMNS)], check_exact=True
    )
    given = [opinion(name, time) for name, time in zip(trades["strategy"], trades["decision_time"], strict=True)]
    assert list(zip(trades["score"], trades["size"], strict=True)) == given
    assert 0 < (trades["size"] == 0).sum() < len(trades)

    entries = entries_of(tmp_path / "bot.jsonl")
    closed = [entry for entry in entries if entry["event"] == "closed"]
    decisions = [entry for entry in entries if entry["event"] == "decision"]
    assert len(closed) == len(trades)
    assert len(decisions) == bot.n_requests == len(service.asked)
    assert {entry["event"] for entry in entries} == {"closed", "decision", "addition"}, "additions are not asked about"
    kept = pd.DataFrame(closed).sort_values(["decision_time", "strategy"], kind="stable", ignore_index=True)
    for column in ("entry_price", "exit_price", "net_return", "size", "score", "exit_time", "exit_reason", "strategy"):
        assert kept[column].tolist() == trades[column].tolist(), column
    assert [entry["time"] for entry in entries] == sorted(entry["time"] for entry in entries)


def test_bot_settles_what_came_first_by_finer_bars(
    random_rule: RuleFactory, serve: Callable[..., Service], tmp_path: Path
) -> None:
    finer = SyntheticMarket(n_days=6, timeframe=parse_timeframe("5m")).generate("BTC-USD")[0]
    bars = resample(finer, parse_timeframe("15m"))
    strategy, start = random_rule(4, reverses=True, rate=0.5), int(bars.close_time[150])
    _, trades, error = run([strategy], ReplayFeed(bars, start, None, finer), serve().url, tmp_path / "bot.jsonl")
    assert error is None
    assert trades is not None
    for given, equal in ((finer, True), (None, False)):
        found = simulate(strategy, bars, INSTRUMENT, finer=given)
        found = found[(found["exit_reason"] != "end_of_data") & (found["decision_time"] > start)]
        assert trades["net_return"].tolist() == found["net_return"].tolist() or not equal
        assert trades["net_return"].tolist() != found["net_return"].tolist() or equal


def test_bot_sends_the_last_bars_and_nothing_later(
    random_rule: RuleFactory, short_bars: Bars, serve: Callable[..., Service], tmp_path: Path
) -> None:
    service = serve()
    run([random_rule(1, reverses=False)], ReplayFeed(short_bars, None, int(short_bars.close_time[99])), service.url,
        tmp_path / "bot.jsonl")  # fmt: skip
    assert len(service.asked) > 10
    for question in service.asked:
        row = int(short_bars.close_time.searchsorted(question["decision_time"]))
        window = short_bars[max(0, row + 1 - LOOKBACK) : row + 1]
        assert question["bars"]["close_time"] == window.close_time.tolist()
        assert question["bars"]["close"] == window.close.tolist()
        assert question["timeframe"] == "15m"


def test_the_service_is_given_what_research_knows(
    random_rule: RuleFactory, short_bars: Bars, serve: Callable[..., Service], tmp_path: Path
) -> None:
    """Of every trade: its stop and target, who agreed, the own record, and bars of another symbol, bit for bit."""
    strategies = [
        random_rule(1, reverses=False),
        random_rule(2, reverses=True),
        random_rule(3, reverses=True, rate=0.6),
        random_rule(4, reverses=True),
    ]
    start, service = int(short_bars.close_time[150]), serve()
    other = short_bars[::3]  # often closed
    terms = frozenset({"side", "stop", "target", "agreeing", "results"})
    requirements = Requirements(bars=LOOKBACK, others={"ETH-USD": 3}, results=4, terms=terms)
    _, trades, error = run(
        strategies, ReplayFeed(short_bars, start), service.url, tmp_path / "bot.jsonl",
        requirements=requirements, others={"ETH-USD": ReplayFeed(replace(other, symbol="ETH-USD"))},
    )  # fmt: skip
    assert error is None
    assert trades is not None
    research = pool_trades([simulate(strategy, short_bars, INSTRUMENT) for strategy in strategies])
    known = decisions_of(research, [f"{strategy.id}|BTC-USD|15m" for strategy in strategies])
    asked = {(question["strategy"], question["decision_time"]): question for question in service.asked}
    rows = np.flatnonzero((research["decision_time"] > start) & (research["exit_reason"] != "end_of_data"))
    assert len(rows) == len(trades) > 100
    for row in rows:
        question = asked[research["strategy"][row], int(known.time[row])]
        for name in ("stop", "target", "agreeing"):
            value = float(getattr(known, name)[row])
            assert question[name] == (None if math.isnan(value) else value), name
        first, end = known.first_result[row], known.end_result[row]
        assert question["results"] == known.results[max(first, end - 4) : end].tolist()
        seen = other.between(end_time=int(known.time[row]))[-3:]
        assert question["others"]["ETH-USD"]["close"] == seen.close.tolist()
        assert question["others"]["ETH-USD"]["close_time"] == seen.close_time.tolist()
    assert {question["agreeing"] for question in asked.values()} == {None, 0.0, 0.5, 1.0}
    assert known.end_result[rows[0]] > known.first_result[rows[0]], "the record begins before the replay"


def test_a_rule_without_others_is_asked_for_as_none(
    random_rule: RuleFactory, short_bars: Bars, serve: Callable[..., Service], tmp_path: Path
) -> None:
    """And what the model does not look at is not sent."""
    service, feed = serve(), ReplayFeed(short_bars, None, int(short_bars.close_time[99]))
    requirements = Requirements(bars=LOOKBACK, terms=frozenset({"agreeing"}))
    run([random_rule(1, reverses=False)], feed, service.url, tmp_path / "bot.jsonl", requirements=requirements)
    assert {question["agreeing"] for question in service.asked} == {None}
    plain = {"strategy", "symbol", "timeframe", "side", "decision_time", "bars"}
    assert all(set(question) == plain | {"agreeing"} for question in service.asked)


def test_a_feed_that_is_missing_is_said(tmp_path: Path) -> None:
    with (
        ScoringClient("http://127.0.0.1:1") as client,
        Journal(tmp_path / "bot.jsonl") as journal,
        pytest.raises(BadInput, match="the model requires bars of SPY: give the bot a feed of SPY"),
    ):
        Bot([], client=client, journal=journal, requirements=Requirements(bars=1, others={"SPY": 3}))


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"accept": False, "size": 1.0}, 0.0),
        ({"accept": True, "size": 2.5}, 1.0),
        ({"accept": True, "size": -1.0}, 0.0),
        ({"accept": True, "size": 0.25}, 0.25),
    ],
)
def test_an_answer_that_refuses_is_no_size_and_no_size_is_above_the_stake(
    random_rule: RuleFactory,
    short_bars: Bars,
    serve: Callable[..., Service],
    tmp_path: Path,
    changes: dict[str, Any],
    size: float,
) -> None:
    service = serve()
    service.changes = changes
    feed = ReplayFeed(short_bars, None, int(short_bars.close_time[99]))
    _, trades, _ = run([random_rule(1, reverses=False)], feed, service.url, tmp_path / "bot.jsonl")
    assert trades is not None
    assert set(trades["size"]) == {size}
    entries = entries_of(tmp_path / "bot.jsonl")
    assert {entry["size"] for entry in entries if entry["event"] == "decision"} == {size}


@pytest.mark.parametrize(
    ("failure", "kind", "said"),
    [
        ("503", Transient, "answers 503, 4 times"),
        ("cut", Transient, "cannot be reached"),
        ("500", TradesieveError, "failed with 500"),
        ("422", RequestRefused, "the detail; the hint"),
        ("404", RequestRefused, "is refused with 404"),
        ("nonsense", TradesieveError, "is not a tradesieve service"),
        ("no score", TradesieveError, "is not a tradesieve service"),
    ],
)
def test_bot_stops_when_the_service_fails(
    random_rule: RuleFactory,
    short_bars: Bars,
    serve: Callable[..., Service],
    tmp_path: Path,
    failure: str,
    kind: type[Exception],
    said: str,
) -> None:
    """It ends with the error, opens nothing more, and the journal says why and when."""
    service = serve(7, failure)
    strategies = [random_rule(1, reverses=False), random_rule(2, reverses=True)]
    bot, _, error = run(strategies, ReplayFeed(short_bars), service.url, tmp_path / "bot.jsonl")
    assert isinstance(error, kind)
    assert said in str(error)
    assert bot.n_requests == 7
    entries = entries_of(tmp_path / "bot.jsonl")
    assert [entry["event"] for entry in entries].count("decision") == 7
    assert [entry["event"] for entry in entries].count("stopped") == 1
    last = entries[-1]
    assert last["event"] == "stopped"
    assert last["time"] == service.asked[7]["decision_time"]
    assert kind.__name__ in last["reason"]
    assert said in last["reason"]
    assert len(service.asked) == (11 if kind is Transient else 8), "only what may pass is asked for again"


def test_bot_stops_when_there_is_no_service(random_rule: RuleFactory, short_bars: Bars, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    bot, _, error = run([random_rule(1, reverses=False)], ReplayFeed(short_bars), url, tmp_path / "bot.jsonl")
    assert type(error) is Transient
    assert bot.n_requests == 0
    assert [entry["event"] for entry in entries_of(tmp_path / "bot.jsonl")] == ["stopped"]


def test_an_interruption_is_written_down(
    random_rule: RuleFactory, short_bars: Bars, serve: Callable[..., Service], tmp_path: Path
) -> None:
    """Ctrl-C is no failure of the service, and yet positions may be open: the journal has to say that it ended."""
    with ScoringClient(serve().url) as client, Journal(tmp_path / "bot.jsonl") as journal:
        broker = PaperBroker(random_rule(1, reverses=False), INSTRUMENT, "15m")
        bot = Bot([broker], client=client, journal=journal, requirements=Requirements(bars=LOOKBACK))

        def interrupt(done: int, total: int) -> None:
            if done == 20:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            bot.run(ReplayFeed(short_bars), on_bar=interrupt)
    last = entries_of(tmp_path / "bot.jsonl")[-1]
    assert last["event"] == "stopped"
    assert last["time"] == int(short_bars.close_time[19])
    assert "KeyboardInterrupt" in last["reason"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_bot_stops_when_the_journal_cannot_be_written(
    random_rule: RuleFactory, short_bars: Bars, serve: Callable[..., Service]
) -> None:
    service = serve()
    bot, _, error = run([random_rule(1, reverses=False)], ReplayFeed(short_bars), service.url, Path("/dev/full"))
    assert isinstance(error, BadInput)
    assert "the journal /dev/full cannot be written" in str(error)
    assert bot.n_requests == 1, "not one decision more than could be written down"
