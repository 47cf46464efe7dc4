"""The process of a vendor in an environment of its own: fits one model and answers for it until its input ends.

Runs as a script of that environment's Python, so it imports nothing of this package; `models.engines.external` talks to
it. A request is a line of JSON on the input: ``{"fit": {...}}`` or ``{"predict": {...}}``, with paths of Parquet files.
The answer is a line of JSON on the output: ``{"library": ...}``, ``{"scores": path}``, or ``{"error": ...}``.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Predict = Callable[[Any], Any]


def fit_autogluon(X: Any, y: Any, weight: Any, request: dict[str, Any]) -> Predict:
    """Fit the first configurations of a list on one fold, the best or their mean anew on all rows."""
    from autogluon.tabular import TabularPredictor

    is_classification, seed = request["task"] == "classification", request["seed"]
    configurations = [
        ("GBM", {"seed": seed}),
        ("XT", {"random_state": seed, "n_estimators": 100, "max_leaf_nodes": 1000}),
        ("GBM", {"seed": seed, "extra_trees": True, "ag_args": {"name_suffix": "XT"}}),
        ("RF", {"random_state": seed, "n_estimators": 100, "max_leaf_nodes": 1000}),
        ("LR", {}),
        ("GBM", {"seed": seed, "num_leaves": 8, "learning_rate": 0.03, "ag_args": {"name_suffix": "Small"}}),
    ]
    chosen: dict[str, list[dict[str, Any]]] = {}
    for kind, parameters in configurations[: request["n_trials"]]:
        chosen.setdefault(kind, []).append(parameters)
    table = X.assign(y=y.astype(int) if is_classification else y, weight=weight)
    train, tested = request["folds"][-1]
    predictor = TabularPredictor(
        label="y",
        problem_type="binary" if is_classification else "regression",
        eval_metric="log_loss" if is_classification else "mean_squared_error",
        sample_weight="weight",
        path=request["folder"] + "/autogluon",
        verbosity=0,
    ).fit(
        table.iloc[train],
        tuning_data=table.iloc[tested],
        hyperparameters=chosen,
        num_bag_folds=0,
        num_stack_levels=0,
        dynamic_stacking=False,
        num_cpus=1,
        num_gpus=0,
        refit_full="best",
        set_best_to_refit_full=True,
    )
    if is_classification:
        return lambda rows: predictor.predict_proba(rows)[1]
    return predictor.predict


def fit_mljar(X: Any, y: Any, weight: Any, request: dict[str, Any]) -> Predict:
    """Fit random models of several kinds on the folds, and the ensemble of the best."""
    from supervised import AutoML

    is_classification = request["task"] == "classification"
    kinds = ["LightGBM", "Extra Trees", "Linear"][: request["n_trials"]]
    automl = AutoML(
        results_path=request["folder"] + "/mljar",
        mode="Perform",
        ml_task="binary_classification" if is_classification else "regression",
        algorithms=kinds,
        eval_metric="logloss" if is_classification else "mse",
        total_time_limit=request["seconds"],
        start_random_models=max(1, request["n_trials"] // len(kinds)),
        hill_climbing_steps=0,
        top_models_to_improve=0,
        train_ensemble=True,
        stack_models=False,
        golden_features=False,
        features_selection=False,
        boost_on_errors=False,
        kmeans_features=False,
        mix_encoding=False,
        explain_level=0,
        validation_strategy={"validation_type": "custom"},
        n_jobs=1,
        random_state=request["seed"],
        verbose=0,
    )
    automl.fit(X, y.astype(int) if is_classification else y, sample_weight=weight, cv=request["folds"])
    return (lambda rows: automl.predict_proba(rows)[:, 1]) if is_classification else automl.predict


def fit_tpot(X: Any, y: Any, weight: Any, request: dict[str, Any]) -> Predict:
    """Evolve pipelines on the folds, after a median imputer."""
    from dask.distributed import Client
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import check_cv
    from tpot import TPOTEstimator
    from tpot.config.template_search_spaces import get_template_search_spaces

    is_classification = request["task"] == "classification"
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    values, n_first = imputer.fit_transform(X), max(1, request["n_trials"] // 3)
    space = get_template_search_spaces(
        "linear-light", classification=is_classification, n_features=values.shape[1], random_state=request["seed"]
    )
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        estimator = TPOTEstimator(
            search_space=space,
            scorers=["neg_log_loss" if is_classification else "neg_mean_squared_error"],
            scorers_weights=[1],
            classification=is_classification,
            cv=check_cv(request["folds"]),
            population_size=n_first,
            generations=max(1, request["n_trials"] // n_first - 1),
            max_time_mins=None,
            max_eval_time_mins=None,
            random_state=request["seed"],
            client=client,
            verbose=0,
        ).fit(values, y.astype(int) if is_classification else y)
    pipeline = estimator.fitted_pipeline_
    if is_classification:
        return lambda rows: pipeline.predict_proba(imputer.transform(rows))[:, 1]
    return lambda rows: pipeline.predict(imputer.transform(rows))


VENDORS = {
    "autogluon": ("autogluon.tabular", fit_autogluon),
    "mljar": ("mljar-supervised", fit_mljar),
    "tpot": ("TPOT", fit_tpot),
}


def answer_fit(request: dict[str, Any]) -> tuple[Predict, dict[str, Any]]:
    """Fit on the rows of a file and return the function that scores others."""
    import numpy as np
    import pandas as pd

    distribution, fit = VENDORS[request["vendor"]]
    np.random.seed(request["seed"])
    table = pd.read_parquet(request["rows"])
    request["folds"] = [(np.array(train), np.array(tested)) for train, tested in request["folds"]]
    X = table.drop(columns=["y", "weight"])
    predict = fit(X, table["y"].to_numpy(), table["weight"].to_numpy(), request)
    return predict, {"library": f"{distribution} {importlib.metadata.version(distribution)}"}


def answer_predict(predict: Predict, request: dict[str, Any]) -> dict[str, Any]:
    """Score the rows of a file into another."""
    import numpy as np
    import pandas as pd

    scores = np.asarray(predict(pd.read_parquet(request["rows"])), dtype=np.float64)
    pd.DataFrame({"score": scores}).to_parquet(request["scores"])
    return {"scores": request["scores"]}


def main() -> None:
    """Answer requests; what vendors print goes to the error output."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    predict: Predict | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "fit" in request:
                os.chdir(Path(request["fit"]["folder"]))  # vendors write beside the program
                predict, answer = answer_fit(request["fit"])
            elif predict is None:
                answer = {"error": "nothing was fitted yet"}
            else:
                answer = answer_predict(predict, request["predict"])
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
