"""Engines: registry, candidates, PyCaret's side effects, and threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.engines.base import Candidate, single_threaded
from tradesieve.models.engines.pycaret import _container
from tradesieve.models.engines.registry import ENGINES, engine_named
from tradesieve.models.engines.search_spaces import Range, draw

ROOT = Path(__file__).parents[3]


def test_the_nearest_engine_is_suggested() -> None:
    with pytest.raises(Unknown, match="did you mean 'lightgbm'"):
        engine_named("lightgmb")


def test_an_engine_is_one_object() -> None:
    assert engine_named("lightgbm") is engine_named("lightgbm")
    assert engine_named("lightgbm").name == "lightgbm"


def test_importing_the_engines_imports_no_vendor() -> None:
    script = (
        "import sys; from tradesieve.models.engines.registry import ENGINES, engine_named; "
        "import tradesieve.models.protocol.candidate_scores, tradesieve.models.fitted.model\n"
        "[engine_named(name).estimators() for name in ENGINES]\n"
        "print([m for m in ('sklearn', 'lightgbm', 'pycaret', 'joblib', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pycaret_leaves_no_trace(tmp_path: Path) -> None:
    """Left alone, its import writes logs.log here, swallows the process's warnings and seeds numpy's generator."""
    script = f"""
import os, sys, warnings
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
import sklearn  # sets variables of its own
from tradesieve.models.engines.registry import engine_named
show, state, environment = warnings.showwarning, np.random.get_state()[1].tolist(), dict(os.environ)
engine_named("pycaret").candidates(12, seed=0, estimators=engine_named("pycaret").estimators())
assert "pycaret" in sys.modules
print(warnings.showwarning is show, np.random.get_state()[1].tolist() == state, dict(os.environ) == environment)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]
    assert list(tmp_path.iterdir()) == []


def test_pycaret_s_own_draws_leave_their_bounds_and_ours_do_not() -> None:
    """The reason for not using `get_base`; when this fails, PyCaret has been mended."""
    _container("nb")  # imports PyCaret quietly; a plain import would leave its log file here
    from pycaret.internal.distributions import UniformDistribution

    theirs = UniformDistribution(0.4, 1).get_base().rvs(1000, random_state=0)
    assert theirs.max() > 1
    generator = np.random.default_rng(0)
    ours = [draw({"a": Range(0.4, 1)}, generator)["a"] for _ in range(1000)]
    assert 0.4 <= min(ours) < 0.41
    assert 0.99 < max(ours) <= 1


def test_draws_include_both_ends_and_spread_over_the_orders_of_magnitude() -> None:
    generator = np.random.default_rng(1)
    space = {
        "whole": Range(2, 6, whole=True),
        "small": Range(1e-6, 1.0, logarithmic=True),
        "both": Range(1, 1000, whole=True, logarithmic=True),
        "choice": ["sqrt", "log2"],
    }
    drawn = [draw(space, generator) for _ in range(2000)]
    assert {one["whole"] for one in drawn} == {2, 3, 4, 5, 6}
    assert np.mean([one["small"] < 1e-3 for one in drawn]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([one["both"] < 32 for one in drawn]) == pytest.approx(0.5, abs=0.05)
    assert {type(one["both"]) for one in drawn} == {int}
    assert {one["choice"] for one in drawn} == {"sqrt", "log2"}


def test_a_parameter_that_scikit_learn_no_longer_has_is_not_drawn() -> None:
    ada = _container("ada")
    assert "algorithm" not in ada.space
    assert set(ada.space) == {"n_estimators", "learning_rate"}


@pytest.mark.parametrize("engine", ENGINES)
def test_candidates_check_their_arguments(engine: str) -> None:
    one = engine_named(engine)
    with pytest.raises(BadInput, match="n is 0"):
        one.candidates(0, seed=0)
    with pytest.raises(BadInput, match="seed is -1"):
        one.candidates(3, seed=-1)
    with pytest.raises(BadInput, match="estimators is empty"):
        one.candidates(3, seed=0, estimators=[])


def test_a_space_that_is_used_up_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    one = engine_named("lightgbm")
    monkeypatch.setattr(type(one), "_draw", lambda self, estimator, task, generator: {})
    # Only the selection is left to differ: the start and three more.
    assert len(one.candidates(4, seed=0, estimators=["gbdt"])) == 4
    with pytest.raises(BadInput, match="only 4 different candidates"):
        one.candidates(5, seed=0, estimators=["gbdt"])


def test_a_candidate_s_key_depends_on_its_content_and_not_on_the_order_of_parameters() -> None:
    candidate = Candidate("lightgbm", "gbdt", {"a": 1, "b": 2.5})
    assert candidate.key == Candidate("lightgbm", "gbdt", {"b": 2.5, "a": 1}).key
    assert len({candidate, Candidate("lightgbm", "gbdt", {"b": 2.5, "a": 1})}) == 1
    assert candidate.key != Candidate("lightgbm", "gbdt", {"a": 1, "b": 2.5}, "univariate").key
    # Frozen: keys are written in ledgers, a change of the hash would count every trial twice.
    assert candidate.name == "lightgbm/gbdt#" + candidate.key[:8]
    assert candidate.key == "8e70cabfee5096f6"


def test_a_candidate_is_json_and_names_a_selection() -> None:
    with pytest.raises(BadInput, match="JSON"):
        Candidate("lightgbm", "gbdt", {"a": np.nan})
    with pytest.raises(BadInput, match="JSON"):
        Candidate("lightgbm", "gbdt", {"a": np.arange(3)})
    with pytest.raises(Unknown, match="univariate"):
        Candidate("lightgbm", "gbdt", {}, "univariat")


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


def test_blas_stays_at_one_thread_until_the_last_one_leaves() -> None:
    import scipy.linalg  # noqa: F401  so that its BLAS counts as well

    before = blas_threads()
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with single_threaded():
            entered.set()
            leave.wait(10)

    other = threading.Thread(target=stay)
    with single_threaded():
        other.start()
        assert entered.wait(10)
        assert blas_threads() == {1}
    assert blas_threads() == {1}
    leave.set()
    other.join()
    assert blas_threads() == before


def test_any_thread_can_hold_blas_at_one_thread() -> None:
    """Once one thread has set the limit, threadpoolctl ignores the others without a word."""
    seen: list[set[int]] = []

    def fit() -> None:
        with single_threaded():
            seen.append(blas_threads())

    with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
        assert blas_threads() == {2}
        other = threading.Thread(target=fit)
        other.start()
        other.join()
        assert seen == [{1}]
        assert blas_threads() == {2}
