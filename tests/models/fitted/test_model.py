"""Model files: manifests, refusals, and scores held against scikit-learn's own."""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.fitted.formats import load_model
from tradesieve.models.fitted.model import MANIFEST, LightGBMMeanModel, LightGBMModel, Model, ScikitModel
from tradesieve.models.labels.base import CLASSIFICATION, REGRESSION


def rows(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(8)
    X = generator.standard_normal((n, 9))
    y = (X[:, 0] + generator.standard_normal(n) > 0).astype(np.float64)
    X[generator.random(X.shape) < 0.1] = np.nan
    return X, y


def fit(engine: str, estimator: str) -> Model:
    X, y = rows()
    candidate = engine_named(engine).candidates(1, seed=0, estimators=[estimator])[0]
    return engine_named(engine).fit(candidate, X, y, np.ones(len(y)), seed=0)


SCIKIT = ("pycaret", "sklearn", "neural_network")


@pytest.mark.parametrize(
    ("engine", "estimator"), [(name, own) for name in SCIKIT for own in engine_named(name).estimators()]
)
def test_scores_equal_the_pipeline_s_own(engine: str, estimator: str) -> None:
    X, _ = rows()
    model = fit(engine, estimator)
    assert isinstance(model, ScikitModel)
    if estimator == "nearest":
        weighted, weight = model.pipeline.predict(X).T
        theirs = weighted / weight
    else:
        theirs = model.pipeline.predict_proba(X[:, model.columns])[:, 1]
    np.testing.assert_allclose(model.predict(X), theirs, rtol=0, atol=1e-12)
    if estimator in ("dt", "rf", "et", "forest", "extra_trees", "histogram_boosting"):
        np.testing.assert_array_equal(model.predict(X), theirs)


@pytest.mark.parametrize(
    ("engine", "estimator"), [(name, own) for name in SCIKIT for own in engine_named(name).estimators(REGRESSION)]
)
def test_predictions_equal_the_pipeline_s_own(engine: str, estimator: str) -> None:
    X, y = rows()
    y = 0.01 * (y + X[:, 1].clip(-1, 1))
    y[np.isnan(y)] = 0.0
    candidate = engine_named(engine).candidates(1, seed=0, estimators=[estimator], task=REGRESSION)[0]
    model = engine_named(engine).fit(candidate, X, y, np.ones(len(y)), seed=0)
    assert isinstance(model, ScikitModel)
    theirs = model.pipeline.predict(X)
    theirs = theirs[:, 0] / theirs[:, 1] if estimator == "nearest" else theirs
    np.testing.assert_allclose(model.predict(X), theirs, rtol=0, atol=1e-12)
    assert np.corrcoef(theirs, y)[0, 1] > 0.2, "also of targets as small as a trade's return"


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_a_neighbour_s_vote_is_weighted(metric: str) -> None:
    """Held against a plain loop over the rows that imputer and scaler give."""
    X, y = rows()
    weight = np.random.default_rng(2).uniform(0.2, 3.0, len(y))
    candidate = Candidate("sklearn", "nearest", {"n_neighbors": 7, "metric": metric})
    model = engine_named("sklearn").fit(candidate, X, y, weight, seed=0)
    Z = model.pipeline[:-1].transform(X)  # type: ignore[attr-defined]
    expected = []
    for row in Z:
        apart = np.abs(Z - row).sum(axis=1) if metric == "manhattan" else ((Z - row) ** 2).sum(axis=1)
        nearest = np.argsort(apart, kind="stable")[:7]
        expected.append((weight[nearest] * y[nearest]).sum() / weight[nearest].sum())
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12)


def test_the_file_of_a_network_holds_no_state_of_its_training() -> None:
    model = fit("neural_network", "perceptron")
    kinds = {type(value).__name__ for value in vars(model.pipeline[-1]).values()}  # type: ignore[attr-defined]
    assert not kinds & {"AdamOptimizer", "RandomState"}


