"""Factors of one's own travel with the model: in the artifact, checked, loaded from there, and served."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests import signed
from tests.signed import sign
from tradesieve import factor
from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.user_modules import isolated_modules, load_user_modules
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.models.artifact.artifact import Artifact, load_artifact, verify
from tradesieve.models.artifact.manifest import file_checksum

SHAPES = "TIMES = 1.0\n"
MODULE = '''
from tradesieve import factor
from shapes import TIMES


@factor(of="frame")
def above_mean(frame, window=20):
    """Stand above the mean."""
    return TIMES * (frame["close"] / frame["close"].rolling(window).mean() - 1)


@factor(of="column")
def last_to_first(values, window=10):
    """Divide the last value by the first."""
    return values[-1] / values[0]
'''
NAMES = (
    "bars__above_mean__window_20", "close__last_to_first__window_12", "close__slope__window_20", "trade__side",
    "close_aligned__last_to_first__window_15",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def nothing_stays() -> Iterator[None]:
    with isolated_modules():
        yield


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    (folder / "shapes.py").write_text(SHAPES)
    (folder / "own_factors.py").write_text(MODULE)
    return folder


@pytest.fixture(scope="module")
def own(sources: Path, tmp_path_factory: pytest.TempPathFactory, artifact_builder: Callable[..., Artifact]) -> Artifact:
    load_user_modules(["shapes.py", "own_factors.py"], folder=sources)
    return artifact_builder(tmp_path_factory.mktemp("own") / "first", features=NAMES)


def scores(artifact: Artifact, bars: Bars) -> bytes:
    at = Decisions(bars.close_time[200:230], np.ones(30))
    return artifact.model.predict(compute(bars, at, artifact.features)).tobytes()


def test_the_manifest_names_the_modules_and_what_they_import(own: Artifact) -> None:
    assert [(one["name"], one["file"]) for one in own.manifest["modules"]] == [
        ("shapes", "modules/shapes.py"), ("own_factors", "modules/own_factors.py"),
    ]  # fmt: skip
    assert (own.folder / "modules" / "own_factors.py").read_text() == MODULE
    assert {"modules/shapes.py", "modules/own_factors.py"} < set(own.manifest["files"])
    assert {"pandas", "numpy"} <= set(own.manifest["versions"])


def test_it_is_loaded_where_the_file_is_not(own: Artifact, bars_maker: Callable[..., Bars], tmp_path: Path) -> None:
    script = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from tradesieve.models.artifact.artifact import load_artifact, verify\n"
        "from tradesieve.features.factor import FACTORS\n"
        "artifact = load_artifact(Path(sys.argv[1])); print(verify(artifact), 'above_mean' in FACTORS)\n"
    )
    here = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script, str(own.folder)], cwd=here, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["6", "False"], "and leaves nothing behind in the process"


def test_two_versions_of_a_module_answer_each_with_its_own(
    own: Artifact, sources: Path, tmp_path: Path, artifact_builder: Callable[..., Artifact],
    bars_maker: Callable[..., Bars],
) -> None:  # fmt: skip
    bars = bars_maker("BTC-USD")
    before = scores(own, bars)
    (tmp_path / "shapes.py").write_text("TIMES = -1.0\n")
    (tmp_path / "own_factors.py").write_text(MODULE)
    load_user_modules(["shapes.py", "own_factors.py"], folder=tmp_path)
    other = artifact_builder(tmp_path / "second", features=NAMES)
    assert scores(own, bars) == before
    again = load_artifact(own.folder)
    assert scores(again, bars) == before
    at = Decisions(bars.close_time[200:230], np.ones(30))
    first, second = compute(bars, at, again.features), compute(bars, at, other.features)
    np.testing.assert_array_equal(first[:, 0], -second[:, 0])
    np.testing.assert_array_equal(first[:, 1:], second[:, 1:])
    assert parse_feature(NAMES[0]).factor.module.fingerprint == other.features[0].factor.module.fingerprint  # type: ignore[union-attr]
    assert verify(again) == verify(other) == 6
    load_user_modules(["shapes.py", "own_factors.py"], folder=sources)


def test_altered_source_is_refused(own: Artifact, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(own.folder, tmp_path / "copy"))
    path = copy / "modules" / "shapes.py"
    path.write_text("TIMES = 3.0\n")
    with pytest.raises(BadInput, match=r"shapes.py is cut short or altered"):
        load_artifact(copy)
    manifest = signed.read(copy)
    manifest["files"]["modules/shapes.py"] = file_checksum(path)
    sign(copy, manifest)
    with pytest.raises(Refused, match="feature bars__above_mean__window_20 is"):
        verify(load_artifact(copy))
    manifest["modules"] = manifest["modules"][:1]
    sign(copy, manifest)
    with pytest.raises(Unknown, match="'above_mean'"):
        load_artifact(copy)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ({"name": "outside", "file": "../../outside.py"}, "not modules/outside.py"),
        ({"name": "../../outside", "file": "modules/../../outside.py"}, "must be the name of a Python module"),
        ({"name": "inside", "file": "modules/inside.py"}, "without a checksum"),
    ],
)
def test_no_code_runs_but_that_of_its_own_checked_files(
    own: Artifact, tmp_path: Path, module: dict[str, str], said: str
) -> None:
    copy = Path(shutil.copytree(own.folder, tmp_path / "a" / "copy"))
    ran = tmp_path / "ran"
    source = f"from pathlib import Path\nPath({str(ran)!r}).touch()\n"
    for path in (tmp_path / "outside.py", copy / "modules" / "inside.py"):
        path.write_text(source)
    manifest = signed.read(copy)
    manifest["modules"].append({**module, "packages": []})
    if module["name"] == "inside":
        (copy / "modules" / "inside.py").unlink()
        (tmp_path / "outside.py").rename(copy / "inside.py")
        manifest["files"]["inside.py"] = file_checksum(copy / "inside.py")
    else:
        manifest["files"][module["file"]] = file_checksum(tmp_path / "outside.py")
    sign(copy, manifest)
    with pytest.raises(BadInput, match=said):
        load_artifact(copy)
    assert not ran.exists()


def test_a_factor_of_no_file_is_refused(tmp_path: Path, artifact_builder: Callable[..., Artifact]) -> None:
    @factor
    def of_a_notebook(bars, window=5):  # type: ignore[no-untyped-def]
        """Take the last close."""
        return bars.close[-1]

    with pytest.raises(BadInput, match="which cannot be bundled: move it to a file and name it in"):
        artifact_builder(tmp_path / "never", features=("bars__of_a_notebook__window_5", *NAMES[2:]))


@pytest.mark.slow
def test_a_service_answers_with_the_same_score(
    own: Artifact, start_server: Callable[..., object], bars_maker: Callable[..., Bars]
) -> None:
    bars = bars_maker("BTC-USD")[:300]
    server = start_server(own.folder)
    asked = {
        "strategy": "breakout(lookback=20)", "symbol": "BTC-USD", "timeframe": "5m", "side": 1,
        "decision_time": int(bars.close_time[-1]),
        "bars": {name: getattr(bars, name)[-own.requirements("5m").bars :].tolist() for name in COLUMNS},
    }  # fmt: skip
    answer = httpx.post(f"{server.url}/score", json=asked, timeout=30.0).json()  # type: ignore[attr-defined]
    expected = own.model.predict(compute(bars, Decisions(bars.close_time[-1:], np.ones(1)), own.features))[0]
    assert answer["score"] == expected, answer
