"""A database that is created meanwhile: what goes wrong harms nothing. `test_runs` works with one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.models.tracking.test_runs import store_at
from tradesieve.models.tracking import new_database
from tradesieve.models.tracking.new_database import database_created_meanwhile

FAILS, WRITES = "raise SystemExit(1)", "import sys; open(sys.argv[1].removeprefix('sqlite:///'), 'w').write('new')"


@pytest.mark.parametrize("waits", [False, True])
def test_a_block_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool) -> None:
    monkeypatch.setattr(new_database, "_PROGRAM", FAILS if waits else WRITES)

    def block() -> None:
        with database_created_meanwhile(store_at(tmp_path)) as wait:
            if waits:
                wait()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_another_process_created_first_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_at(tmp_path)
    monkeypatch.setattr(new_database, "_PROGRAM", WRITES)
    with database_created_meanwhile(store) as wait:
        store.database.parent.mkdir(parents=True)
        store.database.write_text("theirs")
        wait()
    assert store.database.read_text() == "theirs"
    assert len(list(store.database.parent.iterdir())) == 1
    store.database.unlink()
    with database_created_meanwhile(store) as wait:
        wait()
    assert store.database.read_text() == "new", "the program of this test writes where it should"


def test_no_process_is_started_where_there_is_nothing_to_create(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(tmp_path)
    store.database.parent.mkdir(parents=True)
    store.database.write_text("")
    monkeypatch.setattr(new_database.subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    for one in (store, replace(store, tracking_uri="http://127.0.0.1:9", artifact_root=None)):
        with database_created_meanwhile(one) as wait:
            wait()