def test_a_sum_along_rows_does_not_depend_on_the_rows_beside_and_a_product_does() -> None:
    """Why linear models do not score through scikit-learn."""
    generator = np.random.default_rng(0)
    Z, coefficients = generator.standard_normal((2000, 60)), generator.standard_normal(60)
    batch = Z @ coefficients
    summed = (Z * coefficients).sum(axis=1)
    assert all((Z[row : row + 1] * coefficients).sum(axis=1)[0] == summed[row] for row in range(2000))
    if all((Z[row : row + 1] @ coefficients)[0] == batch[row] for row in range(2000)):
        pytest.skip("this machine's BLAS happens to sum a row alone as it does among others")
    np.testing.assert_allclose(summed, batch, rtol=0, atol=1e-12)


def test_lightgbm_scores_equal_the_booster_s(tmp_path: Path) -> None:
    import lightgbm

    X, _ = rows()
    model = fit("lightgbm", "gbdt")
    model.save(tmp_path)
    booster = lightgbm.Booster(model_file=tmp_path / "model.txt")
    np.testing.assert_array_equal(model.predict(X), booster.predict(X))


@pytest.mark.parametrize(("engine", "estimator"), [("lightgbm", "gbdt"), ("lightgbm", "mean"), ("pycaret", "lr")])
def test_a_model_without_the_columns_that_it_does_not_read_is_the_same(
    engine: str, estimator: str, tmp_path: Path
) -> None:
    X, y = rows(1500)
    names = [f"close{'_beside_AAA' if column in (0, 4, 7) else ''}__change__window_{column + 2}" for column in range(9)]
    task = REGRESSION if estimator == "mean" else CLASSIFICATION
    candidate = engine_named(engine).candidates(1, seed=0, estimators=[estimator], task=task)[0]
    candidate = replace(candidate, selection="own_symbol")
    model = engine_named(engine).fit(candidate, X, y, np.ones(len(y)), seed=0, feature_names=names)
    assert model.columns.tolist() == [1, 2, 3, 5, 6, 8]
    kept = np.array([1, 2, 3, 4, 5, 6, 8])
    narrowed = model.narrowed(kept)
    assert (narrowed.columns.tolist(), narrowed.n_features) == ([0, 1, 2, 4, 5, 6], 7)
    assert narrowed.predict(X[:, kept]).tobytes() == model.predict(X).tobytes()
    narrowed.save(tmp_path)
    assert load_model(tmp_path).predict(X[:, kept]).tobytes() == model.predict(X).tobytes()
    assert (model.n_features, len(model.columns)) == (9, 6), "the model itself stays as it was"
    with pytest.raises(BadInput, match="of which not all are kept"):
        model.narrowed(np.array([1, 2, 3]))


def test_a_mean_of_boosters_is_each_one_divided_by_the_deviation_of_its_scores() -> None:
    import lightgbm

    X, y = rows(3000)
    engine = engine_named("lightgbm")
    candidate = engine.candidates(1, seed=0, estimators=["mean"], task=REGRESSION)[0]
    model = engine.fit(candidate, X, y - 0.5, np.ones(len(y)), seed=0)
    assert isinstance(model, LightGBMMeanModel)
    parts = [lightgbm.Booster(model_str=member._text).predict(X) for member in model._members]
    assert np.corrcoef(parts)[0, 1] > 0.5
    np.testing.assert_allclose(model.predict(X), sum(part / part.std() for part in parts) / 2, rtol=1e-12)
    with pytest.raises(BadInput, match="tell no good trade from a bad one"):
        engine.fit(candidate, np.zeros_like(X), y - 0.5, np.ones(len(y)), seed=0)


@pytest.mark.parametrize(
    ("engine", "estimator", "kind"), [("lightgbm", "gbdt", "lightgbm"), ("pycaret", "lr", "skops")]
)
def test_the_manifest_says_what_the_model_is(engine: str, estimator: str, kind: str, tmp_path: Path) -> None:
    fit(engine, estimator).save(tmp_path / "new" / "folder")
    manifest = json.loads((tmp_path / "new" / "folder" / MANIFEST).read_text())
    assert manifest["format"] == kind
    assert manifest["n_features"] == 9
    assert manifest["columns"] == list(range(9))
    assert len(manifest["library"].split(" ")[1].split(".")) >= 3
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 2


