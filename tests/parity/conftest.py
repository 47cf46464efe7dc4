"""A state folder for each module of parity tests."""

from __future__ import annotations

import pytest

from tradesieve.pipelines.settings import Settings, read_settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADESIEVE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return read_settings()
