"""A bot whose service switches models, and one that is stopped and started again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.trading.scoring_stand_in import INSTRUMENT, LOOKBACK, RuleFactory, Service, run
from tests.trading.test_journal import entries_of
from tradesieve.market.bars import Bars
from tradesieve.serving.client import RequestRefused, ScoringClient
from tradesieve.serving.responses import Requirements
from tradesieve.strategies.trades import pool_trades
from tradesieve.trading.bot import Bot
from tradesieve.trading.brokers.paper import PaperBroker
from tradesieve.trading.feed import ReplayFeed
from tradesieve.trading.journal import Journal


def test_a_swap_is_written_down_and_a_model_without_the_strategy_ends_no_bot(
    random_rule: RuleFactory, short_bars: Bars, serve: Callable[..., Service], tmp_path: Path
) -> None:
    service = serve(20, "unknown")
    feed = ReplayFeed(short_bars, None, int(short_bars.close_time[299]))

    def swap(done: int, total: int) -> None:
        if len(service.asked) > 5:
            service.changes = {"model": "n" * 16}

    with ScoringClient(service.url, timeout=5.0) as client, Journal(tmp_path / "bot.jsonl") as journal:
        broker = PaperBroker(random_rule(1, reverses=False), INSTRUMENT, "15m")
        bot = Bot([broker], client=client, journal=journal, requirements=Requirements(bars=LOOKBACK), model="m" * 16)
        trades = bot.run(feed, on_bar=swap)
    entries = entries_of(tmp_path / "bot.jsonl")
    swaps = [entry for entry in entries if entry["event"] == "model"]
    assert [(entry["before"], entry["after"]) for entry in swaps] == [("m" * 16, "n" * 16)]
    refused = [entry for entry in entries if entry["event"] == "refused"]
    assert bot.n_requests == 20
    assert len(refused) == len(service.asked) - 20 > 10
    assert "the detail" in refused[0]["reason"]
    after = trades[trades["decision_time"] >= refused[0]["time"]]
    assert len(after) > 5
    assert (after["size"] == 0).all()


def test_a_strategy_that_the_service_never_knew_is_an_error(
    random_rule: RuleFactory, short_bars: Bars, serve: Callable[..., Service], tmp_path: Path
) -> None:
    service = serve(0, "unknown")
    bot, _, error = run([random_rule(1, reverses=False)], ReplayFeed(short_bars), service.url, tmp_path / "bot.jsonl")
    assert isinstance(error, RequestRefused)
    assert bot.n_requests == 0


@pytest.mark.parametrize("missed", [0, 1, 40])
def test_a_restarted_bot_holds_on_to_what_it_placed(
    random_rule: RuleFactory, short_bars: Bars, serve: Callable[..., Service], tmp_path: Path, missed: int
) -> None:
    """Stopped between any two bars and started again, some bars later, it ends with the sizes of one that ran on."""
    url, start, end = serve().url, int(short_bars.close_time[150]), int(short_bars.close_time[399])
    rules = [random_rule(2, reverses=True), random_rule(1, reverses=False, rate=0.1)]
    _, whole, _ = run(rules, ReplayFeed(short_bars, start, end), url, tmp_path / "whole.jsonl")
    assert whole is not None
    long = whole[(whole["bars_held"] > 1) & (whole["size"] > 0)]
    for number, stopped in enumerate(long["entry_time"].iloc[:3].tolist()):
        row = int(short_bars.close_time.searchsorted(stopped))
        stopped, again = int(short_bars.close_time[row]), int(short_bars.close_time[row + missed])
        path = tmp_path / f"{number}.jsonl"
        _, first, _ = run(rules, ReplayFeed(short_bars, start, stopped), url, path)
        _, second, _ = run(rules, ReplayFeed(short_bars, again, end), url, path)
        assert first is not None
        assert second is not None
        assert (second["decision_time"] <= stopped).any(), "a position was open"
        both = pool_trades([first, second]).reset_index(drop=True)
        met = whole[(whole["decision_time"] <= stopped) | (whole["decision_time"] > again)].reset_index(drop=True)
        pd.testing.assert_frame_equal(both, met, check_exact=True)
        closed = [entry["decision_time"] for entry in entries_of(path) if entry["event"] == "closed"]
        assert sorted(closed) == sorted(both["decision_time"])