def test_saving_twice_gives_the_same_files(tmp_path: Path) -> None:
    model = fit("lightgbm", "extra")
    model.save(tmp_path / "a")
    load_model(tmp_path / "a").save(tmp_path / "b")
    for name in ("model.txt", MANIFEST):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_predict_checks_its_rows() -> None:
    X, _ = rows()
    model = fit("lightgbm", "gbdt")
    assert model.predict(X[:0]).shape == (0,)
    with pytest.raises(BadInput, match="fitted on 9 features"):
        model.predict(X[:, :8])
    with pytest.raises(BadInput, match="fitted on 9 features"):
        model.predict(X[0])
    X[4, 2] = -np.inf
    with pytest.raises(BadInput, match="row 4, column 2"):
        model.predict(X)


def test_columns_must_ascend_within_the_features() -> None:
    text = fit("lightgbm", "gbdt")._text  # type: ignore[attr-defined]
    for columns in ([], [0, 0], [2, 1], [-1, 3], [0, 9]):
        with pytest.raises(BadInput, match="columns must ascend"):
            LightGBMModel(text, np.array(columns, dtype=np.int64), 9)


def edit(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text()) | changes
    (folder / MANIFEST).write_text(json.dumps({name: value for name, value in manifest.items() if value is not None}))


def test_what_is_not_a_whole_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"model\.json is missing"):
        load_model(tmp_path)
    model = fit("lightgbm", "gbdt")
    model.save(tmp_path)
    edit(tmp_path, format="pickle")
    with pytest.raises(Unknown, match="model format 'pickle'"):
        load_model(tmp_path)
    edit(tmp_path, format=None)
    with pytest.raises(BadInput, match="KeyError 'format'"):
        load_model(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(BadInput, match="not a model's manifest"):
        load_model(tmp_path)
    model.save(tmp_path)
    with (tmp_path / "model.txt").open("a") as file:
        file.write("\n")
    with pytest.raises(BadInput, match="checksum"):
        load_model(tmp_path)
    (tmp_path / "model.txt").unlink()
    with pytest.raises(BadInput, match=r"model\.txt is missing"):
        load_model(tmp_path)


@pytest.mark.parametrize(("engine", "estimator"), [("lightgbm", "gbdt"), ("sklearn", "logistic")])
def test_a_file_that_its_library_cannot_read_is_refused_by_name(engine: str, estimator: str, tmp_path: Path) -> None:
    model = fit(engine, estimator)
    model.save(tmp_path)
    path = tmp_path / model.file_name
    path.write_bytes(b"tree\nversion=v4\nnonsense")
    edit(tmp_path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(BadInput, match=f"{path.name} cannot be read as {model.format}: "):
        load_model(tmp_path)


def test_a_file_with_other_types_is_refused(tmp_path: Path) -> None:
    """The checksum is no signature: whoever can write the folder can write both, so types are checked as well."""
    import hashlib

    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    fit("pycaret", "lr").save(tmp_path)
    skops.io.dump(FunctionTransformer(func=rows), tmp_path / "model.skops")
    edit(tmp_path, sha256=hashlib.sha256((tmp_path / "model.skops").read_bytes()).hexdigest())
    with pytest.raises(Refused, match="types that no model here has"):
        load_model(tmp_path)


def test_a_booster_scores_one_row_as_many_and_as_lightgbm_itself_also_after_pickling() -> None:
    X, _ = rows()
    model = fit("lightgbm", "gbdt")
    assert isinstance(model, LightGBMModel)
    theirs = model._booster.predict(np.ascontiguousarray(X[:, model.columns]), num_threads=1)
    copied = pickle.loads(pickle.dumps(model))
    for each in (model, copied):
        np.testing.assert_array_equal([each.predict(X[row : row + 1])[0] for row in range(len(X))], theirs)


def test_a_booster_of_other_columns_is_refused() -> None:
    model = fit("lightgbm", "gbdt")
    assert isinstance(model, LightGBMModel)
    with pytest.raises(BadInput, match=f"the booster reads {len(model.columns)} columns, not the 1 given"):
        LightGBMModel(model._text, np.array([0]), model.n_features)
