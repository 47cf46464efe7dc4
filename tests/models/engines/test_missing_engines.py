"""Engines whose library is an extra: where it is missing, the error says how to install it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.models.engines import pycaret
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.external import ExternalEngine
from tradesieve.models.engines.registry import ENGINES, engine_named, installed_engines
from tradesieve.models.fitted.formats import FORMATS, load_model
from tradesieve.models.fitted.model import MANIFEST

EXTRAS = {name: library for name in ENGINES if (library := engine_named(name).library) is not None}
SPANS = (np.arange(40), np.arange(40) + 1)
_WORD = "{} is not installed: pip install 'tradesieve[{}]'"


def word_of(engine: str) -> str:
    """Return the pattern of what is said where an engine's library is missing."""
    return re.escape(_WORD.format(EXTRAS[engine], engine_named(engine).extra))


@pytest.fixture(params=EXTRAS)
def missing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name an engine whose library cannot be imported, whether it is installed or not."""
    pycaret._read_container.cache_clear()  # what an earlier test has read of it needs no import
    library = EXTRAS[request.param]
    loaded = [name for name in sys.modules if name.startswith(f"{library}.")]
    for name in (library, *loaded):  # what an earlier test has loaded would be found without its package
        monkeypatch.setitem(sys.modules, name, None)
    return str(request.param)


def test_candidates_of_a_missing_library_say_how_to_install_it(missing: str) -> None:
    with pytest.raises(BadInput, match=word_of(missing)):
        engine_named(missing).candidates(2, seed=0)


def test_a_fit_and_a_saved_model_of_a_missing_library_say_it_too(missing: str, tmp_path: Path) -> None:
    engine = engine_named(missing)
    X = np.random.default_rng(0).standard_normal((40, 2))
    with pytest.raises(BadInput, match=word_of(missing)):
        engine.fit(
            Candidate(missing, engine.estimators()[0], {}), X, (X[:, 0] > 0) * 1.0, np.ones(40), seed=0, spans=SPANS
        )
    if missing not in FORMATS:  # its models are those of other engines
        return
    (tmp_path / FORMATS[missing].file_name).write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    manifest = {"format": missing, "library": "", "n_features": 2, "columns": [0, 1], "sha256": empty}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match=word_of(missing)):
        load_model(tmp_path)


def test_the_others_are_always_there() -> None:
    outside = {name for name in ENGINES if isinstance(engine_named(name), ExternalEngine)}
    assert set(ENGINES) - set(EXTRAS) - outside <= set(installed_engines())
    assert outside == {"autogluon", "mljar", "tpot"}
    assert set(EXTRAS) == {"xgboost", "catboost", "flaml", "pycaret", "pycaret_ensemble"}
