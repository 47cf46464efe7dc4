"""The stored decisions of the service that serves this state folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.decision_log import URL_VARIABLE, read_log_settings
from tradesieve.serving.decision_store import DecisionStore, open_store


@contextmanager
def stored_decisions(settings: Settings) -> Iterator[DecisionStore]:
    """Open the store for a block.

    Raises
    ------
    BadInput : if no decision is stored, or the database cannot be reached.
    """
    log = read_log_settings(os.environ | {"TRADESIEVE_HOME": str(settings.home)})
    if log.url is None:
        raise BadInput(f"{URL_VARIABLE} is none, so no decision is stored: set it to the database of the decisions")
    store = open_store(log.url, create=False)
    try:
        yield store
    finally:
        store.close()
