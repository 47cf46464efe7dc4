"""The artifact: written whole or not at all, loaded only when untouched, verified bit for bit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import signed
from tests.signed import reseal, sign
from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_sets import MINIMAL
from tradesieve.features.requirements import Requirements
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.models.applications.kelly import Kelly
from tradesieve.models.applications.per_strategy_threshold import PerStrategyThreshold
from tradesieve.models.artifact.artifact import Artifact, load_artifact, release, verify, write_artifact
from tradesieve.models.artifact.golden_vectors import GoldenVector
from tradesieve.models.artifact.manifest_schema import GivenManifest, Manifest
from tradesieve.models.fitted.model import ScikitModel


@pytest.fixture
def copy(artifact: Artifact, tmp_path: Path) -> Path:
    return Path(shutil.copytree(artifact.folder, tmp_path / "copy"))


def test_scores_of_a_loaded_artifact_are_those_of_the_engine_and_the_model(
    artifact: Artifact, bars_maker: Callable[..., Bars]
) -> None:
    bars = bars_maker("BTC-USD")
    loaded = load_artifact(artifact.folder)
    decisions = Decisions(bars.close_time[200:260], np.where(np.arange(60) % 2, 1.0, -1.0))
    expected = artifact.model.predict(compute(bars, decisions, MINIMAL))
    assert loaded.score(bars, decisions).tobytes() == expected.tobytes()
    one_by_one = [
        loaded.score(bars[201 + row - loaded.requirements("5m").bars : 201 + row], decisions[row : row + 1])[0]
        for row in range(60)
    ]
    assert np.array(one_by_one).tobytes() == expected.tobytes()


def test_sizes_follow_the_application_and_unknown_instances_are_refused(artifact: Artifact) -> None:
    names = artifact.manifest["instances"]
    threshold = artifact.manifest["application"]["parameters"]["threshold"]
    below = np.nextafter(threshold, 0.0)
    np.testing.assert_array_equal(artifact.sizes(np.array([threshold, below]), names[:2]), [1.0, 0.0])
    with pytest.raises(Unknown, match="did you mean 'breakout"):
        artifact.sizes(np.array([0.5]), ["breakout(lookback=21)|BTC-USD|5m"])


def test_instances_keep_their_order_so_each_has_its_own_threshold(
    artifact_builder: Callable[..., Artifact], tmp_path: Path
) -> None:
    built = artifact_builder(tmp_path / "a", application=PerStrategyThreshold((0.1, 0.4, 0.7, 1.0), 0.5))
    names = built.manifest["instances"]
    np.testing.assert_array_equal(load_artifact(built.folder).sizes(np.full(4, 0.6), names), [1, 1, 0, 0])
    with pytest.raises(BadInput, match="2 thresholds for 4 instances"):
        artifact_builder(tmp_path / "b", application=PerStrategyThreshold((0.1, 0.4), 0.5))


def test_lookback_is_the_longest_of_the_features(artifact: Artifact) -> None:
    assert artifact.requirements("5m").bars == 100


def test_it_round_trips_and_equal_content_has_an_equal_fingerprint(artifact: Artifact, copy: Path) -> None:
    loaded = load_artifact(copy)
    assert loaded.manifest == artifact.manifest
    assert loaded.application == artifact.application
    assert loaded.fingerprint == artifact.fingerprint
    assert verify(loaded) == 6


def test_the_manifest_says_what_it_is(artifact: Artifact) -> None:
    manifest = json.loads((artifact.folder / "manifest.json").read_text())
    assert manifest["symbols"] == ["BTC-USD", "ETH-USD"]
    assert manifest["timeframes"] == ["5m"]
    assert manifest["features"] == list(MINIMAL)
    assert manifest["model"]["format"] == "lightgbm"
    assert set(manifest["versions"]) == {"python", "numpy", "numba", "lightgbm"}
    assert set(manifest["files"]) == {"golden.npz", "model/model.json", "model/model.txt"}
    optional = {
        "modules", "same_trades_as", "only_sides", "training_bars", "training_features", "life_days", "categories",
    }  # fmt: skip
    assert set(Manifest.model_fields) - optional == set(manifest)


def test_nothing_in_the_folder_is_a_pickle(artifact: Artifact) -> None:
    with np.load(artifact.folder / "golden.npz", allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "fiU" for name in file.files)
    for path in artifact.folder.rglob("*"):
        assert path.suffix not in {".pkl", ".pickle", ".joblib"}


@pytest.mark.parametrize("name", ["manifest.json", "golden.npz", "model/model.txt", "model/model.json"])
def test_a_missing_or_short_file_is_named(copy: Path, name: str) -> None:
    path = copy / name
    content = path.read_bytes()
    for length in (0, 1, len(content) // 2, len(content) - 2):
        path.write_bytes(content[:length])
        with pytest.raises(BadInput, match=Path(name).name.replace(".", r"\.")):
            load_artifact(copy)
    path.unlink()
    with pytest.raises(BadInput, match=Path(name).name.replace(".", r"\.")):
        load_artifact(copy)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 3, "format 3; this version reads format 4: run the experiment and `tradesieve model export` again"),
        ("format", 5, "format 5; this version reads format 4: use the version that wrote it"),
        ("format", None, "format None"),
        ("format", True, "format True.*use the version"),
        ("features", ["close__slope__window_nine"], "is not a parameter"),
        ("features", ["close__slop__window_20"], "slop"),
        ("features", 7, "features is 7: Input should be a valid list"),
        ("application", {"name": "threshhold", "parameters": {}}, "did you mean 'threshold'"),
        ("application", {"name": "threshold", "parameters": {}}, "parameters of 'threshold'"),
        (
            "application",
            {"name": "kelly", "parameters": {"payoff_ratio": "1", "fraction": 1}},
            "not valid: application",
        ),
        ("application", None, "application is None"),
        ("files", ["golden.npz"], r"files is \['golden.npz'\]"),
        ("files", {"golden.npz": "0"}, "cut short or altered"),
        ("files", {"other": "0"}, "other"),
        ("files", {"../../other": "0"}, "leads out of the artifact's folder"),
        ("files", {"/etc/hostname": "0"}, "leads out of the artifact's folder"),
        ("files", {}, "is not named in manifest.json"),
    ],
)
def test_a_manifest_that_is_not_understood_is_refused(copy: Path, key: str, value: object, message: str) -> None:
    sign(copy, json.dumps({**signed.read(copy), key: value}))
    with pytest.raises(BadInput, match=message):
        load_artifact(copy)


@pytest.mark.parametrize("text", ["", "[]", "null", "7", '{"format": 4}', "\x00\xff", "{"])
def test_a_manifest_that_is_none_is_refused(copy: Path, text: str) -> None:
    sign(copy, text)
    with pytest.raises(BadInput, match=r"manifest\.json"):
        load_artifact(copy)


def test_a_link_is_refused(copy: Path, tmp_path: Path) -> None:
    (copy / "golden.npz").rename(tmp_path / "golden.npz")
    (copy / "golden.npz").symlink_to(tmp_path / "golden.npz")
    with pytest.raises(BadInput, match=r"golden\.npz is a link"):
        load_artifact(copy)


def test_without_a_golden_vector_nothing_is_proven(copy: Path) -> None:
    with np.load(copy / "golden.npz") as file:
        columns = {name: file[name][:0] for name in file.files}
    np.savez(copy / "golden.npz", **columns)
    reseal(copy)
    with pytest.raises(BadInput, match="holds no golden vectors"):
        verify(load_artifact(copy))


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere is not an artifact"):
        load_artifact(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("array", "message"),
    [("X", f"feature {MINIMAL[0]} is"), ("scores", "score is"), ("sizes", "size is"), ("close", "is .* here and was")],
)
def test_one_other_bit_in_an_answer_is_refused(copy: Path, array: str, message: str) -> None:
    path = copy / "golden.npz"
    with np.load(path) as file:
        columns = {name: file[name] for name in file.files}
    if array == "close":  # the last close of the first window, moved within its bar
        row = columns["n_bars"][0] - 1
        columns["close"][row] = (columns["low"][row] + columns["high"][row]) / 2
    else:
        columns[array].flat[0] = np.nextafter(columns[array].flat[0], 2.0)
    np.savez(path, **columns)
    reseal(copy)
    with pytest.raises(Refused, match=f"golden vector 0.*{message}"):
        verify(load_artifact(copy))


def test_all_that_a_decision_was_given_is_kept(full_artifact: Artifact) -> None:
    """What it looks at, no more; and a whole record where the decision had less than a feature looks back."""
    vectors, _ = full_artifact.golden
    assert full_artifact.requirements("5m", "BTC-USD") == Requirements(
        bars=71, others={"ETH-USD": 47}, results=10, terms=frozenset({"side", "stop", "target", "agreeing", "results"})
    )
    assert full_artifact.requirements("5m", "ETH-USD").others == {}
    assert {vector.bars.symbol: list(vector.others) for vector in vectors} == {"BTC-USD": ["ETH-USD"], "ETH-USD": []}
    assert {len(vector.bars) for vector in vectors} == {71}
    assert {len(bars) for vector in vectors for bars in vector.others.values()} == {47}
    assert sorted({len(vector.decision.results) for vector in vectors}) == [0, 7, 10]
    assert len({float(vector.decision.stop[0]) for vector in vectors}) > 5
    assert verify(load_artifact(full_artifact.folder)) == 8


@pytest.mark.parametrize("array", ["stop", "target", "agreeing", "results", "close"])
def test_one_other_bit_in_what_a_decision_was_given_is_refused(
    full_artifact: Artifact, tmp_path: Path, array: str
) -> None:
    path = Path(shutil.copytree(full_artifact.folder, tmp_path / "copy")) / "golden.npz"
    with np.load(path) as file:
        columns = {name: file[name] for name in file.files}
    if array == "close":  # the last close of another symbol's window, moved within its bar
        other = int(np.flatnonzero(np.diff(columns["window_of"]) == 0)[0]) + 1
        row = int(columns["n_bars"][: other + 1].sum()) - 1
        columns["close"][row] = (columns["low"][row] + columns["high"][row]) / 2
    else:
        row = int(np.flatnonzero(np.isfinite(columns[array]))[-1])
        columns[array][row] += 0.5
    np.savez(path, **columns)
    reseal(path.parent)
    with pytest.raises((Refused, BadInput), match=r"golden vector \d.*feature|agreeing is"):
        verify(load_artifact(path.parent))


def test_a_vector_has_to_know_what_the_features_look_at(full_artifact: Artifact, tmp_path: Path) -> None:
    whole = next(vector for vector in full_artifact.golden[0] if vector.others)
    given = {key: value for key, value in full_artifact.manifest.items() if key in GivenManifest.model_fields}
    features = full_artifact.manifest["features"]

    def attempt(vector: GoldenVector, message: str) -> None:
        with pytest.raises(BadInput, match=message):
            write_artifact(
                tmp_path / "new", model=full_artifact.model, features=features, application=full_artifact.application,
                manifest=given, golden=[vector],
            )  # fmt: skip

    for name in ("stop", "target", "agreeing"):
        attempt(replace(whole, decision=replace(whole.decision, **{name: None})), f"need {name}, which")
    silent = replace(whole.decision, results=None, first_result=None, end_result=None)
    attempt(replace(whole, decision=silent), "need results, which")
    attempt(replace(whole, others={}), "need ETH-USD, which")


def test_another_model_is_refused(copy: Path, artifact_builder: Callable[..., Artifact], tmp_path: Path) -> None:
    other = artifact_builder(tmp_path / "other", seed=2)
    shutil.rmtree(copy / "model")
    shutil.copytree(other.folder / "model", copy / "model")
    reseal(copy)
    with pytest.raises(Refused, match=r"score is 0\.\d+ here and was 0\.\d+"):
        verify(load_artifact(copy))


def test_a_mismatch_names_the_versions_that_moved(copy: Path) -> None:
    manifest = signed.read(copy)
    manifest["versions"]["numpy"] = "1.0"
    sign(copy, manifest)
    with np.load(copy / "golden.npz") as file:
        columns = {name: file[name] for name in file.files}
    columns["scores"][0] += 0.1
    np.savez(copy / "golden.npz", **columns)
    reseal(copy)
    with pytest.raises(Refused, match=r"versions here: numpy .* \(was 1\.0\)"):
        verify(load_artifact(copy))


def test_writing_is_all_or_nothing(
    artifact: Artifact, tmp_path: Path, artifact_builder: Callable[..., Artifact]
) -> None:
    given = {key: value for key, value in artifact.manifest.items() if key in GivenManifest.model_fields}
    vectors = artifact.golden[0]
    parts = {"model": artifact.model, "features": MINIMAL, "application": artifact.application}

    def attempt(error: type[Exception], message: str, **changes: object) -> None:
        arguments = {**parts, "manifest": given, "golden": vectors, **changes}
        with pytest.raises(error, match=message):
            write_artifact(tmp_path / "new", **arguments)  # type: ignore[arg-type]
        assert list(tmp_path.iterdir()) == []

    attempt(BadInput, "no golden vectors", golden=[])
    whole = vectors[0]
    later = replace(whole.decision, time=whole.decision.time + 1)
    attempt(BadInput, r"golden\[0\].*needs 100 bars.*has 99", golden=[replace(whole, bars=whole.bars[1:])])
    attempt(BadInput, r"golden\[0\].*closes at", golden=[replace(whole, decision=later)])
    attempt(BadInput, r"golden\[0\].*need side", golden=[replace(whole, decision=Decisions(whole.decision.time))])
    attempt(BadInput, r"golden\[0\].*holds 0 decisions", golden=[replace(whole, decision=whole.decision[:0])])
    attempt(Unknown, "strategy instance", golden=[replace(whole, instance_name="x|y|5m")])
    attempt(BadInput, "no gate", manifest={k: v for k, v in given.items() if k != "gate"})
    attempt(BadInput, "gate.open is 'yes'", manifest={**given, "gate": {"open": "yes"}})
    attempt(BadInput, "override: must be null or a reason in words", manifest={**given, "override": " "})
    attempt(BadInput, "plain JSON", manifest={**given, "n_trials": float("nan")})
    attempt(BadInput, "plain JSON", manifest={**given, "n_trials": np.int64(3)})
    attempt(BadInput, r"instances is \[\]", manifest={**given, "instances": []})
    attempt(BadInput, "must be distinct", manifest={**given, "instances": ["a|b|5m"] * 2})
    attempt(BadInput, "write 1h", manifest={**given, "instances": ["a|b|60m"]})
    attempt(BadInput, "reads 13 features", features=MINIMAL[1:])
    attempt(Unknown, "slop", features=(*MINIMAL[1:], "close__slop__window_20"))
    with pytest.raises(BadInput, match="never rewritten"):
        write_artifact(artifact.folder, manifest=given, golden=vectors, **parts)  # type: ignore[arg-type]


def test_a_closed_gate_is_released_only_with_a_written_reason(
    artifact_builder: Callable[..., Artifact], tmp_path: Path
) -> None:
    condition = {"name": "trades_kept", "passed": False, "reason": "The filter kept 3 of 90 trades."}
    kept = artifact_builder(tmp_path / "a", gate={"open": False, "conditions": [condition]})
    with pytest.raises(Refused, match="The filter kept 3 of 90 trades"):
        release(kept, tmp_path / "b", run_id="r1")
    with pytest.raises(BadInput, match="say in words"):
        release(kept, tmp_path / "b", run_id="r1", override=" ")
    assert not (tmp_path / "b").exists()
    released = release(kept, tmp_path / "b", run_id="r1", override="to watch it live at no size")
    assert (released.manifest["override"], released.manifest["run_id"]) == ("to watch it live at no size", "r1")
    assert released.fingerprint != kept.fingerprint
    assert release(kept, tmp_path / "b", run_id="r1", override="to watch it live at no size").folder == released.folder
    with pytest.raises(BadInput, match="holds another artifact"):
        release(kept, tmp_path / "b", run_id="r2", override="to watch it live at no size")


def test_an_open_gate_needs_no_override_and_keeps_none(
    artifact_builder: Callable[..., Artifact], tmp_path: Path
) -> None:
    kept = artifact_builder(tmp_path / "a", gate={"open": True, "conditions": []})
    released = release(kept, tmp_path / "b", run_id="r1", override="needless")
    assert released.manifest["override"] is None


def test_kelly_sizes_survive_the_round_trip(artifact_builder: Callable[..., Artifact], tmp_path: Path) -> None:
    built = artifact_builder(tmp_path / "a", application=Kelly(1.37, 2.0))
    scores = np.linspace(0, 1, 50)
    names = [built.manifest["instances"][0]] * 50
    expected = Kelly(1.37, 2.0).sizes(scores, np.zeros(50, dtype=np.int64))
    assert load_artifact(built.folder).sizes(scores, names).tobytes() == expected.tobytes()


class LogisticEngine:
    """A scikit-learn pipeline of the steps that a ScikitModel reads."""

    def fit(self, candidate: object, X: np.ndarray, y: np.ndarray, weight: np.ndarray, *, seed: int) -> ScikitModel:
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import StandardScaler

        steps = [
            ("imputer", SimpleImputer(strategy="median", add_indicator=True)),
            ("scaler", StandardScaler()),
            ("estimator", LogisticRegression(C=0.1)),
        ]
        return ScikitModel(
            Pipeline(steps).fit(X, y, estimator__sample_weight=weight), np.arange(X.shape[1]), X.shape[1]
        )


def test_a_scikit_learn_model_is_an_artifact_too(artifact_builder: Callable[..., Artifact], tmp_path: Path) -> None:
    built = artifact_builder(tmp_path / "a", engine=LogisticEngine())
    assert set(built.manifest["versions"]) == {"python", "numpy", "numba", "scikit-learn", "scipy", "skops"}
    assert verify(load_artifact(built.folder)) == 6


BLOCKING = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, {root!r})
from pathlib import Path
from tradesieve.models.artifact.artifact import load_artifact, verify
sys.stdout.write(str(verify(load_artifact(Path({folder!r})))))
"""


def test_loading_lightgbm_needs_no_scikit_learn_pandas_tsfresh_or_automl(artifact: Artifact) -> None:
    blocked = {"sklearn", "pandas", "tsfresh", "pycaret", "mlflow", "bentoml", "prefect", "skops", "pyarrow"}
    root = str(Path(__file__).parents[3])
    script = BLOCKING.format(blocked=blocked, root=root, folder=str(artifact.folder))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "6"), done.stderr
