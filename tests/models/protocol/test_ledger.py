from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.models.protocol import ledger as ledger_module
from tradesieve.models.protocol.ledger import Ledger


def trial(candidate, application="threshold", fitness=1.0, sharpe=0.05, improvement=0.01):
    return {
        "candidate": candidate,
        "application": application,
        "fitness": fitness,
        "sharpe": sharpe,
        "improvement": improvement,
    }


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "state" / "ledger.sqlite")


def recorded_sharpes(ledger):
    with sqlite3.connect(ledger.path) as connection:
        return [sharpe for (sharpe,) in connection.execute("SELECT sharpe FROM trial WHERE sharpe IS NOT NULL")]


def test_trials_are_counted_once_however_often_they_are_recorded(ledger):
    trials = [trial("a"), trial("a", "kelly"), trial("b")]
    assert ledger.record_trials("first", "BTC,ETH", trials) == 3
    assert ledger.record_trials("first", "BTC,ETH", [*trials, trial("c")]) == 1
    assert ledger.count_trials(["BTC"]) == 4
    assert ledger.record_trials("first", "BTC,ETH", [trial("a", sharpe=0.07)]) == 0
    assert sorted(recorded_sharpes(ledger)) == [0.05, 0.05, 0.05, 0.07]


def test_experiments_count_together_when_they_share_a_symbol(ledger):
    ledger.record_trials("first", "BTC,ETH", [trial("a"), trial("b")])
    ledger.record_trials("second", "ETH, SOL/USDT", [trial("a")])
    ledger.record_trials("third", "EURUSD", [trial(name) for name in "abcde"])
    counts = {"BTC": 2, "ETH": 3, "SOL/USDT": 1, "EURUSD": 5, "AAPL": 0}
    assert {symbol: ledger.count_trials([symbol]) for symbol in counts} == counts
    assert ledger.count_trials(["BTC", "ETH"]) == 3, "an experiment that shares two symbols counts once"
    assert ledger.count_trials(["BTC", "EURUSD"]) == 7


def test_failed_trials_count_and_have_no_sharpe(ledger):
    ledger.record_trials("first", "BTC", [trial("a", fitness=math.nan, sharpe=math.nan), trial("b", sharpe=None)])
    assert ledger.count_trials(["BTC"]) == 2
    assert recorded_sharpes(ledger) == []


def test_the_improvements_of_all_experiments_on_a_symbol_are_read_together(ledger):
    ledger.record_trials("first", "BTC,ETH", [trial("a", improvement=0.02), trial("b", improvement=math.nan)])
    ledger.record_trials("second", "ETH", [trial("a", improvement=-0.01)])
    improvements = ledger.trial_improvements(["ETH"])
    assert sorted(improvements[np.isfinite(improvements)]) == [-0.01, 0.02]
    assert len(improvements) == 3
    assert ledger.trial_improvements(["SOL"]).shape == (0,)


