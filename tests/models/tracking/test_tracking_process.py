"""The process that tracks: what goes wrong harms nothing. `test_runs` tracks in one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.models.tracking.test_runs import EMPTY_RUN, store_at
from tradesieve.market.errors import BadInput, Transient
from tradesieve.models.tracking.runs import EXPERIMENT_TAG
from tradesieve.models.tracking.tracking_process import tracking_process


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def block() -> None:
        with tracking_process(store_at(tmp_path)):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_another_process_created_first_is_kept(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    with tracking_process(store) as track:
        store.database.parent.mkdir(parents=True)
        store.database.write_text("theirs, and none of SQLite's")
        with pytest.raises(Exception, match="file is not a database"):
            track({"name": "run"}, **EMPTY_RUN, tags={EXPERIMENT_TAG: "a1"})
    assert store.database.read_text() == "theirs, and none of SQLite's"
    assert [path.name for path in store.database.parent.iterdir()] == [store.database.name]


def test_errors_of_preparation_and_tracking_are_those_of_tracking(tmp_path: Path) -> None:
    store = replace(store_at(tmp_path), tracking_uri="http://127.0.0.1:9", artifact_root=None)
    with tracking_process(store) as track:
        with pytest.raises(BadInput, match="is not a hash"):
            track({"name": "run"}, **EMPTY_RUN, tags={EXPERIMENT_TAG: "no hash"})
        with pytest.raises(Transient, match="no MLflow server answers"):
            track({"name": "run"}, **EMPTY_RUN, tags={EXPERIMENT_TAG: "a1"})


def test_a_process_that_died_is_named(tmp_path: Path) -> None:
    with tracking_process(store_at(tmp_path)) as track:
        for child in psutil.Process().children():
            if "tracking_process" in " ".join(child.cmdline()):
                child.kill()
        with pytest.raises(Transient, match=r"the process that tracks .* ended \(exit status -9\)"):
            track({"name": "run"}, **EMPTY_RUN, tags={EXPERIMENT_TAG: "a1"})
    assert list(tmp_path.iterdir()) == []