def test_a_ledger_from_before_the_improvements_keeps_its_trials_and_openings(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE trial (experiment TEXT NOT NULL, candidate TEXT NOT NULL, application TEXT NOT NULL,
                fitness REAL, sharpe REAL, PRIMARY KEY (experiment, candidate, application)) WITHOUT ROWID;
            CREATE TABLE trial_symbol (symbol TEXT NOT NULL, experiment TEXT NOT NULL,
                PRIMARY KEY (symbol, experiment)) WITHOUT ROWID;
            CREATE TABLE opening (number INTEGER PRIMARY KEY, experiment TEXT NOT NULL, border INTEGER NOT NULL,
                reason TEXT NOT NULL);
            CREATE TABLE opening_symbol (symbol TEXT NOT NULL, opening INTEGER NOT NULL,
                PRIMARY KEY (symbol, opening)) WITHOUT ROWID;
            INSERT INTO trial VALUES ('old', 'a', 'threshold', 1.0, 0.1);
            INSERT INTO trial_symbol VALUES ('BTC', 'old');
            INSERT INTO opening VALUES (1, 'old', 100, 'the winner was fixed');
            INSERT INTO opening_symbol VALUES ('BTC', 1);
        """)
    ledger = Ledger(path)
    assert ledger.record_trials("new", "BTC", [trial("a")]) == 1
    assert ledger.count_trials(["BTC"]) == 2
    assert np.isnan(ledger.trial_improvements(["BTC"])).sum() == 1
    assert ledger.open_holdout("new", ["BTC"], (500, 600), "an old opening has no end, so it may overlap") == 2


def test_a_batch_is_recorded_whole_or_not_at_all(ledger):
    with pytest.raises(BadInput, match="has no improvement, sharpe"):
        ledger.record_trials("first", "BTC", [trial("a"), {"candidate": "b", "application": "kelly", "fitness": 1.0}])
    with pytest.raises(BadInput, match="NOT NULL"):
        ledger.record_trials("first", "BTC", [trial("a"), trial(None)])
    assert ledger.count_trials(["BTC"]) == 0


def test_every_opening_of_a_holdout_is_counted_and_listed(ledger):
    assert ledger.open_holdout("first", ["BTC", "ETH"], (100, 200), "the winner was fixed") == 1
    assert ledger.open_holdout("second", ["SOL"], (100, 200), "another market") == 1
    assert ledger.open_holdout("first", ["ETH"], (100, 200), "once more") == 2
    assert ledger.open_holdout("third", ["BTC", "SOL"], (200, 300), "later, and the last day again") == 3
    assert ledger.holdout_openings(["ETH"]) == [
        {
            "number": 1,
            "experiment": "first",
            "symbols": ["BTC", "ETH"],
            "border": 100,
            "until": 200,
            "reason": "the winner was fixed",
            "look": False,
        },
        {
            "number": 3,
            "experiment": "first",
            "symbols": ["ETH"],
            "border": 100,
            "until": 200,
            "reason": "once more",
            "look": False,
        },
    ]
    assert ledger.open_holdout("fourth", ["BTC", "SOL"], (301, 400), "days that nobody has seen") == 1
    assert [each["number"] for each in ledger.holdout_openings(["BTC"], (150, 250))] == [1, 4]
    assert ledger.holdout_openings(["AAPL"]) == []


def test_a_look_counts_as_an_opening_and_the_same_look_once(ledger):
    look = ("first", ["BTC"], (100, 200), "trades stats by rule")
    assert [ledger.open_once(*look, look=True) for _ in range(3)] == [1, 1, 1]
    assert ledger.open_once("first", ["BTC"], (100, 200), "trades stats by hour", look=True) == 2
    assert ledger.open_holdout("second", ["BTC"], (150, 250), "the winner was fixed") == 3
    assert ledger.open_once("first", ["BTC"], (100, 260), "trades stats by rule", look=True) == 4, "later bars are new"
    assert [each["look"] for each in ledger.holdout_openings(["BTC"])] == [True, True, False, True]


def test_it_remembers_across_openings_of_the_file(ledger):
    ledger.record_trials("first", "BTC", [trial("a")])
    assert Ledger(ledger.path).count_trials(["BTC"]) == 1
    with sqlite3.connect(ledger.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_symbols_cannot_be_empty_or_code(ledger):
    for symbols in ([], [""], ["BTC,ETH"]):
        with pytest.raises(BadInput, match="symbols"):
            ledger.count_trials(symbols)
    with pytest.raises(BadInput, match="symbols"):
        ledger.record_trials("first", "", [trial("a")])
    ledger.record_trials("first", "BTC", [trial("a")])
    assert ledger.count_trials(["') OR 1=1 --"]) == 0


WRITER = """
import sys
from tradesieve.models.protocol.ledger import Ledger
name, path = sys.argv[1:]
ledger = Ledger(path)
numbers = []
for turn in range(25):
    trial = {"candidate": f"{name}-{turn}", "application": "threshold", "fitness": 1.0, "sharpe": 0.1,
        "improvement": 0.1}
    ledger.record_trials("shared", "BTC", [trial, trial | {"candidate": f"both-{turn}"}])
    numbers.append(ledger.open_holdout(name, ["BTC"], (0, 100), "race"))
sys.stdout.write(",".join(map(str, numbers)))
"""


def run(script, *arguments):
    root = Path(ledger_module.__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_lose_nothing_and_never_get_the_same_number(tmp_path):
    path = tmp_path / "ledger.sqlite"
    processes = [run(WRITER, name, path) for name in ("left", "right")]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    numbers = [int(number) for output, _ in outputs for number in output.split(",")]
    assert sorted(numbers) == list(range(1, 51))
    assert Ledger(path).count_trials(["BTC"]) == 75


def test_threads_share_one_ledger(ledger):
    def open_it(turn):
        return ledger.open_holdout("threads", ["BTC"], (0, 100), "race")

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(open_it, range(40))) == list(range(1, 41))


FULL = """
import resource, signal, sys
from tradesieve.market.errors import BadInput
from tradesieve.models.protocol.ledger import Ledger
ledger = Ledger(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
numbers = {"fitness": 1.0, "sharpe": 0.1, "improvement": 0.1}
trials = [{"candidate": f"c{i}" * 20, "application": "threshold", **numbers} for i in range(5000)]
try:
    ledger.record_trials("first", "BTC", trials)
except BadInput as error:
    sys.stdout.write(str(error))
"""


def test_a_full_disk_is_said_with_the_path_and_spoils_nothing(tmp_path):
    path = tmp_path / "ledger.sqlite"
    Ledger(path).record_trials("before", "BTC", [trial("a")])
    output, errors = run(FULL, path).communicate(timeout=60)
    assert f"ledger {path} cannot be read or written" in output, errors
    assert Ledger(path).count_trials(["BTC"]) == 1


def test_a_place_that_cannot_hold_a_ledger_is_named(tmp_path):
    (tmp_path / "file").write_text("not a database, and long enough to be looked at" * 50)
    with pytest.raises(BadInput, match=str(tmp_path / "file" / "ledger.sqlite")):
        Ledger(tmp_path / "file" / "ledger.sqlite")
    with pytest.raises(BadInput, match="unable to open"):
        Ledger(tmp_path)
    with pytest.raises(BadInput, match="not a database"):
        Ledger(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_ledger_is_named(ledger):
    ledger.path.parent.chmod(0o500)
    ledger.path.chmod(0o400)
    try:
        with pytest.raises(BadInput, match=str(ledger.path)):
            ledger.record_trials("first", "BTC", [trial("a")])
    finally:
        ledger.path.parent.chmod(0o700)
